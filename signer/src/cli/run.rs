//! `palisade-signer run`.

use std::{path::Path, process::ExitCode};

use crate::{
    cli::{Failure, VERSION, args::LogFormat, load},
    io::{
        doppelganger::Foreign,
        run::{self, Options, StartError},
    },
};

pub(super) fn run(path: &Path, log_format: LogFormat) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    logs(log_format);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        // Before anything is started, so that no signal finds the default handler.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let options = Options { version: VERSION.into(), source: Some(path.into()), harden: true };
        let running = run::start_with(&config, options).map_err(|error| {
            let remedy = match &error {
                StartError::Key { source, .. } => source.remedy(),
                StartError::State { chain_id, source } => source.remedy(path, chain_id),
                #[cfg(feature = "etcd")]
                StartError::Shared { chain_id, source } => Some(source.remedy(path, chain_id)),
                StartError::Listen { .. } => Some("another address for listen in the configuration".into()),
                StartError::Admin { .. } => {
                    Some("another path (at most 107 bytes) for socket in [admin]".into())
                }
                StartError::AuditLog { .. } => Some("a directory that this user may write to".into()),
                StartError::Paused(_) => {
                    Some("look at the file; delete it only if no key is to stay paused".into())
                }
                StartError::Identity(_) | StartError::Thread(_) | StartError::Floor { .. } => None,
            };
            Failure { code: 2, error: error.into(), remedy }
        })?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = running.nothing_left() => break,
                () = running.drained() => break,
                // Why it failed is in the log.
                _ = hangup.recv() => drop(running.reload_from_file()),
            }
        }
        let foreign = running.foreign();
        drop(running);
        match foreign.first() {
            None => Ok(ExitCode::SUCCESS),
            Some(first) => Err(doppelganger(path, first)),
        }
    })
}

/// Sends the log to standard error from here on.
pub(super) fn logs(log_format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where the caller logs already; then its way is kept.
    let _ = match log_format {
        LogFormat::Text => logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
}

fn doppelganger(config: &Path, Foreign { chain_id, sighting }: &Foreign) -> Failure {
    let at = sighting.hrs;
    Failure {
        code: 2,
        error: anyhow::anyhow!(
            "chain {chain_id}: another signer has this key: the chain has a precommit of it at {at} that this signer did not make"
        ),
        remedy: Some(format!(
            "find and stop the other signer for good; only then palisade-signer state recover --config {} --chain {chain_id} \
             --rpc URL",
            config.display()
        )),
    }
}
