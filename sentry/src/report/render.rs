//! A node's settings as a table, and what writing them changes.

use core::fmt::Write;

use similar::TextDiff;

use super::text::{number, printable};
use crate::fleet::View;
use crate::node_config::{Edited, Stray, Wanted};
use crate::node_line::NodeLine;

/// The settings with their reasons.
pub fn settings(view: View<'_>, line: NodeLine, table: &[Wanted]) -> String {
    let mut out = format!("{}: {}, node line {line}\n", view.node.name, view.node.role);
    let mut last = None;
    for row in table {
        if last != Some(row.file) {
            let _ = writeln!(out, "{}", row.file.path());
            last = Some(row.file);
        }
        let _ = writeln!(out, "  {} = {}\n      {}", row.key, row.value, row.why);
    }
    out
}

/// A unified diff; empty where nothing differs. The names are such that `patch -p1` in the home takes it.
pub fn diff(path: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}

/// What was written.
pub fn written(path: &str, edited: &Edited) -> String {
    let mut out = String::new();
    for change in &edited.changes {
        let before = change.before.as_deref().map_or("nothing".to_owned(), printable);
        let _ = writeln!(out, "{} = {}  ({}; was {before})", change.key, change.after, change.why);
    }
    let _ = match edited.changes.len() {
        0 => writeln!(out, "{path}: nothing to change"),
        n => writeln!(out, "{path}: {} written; the node reads it at its next start", number(n, "setting")),
    };
    out
}

/// Keys that the node ignores, as comments, so that a diff stays one.
pub fn strays(path: &str, strays: &[Stray]) -> String {
    let mut out = String::new();
    for stray in strays {
        let _ =
            writeln!(out, "# {path}: the node ignores {}: {}", printable(&stray.key), printable(&stray.why));
    }
    out
}
