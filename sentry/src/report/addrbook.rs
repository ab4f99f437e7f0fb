//! What was found in an address book and what was cut out of it, as text and as JSON.

use core::fmt::Write;

use serde::Serialize;

use super::text::{labelled, number, printable};
use crate::addrbook::{ATTACK, Audit, FIX, STOPPED, Trace, Unclear};

/// An audit as text. `source` is the file name as the caller typed it.
pub fn addrbook_text(audit: &Audit, source: &str) -> String {
    let mut out = rows("error", &audit.traces);
    for unclear in &audit.unclear {
        let _ = writeln!(out, "error  {}", printable(&unclear.to_string()));
    }
    if !audit.traces.is_empty() {
        labelled(&mut out, "attack", ATTACK);
        labelled(&mut out, "fix", FIX);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let entries = number(audit.entries, "entry");
    let unclear = match audit.unclear.len() {
        0 => String::new(),
        n => format!(", {} unclear", number(n, "place")),
    };
    let _ = match audit.traces.len() {
        0 if audit.unclear.is_empty() => writeln!(out, "{source}: clean ({entries})"),
        n => writeln!(out, "{source}: traces in {n} of {entries}{unclear}"),
    };
    out
}

/// A scrub as text. `written` is the file that was written, if one was.
pub fn scrub_text(audit: &Audit, source: &str, written: Option<&str>) -> String {
    let mut out = rows("removed", &audit.traces);
    if !audit.traces.is_empty() {
        labelled(&mut out, "note", STOPPED);
        out.push('\n');
    }
    let gone = number(audit.traces.len(), "entry");
    let rest = audit.entries - audit.traces.len();
    let _ = match written {
        Some(file) => writeln!(out, "{source}: {gone} removed, {rest} left, written to {file}"),
        None => writeln!(out, "{source}: clean ({}), nothing written", number(rest, "entry")),
    };
    out
}

fn rows(label: &str, traces: &[Trace]) -> String {
    let mut out = String::new();
    for trace in traces {
        let source = trace.source.as_ref().map(|s| format!(", learned from {s}")).unwrap_or_default();
        let _ = writeln!(out, "{label}  entry {}: {}", trace.entry, printable(&trace.fields.join(", ")));
        let _ = writeln!(out, "  {}", printable(&format!("{}{source}", trace.address)));
    }
    out
}

#[derive(Serialize)]
struct AuditDocument<'a> {
    version: u32,
    source: &'a str,
    entries: usize,
    traces: &'a [Trace],
    unclear: &'a [Unclear],
    attack: &'static str,
    fix: &'static str,
}

#[derive(Serialize)]
struct ScrubDocument<'a> {
    version: u32,
    source: &'a str,
    written: Option<&'a str>,
    entries: usize,
    removed: &'a [Trace],
    note: &'static str,
}

/// An audit as one JSON document that ends with a newline. Keys are only ever added.
pub fn addrbook_json(audit: &Audit, source: &str) -> String {
    let Audit { entries, traces, unclear } = audit;
    document(&AuditDocument {
        version: 1,
        source,
        entries: *entries,
        traces,
        unclear,
        attack: ATTACK,
        fix: FIX,
    })
}

/// A scrub as one JSON document that ends with a newline. Keys are only ever added.
pub fn scrub_json(audit: &Audit, source: &str, written: Option<&str>) -> String {
    document(&ScrubDocument {
        version: 1,
        source,
        written,
        entries: audit.entries,
        removed: &audit.traces,
        note: STOPPED,
    })
}

fn document(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("strings and numbers always serialise");
    text.push('\n');
    text
}
