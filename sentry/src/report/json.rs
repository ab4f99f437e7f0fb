//! The audit as JSON. Keys are only ever added; `version` changes if one must go.

use serde::Serialize;

use crate::audit::Report;
use crate::finding::{Finding, Severity};
use crate::live::Seen;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    source: &'a str,
    hosts: usize,
    nodes: usize,
    rules: &'a [&'static str],
    counts: Counts,
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "<[Seen]>::is_empty")]
    seen: &'a [Seen],
}

#[derive(Serialize)]
struct Counts {
    error: usize,
    warn: usize,
    info: usize,
}

/// The report as one JSON document that ends with a newline. `source` is the file name as the caller typed it.
pub fn json(report: &Report, source: &str) -> String {
    let counts = Counts {
        error: report.count(Severity::Error),
        warn: report.count(Severity::Warn),
        info: report.count(Severity::Info),
    };
    let document = Document {
        version: 1,
        source,
        hosts: report.hosts,
        nodes: report.nodes,
        rules: &report.rules,
        counts,
        findings: &report.findings,
        seen: &report.seen,
    };
    let mut text = serde_json::to_string_pretty(&document).expect("strings and numbers always serialise");
    text.push('\n');
    text
}
