//! `palisade render`: reads the fleet, renders it, compares or writes. Exit 0 good, 1 refused or different, 2 error.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use palisade_sentry::io::{fleet_file, kept_file};
use palisade_sentry::node_config::File;
use palisade_sentry::{Fleet, report};

use super::out_dir::{self, Change};
use crate::render::{Homes, RenderError, render};

/// Arguments of `palisade render`.
#[derive(Clone, Debug, clap::Args)]
pub struct RenderArgs {
    /// The fleet file.
    pub fleet: PathBuf,
    /// Directory that gets `hosts/<host>/files/…`, `manifest.json` and, for a fleet with `[deploy]`, Ansible's `inventory`.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Directory with the nodes' own files, `<host>/<chain>/config/config.toml` and `app.toml`: whole files are rendered from them.
    /// Without it, or for a node that is not in it, the settings alone.
    #[arg(long, value_name = "DIR")]
    pub homes: Option<PathBuf>,
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
    let homes = args.homes.as_deref().map(|dir| homes(dir, &fleet)).transpose()?.unwrap_or_default();
    let rendered = match render(&fleet, &homes) {
        Ok(rendered) => rendered,
        Err(error) => match &error {
            RenderError::Refused(found) => {
                let notes = format!("{}error: {error}\n", report::text(found, &source));
                return Ok(Outcome { notes, code: 1, ..Outcome::default() });
            }
            RenderError::ParseBack(_)
            | RenderError::Template(_)
            | RenderError::NoEndpoint(..)
            | RenderError::Edit { .. } => {
                return Err(error.into());
            }
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
    let mut notes = match rendered.report.findings.as_slice() {
        [] => String::new(),
        _ => report::text(&rendered.report, &source),
    };
    for node in &rendered.without_line {
        let _ = writeln!(notes, "{node}: its settings are not rendered, because nobody says its node_line");
    }
    Ok(Outcome { text, notes, code: u8::from(args.check && differs) })
}

/// The files that are there.
fn homes(dir: &Path, fleet: &Fleet) -> anyhow::Result<Homes> {
    let mut homes = Homes::new();
    for node in fleet.nodes() {
        for file in [File::Config, File::App] {
            let path = dir.join(&node.name.host).join(&node.name.chain).join(file.path());
            if path.exists() {
                homes.insert(
                    (node.name.clone(), file),
                    kept_file::read(&path, file.path())?.text().to_owned(),
                );
            }
        }
    }
    if homes.is_empty() {
        anyhow::bail!(
            "{} holds no file of a node of this fleet\ntry: <host>/<chain>/config/config.toml below it",
            dir.display()
        );
    }
    Ok(homes)
}
