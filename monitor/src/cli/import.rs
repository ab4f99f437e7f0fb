//! `palisade-monitor import`: takes a file of `export` in, whole or not at all where it is damaged.

use super::history::Place;
use crate::io::history::{History, portable};
use anyhow::Context as _;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

/// Take in a history that `export` wrote. The monitor must not run meanwhile. Exits 1 when heights differ.
#[derive(clap::Parser)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// What `export` wrote.
    file: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (directory, chain) = args.place.find()?;
    let path = args.file.display();
    let open = || File::open(&args.file).map(BufReader::new).with_context(|| format!("cannot read {path}"));
    portable::check(open()?, &chain)?;
    let mut history = History::open(&directory, &chain)?;
    let done = portable::import(&mut history, open()?)?;
    let how = if done.restored { "restored" } else { "merged" };
    println!("{path}: {how}, {} heights new, {} there already", done.rows, done.merged.same);
    if done.merged.forgotten > 0 {
        println!(
            "{} heights are older than what this history has forgotten; left out",
            done.merged.forgotten
        );
    }
    if done.ahead > 0 {
        println!("{} heights are above this history's last block; the monitor reads them itself", done.ahead);
    }
    if let Some(first) = done.merged.differ.first() {
        println!(
            "{} heights say something else than this history, which stays as it is; the first is {first}",
            done.merged.differ.len()
        );
        println!("try: find out which of the two was fed by a wrong endpoint");
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}
