//! A plan for people.

use std::fmt::Write;

use super::{Kind, Plan, Turn};

/// The plan as text; with `diffs` every changed line.
pub fn text(plan: &Plan, diffs: bool) -> String {
    let mut out = String::new();
    for host in &plan.hosts {
        let turn = match host.turn {
            Turn::Sentry => "sentry",
            Turn::Rpc => "rpc",
            Turn::Validator => "validator",
            Turn::Monitor => "monitor",
            Turn::Etcd => "etcd",
            Turn::Signer => "signer",
        };
        let calm = host.is_empty() && host.notes.is_empty();
        let _ = writeln!(out, "{} ({turn}){}", host.host, if calm { ": as planned" } else { "" });
        for line in &host.unknown {
            let _ = writeln!(out, "  UNKNOWN   {line}");
        }
        for change in &host.changes {
            let word = match change.kind {
                Kind::New => "new",
                Kind::Changed => "changed",
                Kind::Permissions => "mode",
                Kind::Binary => "binary",
            };
            let _ = writeln!(out, "  {word:<9} {}", change.target);
            // A new file is read in the rendered tree.
            if diffs && change.kind != Kind::New {
                change.diff.lines().for_each(|line| {
                    let _ = writeln!(out, "      {line}");
                });
            }
        }
        for (word, units) in [("restarts", &host.restarts), ("starts", &host.starts)] {
            for unit in units {
                let _ = writeln!(out, "  {word:<9} {unit}");
            }
        }
        for chain in &host.fresh {
            let _ =
                writeln!(out, "  fresh     the node of {chain} makes its home first, then gets its settings");
        }
        for note in &host.notes {
            let _ = writeln!(out, "  note      {note}");
        }
    }
    if plan.is_empty() {
        out.push_str("\nnothing to do\n");
        return out;
    }
    out.push_str("\norder: ");
    let busy = plan.hosts.iter().filter(|host| !host.is_empty()).map(|host| host.host.as_str());
    let _ = writeln!(out, "{}", busy.collect::<Vec<_>>().join(", then "));
    for risk in &plan.risks {
        let _ = writeln!(out, "risk: {risk}");
    }
    match plan.missed_blocks.is_empty() {
        true => out.push_str("expected missed blocks: none\n"),
        false => {
            for (chain, blocks) in &plan.missed_blocks {
                let _ = writeln!(out, "expected missed blocks on {chain}: at most {blocks}");
            }
        }
    }
    out
}
