//! `palisade-monitor run`: the daemon. SIGHUP reads its configuration again.

use crate::config::Config;
use crate::io::run;
use crate::metrics::Compat;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

/// `run`
#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration.
    #[arg(long, default_value = "monitor.toml")]
    config: PathBuf,
    /// Metrics under the names of other monitors too, besides what the configuration wants.
    #[arg(long, value_delimiter = ',')]
    compat: Vec<Compat>,
}

/// The configuration as the command line completes it.
fn read(path: &Path, compat: &[Compat]) -> anyhow::Result<Config> {
    let mut config = super::read(path)?;
    config.chains.iter_mut().for_each(|chain| chain.compat.extend(compat));
    Ok(config)
}

/// Runs until SIGINT or SIGTERM.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = read(&args.config, &args.compat)?;
    let filter = EnvFilter::try_from_env("PALISADE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    super::runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        let (news, reloads) = mpsc::channel(1);
        tokio::spawn(reload(signal(SignalKind::hangup())?, args.config, args.compat, news));
        run::run(config, reloads, |scheme, address| println!("{scheme}://{address}/"), stop).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Reads the configuration at each SIGHUP; a bad one is reported and goes no further.
async fn reload(mut hangup: Signal, path: PathBuf, compat: Vec<Compat>, news: mpsc::Sender<Config>) {
    while hangup.recv().await.is_some() {
        match read(&path, &compat) {
            Ok(config) => {
                if news.send(config).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(%error, "the new configuration is refused, the old one stays");
            }
        }
    }
}
