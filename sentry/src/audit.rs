//! Runs every rule over a fleet.

use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::rules;

/// What an audit found, worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Findings by severity (worst first), rule and subject.
    pub findings: Vec<Finding>,
    /// Names of the rules that ran.
    pub rules: Vec<&'static str>,
    /// Hosts looked at.
    pub hosts: usize,
    /// Nodes looked at.
    pub nodes: usize,
}

/// Runs every rule.
pub fn audit(fleet: &Fleet) -> Report {
    let mut findings: Vec<Finding> = rules::ALL.iter().flat_map(|rule| (rule.check)(fleet)).collect();
    findings.sort_by(|a, b| {
        let key =
            |f: &Finding| (core::cmp::Reverse(f.severity), f.rule, f.subject.clone(), f.evidence.clone());
        key(a).cmp(&key(b))
    });
    Report {
        findings,
        rules: rules::ALL.iter().map(|rule| rule.name).collect(),
        hosts: fleet.hosts().count(),
        nodes: fleet.nodes().count(),
    }
}

impl Report {
    /// How many findings of exactly this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }

    /// Whether any finding is at or above this severity.
    pub fn fails(&self, at: Severity) -> bool {
        self.findings.iter().any(|f| f.severity >= at)
    }
}
