//! One sentry is one address to flood. With none, the validator is on its own.

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "at_least_two_sentries",
    attack: "Flooding a single machine cuts the validator off the chain; it misses blocks until it is jailed.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in fleet.nodes().filter(|node| node.role == Role::Validator) {
        let severity = match node.behind.len() {
            0 => Severity::Error,
            1 => Severity::Warn,
            _ => continue,
        };
        let evidence = format!("stands behind {} of the two sentries it needs", node.behind.len());
        let fix = format!("add hosts with role = \"sentry\" for {}", node.name.chain);
        findings.push(RULE.finding(severity, &node.name, evidence, fix));
    }
    for key in fleet.keys() {
        let served: Vec<_> = fleet.nodes().filter(|n| n.signed_by.as_ref() == Some(&key.name)).collect();
        if served.len() == 1 && served[0].role != Role::Validator {
            let evidence = format!("signs through one node only, {}", served[0].name.host);
            let fix = format!("add signed_by = \"{}\" to a second sentry", key.name);
            let subject = Subject::key(&key.name, &key.chain);
            findings.push(RULE.finding(Severity::Warn, subject, evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, give, hosts};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_behind_one() {
        let findings = findings(&RULE, &give(CLASSIC, "val-1", r#"behind = ["sentry-1"]"#));
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_behind_none() {
        let findings = findings(&RULE, &give(CLASSIC, "val-1", "behind = []"));
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_when_a_signer_serves_one_sentry() {
        let mut one = SERVED.to_owned();
        for host in ["sentry-2", "sentry-3"] {
            one = crate::rules::example::take(&one, host, "signed_by");
        }
        assert_eq!(findings(&RULE, &one).len(), 1);
    }
}
