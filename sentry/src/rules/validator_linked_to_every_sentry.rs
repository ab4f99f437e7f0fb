//! A sentry that the validator has no connection with protects nothing, and nobody notices until it is the last one.

use crate::finding::{Finding, Severity};
use crate::fleet::{Fleet, NodeName};
use crate::link::Party;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_linked_to_every_sentry",
    attack: "An attacker floods the few sentries that are really linked; the others stand by without a link, and the validator misses blocks until it is jailed.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let linked = |a: &NodeName, b: &NodeName| {
        let (a, b) = (Party::Node(a.clone()), Party::Node(b.clone()));
        fleet.links().iter().any(|l| (l.from == a && l.to == b) || (l.from == b && l.to == a))
    };
    let mut findings = Vec::new();
    for validator in fleet.nodes() {
        for sentry in validator.behind.iter().filter(|sentry| !linked(&validator.name, sentry)) {
            let evidence = format!("neither it nor its sentry {} dials the other", sentry.host);
            let fix = format!(
                "give {} and {} a common network (a wireguard address each), or name the validator's sentries in `behind`",
                validator.name.host, sentry.host
            );
            findings.push(RULE.finding(Severity::Error, &validator.name, evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, hosts};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_when_no_network_joins_them() {
        let findings = findings(&RULE, &CLASSIC.replace("wireguard = \"10.66.0.23\"\n", ""));
        assert_eq!(hosts(&findings), ["val-1"]);
    }
}
