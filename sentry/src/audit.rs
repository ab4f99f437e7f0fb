//! Runs every rule over the evidence that there is.

use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::home::Home;
use crate::live::{Live, Seen};
use crate::rules::{self, Evidence};

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
    /// Addresses looked at from outside.
    pub addresses: usize,
    /// What a probe met at every address, port by port; empty without one.
    pub seen: Vec<Seen>,
}

/// Runs every rule on a planned fleet.
pub fn audit(fleet: &Fleet) -> Report {
    examine(&Evidence { planned: Some(fleet), ..Evidence::default() })
}

/// Runs every rule on homes that were put [together](Home::together): on the fleet that they make once, and on each of them.
pub fn audit_homes(homes: &[Home]) -> Report {
    let found = rules::ALL.iter().map(|rule| (rule.name, rule.look_at_homes(homes)));
    Report { nodes: homes.len(), ..report(found.collect()) }
}

/// Runs every rule that can say something about this evidence.
pub fn examine(evidence: &Evidence<'_>) -> Report {
    let ran = rules::ALL.iter().filter_map(|rule| Some((rule.name, rule.look(evidence)?))).collect();
    Report {
        hosts: evidence.planned.map_or(0, |fleet| fleet.hosts().count()),
        nodes: evidence.planned.map_or(0, |fleet| fleet.nodes().count())
            + usize::from(evidence.home.is_some()),
        addresses: evidence.live.map_or(0, |live| live.targets.len()),
        seen: evidence.live.map(Live::seen).unwrap_or_default(),
        ..report(ran)
    }
}

/// The findings in their order.
fn report(ran: Vec<(&'static str, Vec<Finding>)>) -> Report {
    let rules = ran.iter().map(|(name, _)| *name).collect();
    let mut findings: Vec<Finding> = ran.into_iter().flat_map(|(_, found)| found).collect();
    findings.sort_by(|a, b| {
        let key = |f: &Finding| {
            (core::cmp::Reverse(f.severity), f.rule, f.subject.clone(), f.source, f.evidence.clone())
        };
        key(a).cmp(&key(b))
    });
    findings.dedup();
    Report { findings, rules, hosts: 0, nodes: 0, addresses: 0, seen: Vec::new() }
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
