//! `palisade-monitor export`: a chain's whole history as one file.

use super::history::Place;
use crate::io::history::portable;
use anyhow::Context as _;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write the whole history of a chain to one file. Works while the monitor runs.
#[derive(clap::Parser)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// A new file.
    file: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (reader, chain) = args.place.reader()?;
    let path = args.file.display();
    let file =
        File::create_new(&args.file).with_context(|| format!("cannot make {path}\ntry: a new name"))?;
    let rows = portable::export(&reader, &chain, BufWriter::new(&file))?;
    file.sync_all().with_context(|| format!("cannot write {path}"))?;
    println!("{path}: {rows} heights of {chain}");
    Ok(ExitCode::SUCCESS)
}
