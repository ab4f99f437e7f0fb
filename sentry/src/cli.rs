//! The command line of `palisade-sentry`. Exit codes: 0 clean, 1 findings at or above `--fail-on`, 2 error.

mod addrbook;
mod audit;
mod render;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::io::fleet_file::load;
use crate::io::genesis_file;
use crate::report;

/// Shows whether a validator is hidden behind its sentries.
#[derive(Debug, Parser)]
#[command(name = "palisade-sentry", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for leaks and mistakes in a fleet, as it is planned or as the world sees it; exit 1 if there are any.
    Audit(Box<audit::Audit>),
    /// Print what follows from a fleet: addresses, listeners, who dials whom.
    Show {
        /// The fleet file.
        fleet: PathBuf,
    },
    /// Find or remove a hidden node's traces in an address book.
    #[command(subcommand)]
    Addrbook(addrbook::Verb),
    /// List what the gentxs of a genesis publish about their validators; exit 1 if anybody's id or address is in it.
    Genesis {
        /// A genesis.json (SDK 0.39 or later), or the answer of a node's /genesis.
        file: PathBuf,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Bring the settings that the topology decides into a node's own config.toml and app.toml.
    ///
    /// Everything else in them stays byte for byte. Shows the difference; --write makes it.
    Render(render::Render),
    /// List the rules and the attack behind each.
    Rules,
    /// Audit on a schedule: metrics, changes to Alertmanager, history, health of the sentries.
    Watch(watch::Watch),
}

/// Runs the command; the first item of `args` is the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { 2 } else { 0 });
        }
    };
    match run(cli.command) {
        Ok((text, code)) => {
            // A reader that closes the pipe early (`| head`) has what it wants.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> anyhow::Result<(String, u8)> {
    match command {
        Command::Audit(audit) => audit::run(&audit),
        Command::Show { fleet } => Ok((report::show(&load(&fleet)?), 0)),
        Command::Addrbook(verb) => addrbook::run(verb),
        Command::Genesis { file, json } => {
            let census = genesis_file::load(&file)?;
            let source = file.display().to_string();
            let form = if json { report::genesis_json } else { report::genesis_text };
            Ok((form(&census, &source), u8::from(!census.is_clean())))
        }
        Command::Render(render) => render::run(&render),
        Command::Rules => Ok((report::rules(), 0)),
        Command::Watch(watch) => watch::run(&watch),
    }
}
