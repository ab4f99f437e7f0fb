//! The command line of `palisade-monitor`.

use crate::config::Config;
use crate::io::http::{Http, Tls};
use crate::io::{check, run};
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Watches every validator of a chain: misses, windows, blocks to jail.
#[derive(Parser)]
#[command(name = "palisade-monitor", version)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Watch until stopped.
    Run {
        /// The configuration.
        #[arg(long, default_value = "monitor.toml")]
        config: PathBuf,
    },
    /// Reach every endpoint once and say what is there. Exits 1 when something has to be repaired.
    Check {
        /// The configuration.
        #[arg(long, default_value = "monitor.toml")]
        config: PathBuf,
    },
}

/// Runs the command line `args`, whose first item is the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let result = match args.verb {
        Verb::Run { config } => start(&config),
        Verb::Check { config } => inspect(&config),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

fn read(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}\ntry: --config /path/to/monitor.toml", path.display()))?;
    Ok(Config::parse(&text, path)?)
}

/// One thread: a block costs about a millisecond, and waking a second thread for it costs more than it saves.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")
}

fn start(path: &Path) -> anyhow::Result<ExitCode> {
    let config = read(path)?;
    let filter = EnvFilter::try_from_env("PALISADE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    runtime()?.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let stop = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        run::run(config, |address| println!("http://{address}/"), stop).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn inspect(path: &Path) -> anyhow::Result<ExitCode> {
    let config = read(path)?;
    let http = Http::new(&Tls::default())?;
    let findings = runtime()?.block_on(async {
        let mut findings = Vec::new();
        for chain in &config.chains {
            findings.extend(check::chain(chain, &http).await);
        }
        findings
    });
    for finding in &findings {
        println!("{} {}", if finding.good { "ok  " } else { "FAIL" }, finding.text);
    }
    let repaired = findings.iter().all(|f| f.good);
    if !repaired {
        println!("try: repair what FAILs; `run` starts anyway and keeps trying");
    }
    Ok(if repaired { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
