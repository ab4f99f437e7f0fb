//! `palisade-sentry watch`: the audit as a daemon.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;

use crate::io::watch;
use crate::watch::settings::{Settings, parse};

/// The configuration.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The configuration; examples/sentry-watch.toml explains it.
    #[arg(long, default_value = "sentry-watch.toml")]
    config: PathBuf,
    /// Read the configuration and the fleet, say what would be watched, and start nothing.
    #[arg(long)]
    check: bool,
}

/// Runs it until SIGTERM or SIGINT; SIGHUP starts an audit at once.
pub(super) fn run(args: &Watch) -> anyhow::Result<(String, u8)> {
    let name = args.config.display();
    let text = std::fs::read_to_string(&args.config).with_context(|| {
        format!("{name} cannot be read\ntry: --config FILE, such as examples/sentry-watch.toml")
    })?;
    let settings = parse(&text).map_err(|e| anyhow::anyhow!("{name}: {e}"))?;
    let base = args.config.parent().unwrap_or(Path::new("")).to_owned();
    if args.check {
        let lines = watch::check(&settings, &base)?;
        return Ok((format!("{name}: good\n  {}\n", lines.join("\n  ")), 0));
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(settings, base))?;
    Ok((String::new(), 0))
}

async fn serve(settings: Settings, base: PathBuf) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt, mut hang_up) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    let now_please = Arc::new(Notify::new());
    let asked = now_please.clone();
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            asked.notify_one();
        }
    });
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    // Scripts read the address from the first line.
    let bound = |address| println!("listening on {address}");
    Ok(watch::run(settings, base, bound, now_please, stop).await?)
}
