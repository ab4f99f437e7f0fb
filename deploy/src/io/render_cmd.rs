//! `palisade render`: reads the fleet, renders it, compares or writes. Exit 0 good, 1 refused or different, 2 error.

use std::fmt::Write;
use std::path::PathBuf;

use palisade_sentry::io::fleet_file;
use palisade_sentry::report;

use super::out_dir::{self, Change};
use crate::render::{RenderError, render};

/// Arguments of `palisade render`.
#[derive(Clone, Debug, clap::Args)]
pub struct RenderArgs {
    /// The fleet file.
    pub fleet: PathBuf,
    /// Directory that gets `<host>/etc/palisade/….toml` and `manifest.json`.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write nothing; exit 1 if DIR is not what would be written.
    #[arg(long)]
    pub check: bool,
}

/// What to print, and the exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// For standard output.
    pub text: String,
    /// For standard error.
    pub notes: String,
    /// Exit code.
    pub code: u8,
}

/// Runs the command.
///
/// # Errors
/// The fleet does not resolve, a daemon would refuse its file, or the directory cannot be used.
pub fn run(args: &RenderArgs) -> anyhow::Result<Outcome> {
    let fleet = fleet_file::load(&args.fleet)?;
    let source = args.fleet.display().to_string();
    let rendered = match render(&fleet) {
        Ok(rendered) => rendered,
        Err(error) => match &error {
            RenderError::Refused(found) => {
                let notes = format!("{}error: {error}\n", report::text(found, &source));
                return Ok(Outcome { notes, code: 1, ..Outcome::default() });
            }
            RenderError::ParseBack(_) => return Err(error.into()),
        },
    };
    let manifest = rendered.tree.manifest(&fleet);
    let changes = out_dir::compare(&args.out, &rendered.tree, &manifest)?;
    let differs = changes.values().any(|change| *change != Change::Same);
    if !args.check {
        out_dir::write(&args.out, &rendered.tree, &manifest, &changes)?;
    }
    let mut text = String::new();
    for (path, change) in &changes {
        let word = match (change, args.check) {
            (Change::New, false) => "new",
            (Change::New, true) => "missing",
            (Change::Changed, false) => "changed",
            (Change::Changed, true) => "differs",
            (Change::Same, _) => "same",
            (Change::Stale, false) => "removed",
            (Change::Stale, true) => "stale",
        };
        let _ = writeln!(text, "{word:<8} {}", args.out.join(path).display());
    }
    let notes = match rendered.report.findings.as_slice() {
        [] => String::new(),
        _ => report::text(&rendered.report, &source),
    };
    Ok(Outcome { text, notes, code: u8::from(args.check && differs) })
}
