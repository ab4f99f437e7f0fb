//! The audit as text: one block a finding, the summary last, where the eye rests.

use core::fmt::Write;

use crate::audit::Report;
use crate::finding::{Finding, Severity};

/// Columns that text is folded to.
const WIDTH: usize = 100;
/// Width of the label column: two blanks, the longest label, two blanks.
const INDENT: usize = 10;

/// The report as text. `source` is the file name as the caller typed it.
pub fn text(report: &Report, source: &str) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        block(&mut out, finding);
    }
    let _ = writeln!(out, "{source}: {}", summary(report));
    out
}

fn block(out: &mut String, finding: &Finding) {
    let _ = writeln!(out, "{:<5}  {}  {}", finding.severity, finding.subject, finding.rule);
    for (label, text) in
        [("seen", finding.evidence.as_str()), ("attack", finding.attack), ("fix", &finding.fix)]
    {
        for (i, line) in fold(text, WIDTH - INDENT).iter().enumerate() {
            let _ = writeln!(out, "  {:<w$}{line}", if i == 0 { label } else { "" }, w = INDENT - 2);
        }
    }
    out.push('\n');
}

fn summary(report: &Report) -> String {
    let looked = format!(
        "{}, {}, {}",
        number(report.hosts, "host"),
        number(report.nodes, "node"),
        number(report.rules.len(), "rule")
    );
    if report.findings.is_empty() {
        return format!("clean ({looked})");
    }
    let counts = [(Severity::Error, "error"), (Severity::Warn, "warning"), (Severity::Info, "note")];
    let counted: Vec<String> = counts
        .iter()
        .filter_map(|(severity, what)| match report.count(*severity) {
            0 => None,
            n => Some(number(n, what)),
        })
        .collect();
    format!("{} ({looked})", counted.join(", "))
}

fn number(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Breaks text at blanks; a word longer than the line stands alone and whole, so that ids can be copied.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_words_whole() {
        assert_eq!(fold("a bb ccc dddddd e", 4), ["a bb", "ccc", "dddddd", "e"]);
        assert!(fold("", 4).is_empty());
    }
}
