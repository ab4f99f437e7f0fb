//! `palisade-sentry addrbook`: find a hidden node's traces in an address book, and cut them out.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::addrbook::{Book, Wanted};
use crate::io::kept_file;
use crate::peer::NodeId;
use crate::report;

/// What to do with an address book.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Look for traces of a validator or private sentry in an addrbook.json; exit 1 if there are any.
    Audit {
        /// The address book of a node, or a published one.
        file: PathBuf,
        #[command(flatten)]
        search: Search,
    },
    /// Write the book without these traces. The node must be stopped: it rewrites the book every two minutes and on exit.
    ///
    /// All other entries stay byte for byte. The book is replaced in one step, and left alone if it changed meanwhile or
    /// if something in it is unclear.
    Scrub {
        /// The address book of a stopped node.
        file: PathBuf,
        #[command(flatten)]
        search: Search,
        /// Write here and leave the book as it is.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// What to look for.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// Node ids that nobody may know, as `comet show-node-id` prints them.
    #[arg(long = "id", value_name = "NODE_ID", required = true, num_args = 1.., value_delimiter = ',')]
    ids: Vec<NodeId>,
    /// Addresses that nobody may know.
    #[arg(long = "ip", value_name = "ADDR", num_args = 1.., value_delimiter = ',')]
    ips: Vec<IpAddr>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

const BOOK: &str = "config/addrbook.json";

/// Runs the verb; returns what to print and the exit code.
pub(super) fn run(verb: Verb) -> anyhow::Result<(String, u8)> {
    match verb {
        Verb::Audit { file, search } => audit(&file, search),
        Verb::Scrub { file, search, out } => scrub(&file, search, out.as_deref()),
    }
}

fn audit(path: &Path, search: Search) -> anyhow::Result<(String, u8)> {
    let file = kept_file::read(path, BOOK)?;
    let source = path.display().to_string();
    let json = search.json;
    let audit =
        Book::parse(file.text()).map_err(|e| anyhow::anyhow!("{source}: {e}"))?.audit(&search.wanted());
    let text =
        if json { report::addrbook_json(&audit, &source) } else { report::addrbook_text(&audit, &source) };
    // A trace is a fact whatever else is unclear; without one, what is unclear must not look clean.
    let code = match () {
        () if !audit.traces.is_empty() => 1,
        () if !audit.unclear.is_empty() => 2,
        () => 0,
    };
    Ok((text, code))
}

fn scrub(path: &Path, search: Search, out: Option<&Path>) -> anyhow::Result<(String, u8)> {
    let file = kept_file::read(path, BOOK)?;
    let source = path.display().to_string();
    let json = search.json;
    let wrong = |e| anyhow::anyhow!("{source}: {e}");
    let book = Book::parse(file.text()).map_err(wrong)?;
    let audit = book.audit(&search.wanted());
    let scrubbed = book.scrubbed(&audit).map_err(wrong)?;
    let written = match out {
        Some(out) => {
            file.write(out, &scrubbed)?;
            Some(out.display().to_string())
        }
        None if audit.traces.is_empty() => None,
        None => {
            file.replace(&scrubbed)?;
            Some(source.clone())
        }
    };
    let form = if json { report::scrub_json } else { report::scrub_text };
    Ok((form(&audit, &source, written.as_deref()), 0))
}

impl Search {
    fn wanted(self) -> Wanted {
        Wanted { ids: self.ids, ips: self.ips }
    }
}
