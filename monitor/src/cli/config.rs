//! `palisade-monitor config import`: another monitor's configuration as `monitor.toml`, on standard output; what differs or
//! is missing on standard error.

use crate::migrate::{self, Migrated};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Configurations.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print another monitor's configuration as monitor.toml, and name everything that differs or is missing.
    #[command(subcommand)]
    Import(From),
}

#[derive(clap::Subcommand)]
enum From {
    /// tenderduty's config.yml.
    Tenderduty {
        /// The file.
        config: PathBuf,
        /// Its directory chains.d.
        chains_d: Option<PathBuf>,
    },
    /// missed-blocks-checker's config.toml.
    MissedBlocksChecker {
        /// The file.
        config: PathBuf,
    },
}

/// Exits 1 when something has to be done by hand.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Verb::Import(from) = &args.verb;
    let Migrated { text, notes } = match from {
        From::Tenderduty { config, chains_d } => {
            let chains = chains_d.as_deref().map(directory).transpose()?.unwrap_or_default();
            migrate::tenderduty(&config.display().to_string(), &read(config)?, &chains)?
        }
        From::MissedBlocksChecker { config } => {
            migrate::missed_blocks_checker(&config.display().to_string(), &read(config)?)?
        }
    };
    print!("{text}");
    for note in &notes {
        eprintln!("note: {note}");
    }
    Ok(if notes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}\ntry: check path and rights", path.display()))
}

fn directory(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let entries = std::fs::read_dir(path).with_context(|| {
        format!("cannot read {}\ntry: the directory chains.d of tenderduty", path.display())
    })?;
    let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "yml" || e == "yaml"));
    files.sort();
    files.iter().map(|f| Ok((f.display().to_string(), read(f)?))).collect()
}
