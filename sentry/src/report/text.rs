//! The audit as text: one block a finding, the summary last, where the eye rests.

use core::fmt::Write;

use crate::audit::Report;
use crate::finding::{Finding, Severity, Subject};
use crate::live::Seen;

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
    if !report.seen.is_empty() {
        met(&mut out, &report.seen);
        out.push('\n');
    }
    let _ = writeln!(out, "{source}: {}", summary(report));
    out
}

/// What was met, address by address; ports that met the probe alike share a line.
fn met(out: &mut String, seen: &[Seen]) {
    out.push_str("What was met from outside:\n");
    let place = |seen: &Seen| {
        let at = seen.subject.at.as_deref().unwrap_or_default();
        let (ip, port) = at.rsplit_once(':').unwrap_or((at, ""));
        (Subject { at: Some(ip.to_owned()), ..seen.subject.clone() }, port.to_owned())
    };
    let mut lines: Vec<(Subject, &Seen, Vec<String>)> = Vec::new();
    for seen in seen {
        let (subject, port) = place(seen);
        let named = format!("{} {port}", seen.service);
        let alike = lines
            .iter_mut()
            .find(|(s, first, _)| *s == subject && first.state == seen.state && first.says == seen.says);
        match alike {
            Some((_, _, ports)) => ports.push(named),
            None => lines.push((subject, seen, vec![named])),
        }
    }
    let mut last = None;
    for (subject, seen, ports) in &lines {
        if last != Some(subject) {
            let _ = writeln!(out, "  {subject}");
            last = Some(subject);
        }
        hang(out, 4, 14, seen.state, &format!("{}: {}", ports.join(", "), printable(&seen.says)));
    }
}

fn block(out: &mut String, finding: &Finding) {
    let _ = writeln!(out, "{:<5}  {}  {}", finding.severity, finding.subject, finding.rule);
    for (label, text) in
        [("seen", finding.evidence.as_str()), ("attack", finding.attack), ("fix", &finding.fix)]
    {
        labelled(out, label, &printable(text));
    }
    out.push('\n');
}

/// Folded text with its label beside the first line.
pub(super) fn labelled(out: &mut String, label: &str, text: &str) {
    hang(out, 2, INDENT, label, text);
}

/// The same with the label at `from` and the text at `to`.
fn hang(out: &mut String, from: usize, to: usize, label: &str, text: &str) {
    for (i, line) in fold(text, WIDTH - to).iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let _ = writeln!(out, "{:from$}{label:<w$}{line}", "", w = to - from);
    }
}

/// What a stranger wrote, without what moves a terminal's cursor or turns the direction of writing.
pub(super) fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

fn summary(report: &Report) -> String {
    let counted = [(report.hosts, "host"), (report.nodes, "node"), (report.addresses, "address")];
    let mut looked: Vec<String> =
        counted.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| number(n, what)).collect();
    looked.push(number(report.rules.len(), "rule"));
    let looked = looked.join(", ");
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

/// `1 host`, `2 hosts`.
pub(super) fn number(n: usize, what: &str) -> String {
    match what.strip_suffix('y') {
        _ if n == 1 => format!("{n} {what}"),
        None if what.ends_with('s') => format!("{n} {what}es"),
        Some(stem) => format!("{n} {stem}ies"),
        None => format!("{n} {what}s"),
    }
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

    #[test]
    fn strangers_do_not_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2J\n\u{202e}é値"), "a\u{fffd}[2J\u{fffd}\u{fffd}é値");
    }
}
