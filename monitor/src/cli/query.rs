//! `palisade-monitor query`: what the history of a chain says, also while the monitor writes it.

use super::history::{Place, now};
use crate::history::columnar;
use crate::history::moment::Moment;
use crate::history::note::Kind;
use crate::history::who;
use crate::io::history::ask::{self, By, Question};
use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Ask the history: uptime, misses, jailings. Works while the monitor runs.
#[derive(Parser)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Signed, missed and proposed blocks, the longest streak of misses, the share signed.
    Uptime {
        #[command(flatten)]
        common: Common,
        /// Over what they are summed.
        #[arg(long, value_enum, default_value = "total")]
        by: Span,
    },
    /// Every stretch of heights that was missed.
    Misses(Common),
    /// Who went to jail and came out of it, and when.
    Jailings(Common),
    /// Everything that happened: jailings, changes of the set, evidence, parameters.
    Events(Common),
}

#[derive(Clone, Copy, ValueEnum)]
enum Span {
    Total,
    Day,
    Hour,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
    Parquet,
}

#[derive(clap::Args)]
struct Common {
    #[command(flatten)]
    place: Place,
    /// valoper, valcons or hex address, or a part of the moniker; may be repeated. Without it: everybody.
    #[arg(long)]
    validator: Vec<String>,
    /// A height, a time (2026-11-21, 2026-11-21T10:00:00Z) or an age (24h, 7d), inclusive.
    #[arg(long)]
    from: Option<String>,
    /// The same; a height is inclusive, a time is not.
    #[arg(long)]
    to: Option<String>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Where to, instead of the terminal.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Exits 1 when there is nothing to tell.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (common, by) = match &args.what {
        What::Uptime { common, by } => (common, *by),
        What::Misses(common) | What::Jailings(common) | What::Events(common) => (common, Span::Total),
    };
    let (reader, _) = common.place.reader()?;
    let names = reader.names()?;
    let mut asked = Vec::new();
    for wanted in &common.validator {
        let known = names.iter().map(|(a, n)| (*a, n.valoper.as_str(), n.moniker.as_str()));
        asked.extend(who::find(wanted, known)?);
    }
    asked.sort_unstable();
    asked.dedup();
    let moment = |text: &Option<String>| text.as_deref().map(|t| Moment::parse(t, now())).transpose();
    let question = Question { who: asked, from: moment(&common.from)?, to: moment(&common.to)? };
    let table = match &args.what {
        What::Uptime { .. } => {
            let by = match by {
                Span::Total => By::Total,
                Span::Day => By::Day,
                Span::Hour => By::Hour,
            };
            ask::uptime(&reader, &question, by)?
        }
        What::Misses(_) => ask::misses(&reader, &question)?,
        What::Jailings(_) => ask::events(&reader, &question, &[Kind::Jailed, Kind::Unjailed])?,
        What::Events(_) => ask::events(&reader, &question, &Kind::ALL)?,
    };
    let bytes = match common.format {
        Format::Table => table.text().into_bytes(),
        Format::Csv => table.csv().into_bytes(),
        Format::Json => table.json().into_bytes(),
        Format::Parquet if common.output.is_none() && std::io::stdout().is_terminal() => {
            anyhow::bail!("Parquet is no text\ntry: --output history.parquet")
        }
        Format::Parquet => columnar::parquet(&table).context("Parquet")?,
    };
    match &common.output {
        Some(path) => {
            std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        // Whoever reads may stop reading.
        None => drop(std::io::stdout().write_all(&bytes)),
    }
    Ok(if table.rows.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
