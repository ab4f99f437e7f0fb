//! The command line of `palisade-monitor`: one file for each verb.

mod alert;
mod check;
mod config;
mod export;
mod history;
mod import;
mod query;
mod rules;
mod run;
mod top;

use crate::config::Config;
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Watches every validator of a chain: misses, windows, blocks to jail.
#[derive(Parser)]
#[command(name = "palisade-monitor", version)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Watch until stopped. SIGHUP reads the configuration again.
    Run(run::Args),
    /// Reach every endpoint once and say what is there. Exits 1 when something has to be repaired.
    Check(check::Args),
    /// Other monitors' configurations.
    Config(config::Args),
    Query(query::Args),
    Export(export::Args),
    Import(import::Args),
    /// What fires, and orders about it: acknowledge, silence, maintenance, a test of a channel.
    Alert(alert::Args),
    /// The rules of the alerts, for Prometheus.
    Rules(rules::Args),
    /// The page in a terminal.
    Top(top::Args),
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
        Verb::Run(args) => run::run(args),
        Verb::Check(args) => check::run(&args),
        Verb::Config(args) => config::run(&args),
        Verb::Query(args) => query::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Alert(args) => alert::run(&args),
        Verb::Rules(args) => rules::run(&args),
        Verb::Top(args) => top::run(args),
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
