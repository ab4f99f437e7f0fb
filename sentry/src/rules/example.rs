//! The example fleets, and small edits that break them, for the tests of the rules.

use crate::finding::Finding;
use crate::resolve::resolve;
use crate::rules::Rule;

pub(super) const CLASSIC: &str = include_str!("../../../examples/fleet-classic.toml");
pub(super) const SERVED: &str = include_str!("../../../examples/fleet-signer-served.toml");

/// What one rule finds.
pub(super) fn findings(rule: &Rule, fleet: &str) -> Vec<Finding> {
    let fleet = resolve(fleet).unwrap_or_else(|e| panic!("{e}\n{fleet}"));
    (rule.check)(&fleet)
}

/// The hosts of the findings.
pub(super) fn hosts(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.subject.host.as_deref().unwrap_or("-")).collect()
}

/// Adds a line to the node of a host; `VAL_1` in it becomes the id of val-1.
pub(super) fn give(fleet: &str, host: &str, line: &str) -> String {
    let line =
        if line.contains("VAL_1") { line.replace("VAL_1", &id(fleet, "val-1")) } else { line.to_owned() };
    let at = line_of(fleet, host, "role = ");
    fleet[..at].to_owned() + &line + "\n" + &fleet[at..]
}

/// Removes the line of the node of a host that starts with `key`.
pub(super) fn take(fleet: &str, host: &str, key: &str) -> String {
    let at = line_of(fleet, host, key);
    let end = at + fleet[at..].find('\n').expect("a line ends") + 1;
    fleet[..at].to_owned() + &fleet[end..]
}

/// The node id on a host.
pub(super) fn id(fleet: &str, host: &str) -> String {
    let at = line_of(fleet, host, "id = \"");
    fleet[at + 6..at + 46].to_owned()
}

fn line_of(fleet: &str, host: &str, key: &str) -> usize {
    let start = fleet.find(&format!("name = \"{host}\"")).expect("the host is there");
    let node = start + fleet[start..].find("[[host.node]]").expect("it has a node");
    node + fleet[node..].find(&format!("\n{key}")).expect("the node has the key") + 1
}
