//! `palisade-sentry render`: the settings of one node, into the files of its home.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::fleet::View;
use crate::io::fleet_file::load;
use crate::io::kept_file;
use crate::named::named;
use crate::node_config::{File, Wanted, edit, strays, wanted};
use crate::node_line::NodeLine;
use crate::report;

/// Which node, where its home is, and what to do.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// The fleet file.
    fleet: PathBuf,
    /// The node: its host, or host/chain where a host has several.
    #[arg(long, value_name = "HOST[/CHAIN]")]
    node: String,
    /// The node's home, the directory above config/. Without it the settings are listed.
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print the difference as a unified diff; exit 1 if there is one. This is what happens without --write.
    #[arg(long, requires = "home", conflicts_with = "write")]
    diff: bool,
    /// Write the files. The old ones are kept as config.toml.bak and app.toml.bak; a running node reads them when it starts
    /// again.
    #[arg(long, requires = "home")]
    write: bool,
}

/// Runs it; returns what to print and the exit code.
pub(super) fn run(args: &Render) -> anyhow::Result<(String, u8)> {
    let fleet = load(&args.fleet)?;
    let view = named(&fleet, &args.node)?;
    let line = line(view)?;
    let table = wanted(view, line);
    let Some(home) = &args.home else { return Ok((report::settings(view, line, &table), 0)) };
    let mut files = Vec::new();
    for file in [File::Config, File::App] {
        let rows: Vec<Wanted> = table.iter().filter(|row| row.file == file).cloned().collect();
        let path = home.join(file.path());
        // An application without the SDK has no app.toml, and needs none.
        if rows.is_empty() || file == File::App && !path.exists() {
            continue;
        }
        let old = kept_file::read(&path, file.path())?;
        let edited = edit(old.text(), &rows).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
        files.push((file, old, edited));
    }
    let (mut out, mut changed) = (String::new(), 0);
    for (file, old, edited) in &files {
        changed += edited.changes.len();
        if args.write {
            if !edited.changes.is_empty() {
                old.write(&home.join(format!("{}.bak", file.path())), old.text())?;
                old.replace(&edited.text)?;
            }
            out += &report::written(&home.join(file.path()).display().to_string(), edited);
        } else {
            out += &report::diff(file.path(), old.text(), &edited.text);
        }
        if *file == File::Config {
            let config = edited.text.parse().context("the file was just read")?;
            out += &report::strays(file.path(), &strays(&config, line));
        }
    }
    Ok((out, u8::from(!args.write && changed > 0)))
}

/// What the node runs.
fn line(view: View<'_>) -> anyhow::Result<NodeLine> {
    view.node.line.with_context(|| {
        format!(
            "nobody says which node line {} runs, and the names of its settings depend on it\ntry: add node_line = \"0.38\" to its [[chain]] or [[host.node]]; known are {}",
            view.node.name,
            NodeLine::names()
        )
    })
}
