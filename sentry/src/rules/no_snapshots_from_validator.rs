//! A validator that makes state-sync snapshots offers them to whoever is connected.
//!
//! `state-sync.snapshot-interval` of `app.toml` (spec p2p.md §4, vector 35).

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "no_snapshots_from_validator",
    attack: "Making a snapshot costs the validator time in which it should vote, and serving its chunks more; a rare snapshot also marks the node that has it.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.role == Role::Validator) {
        let (key, setting) = ("state-sync.snapshot-interval", &view.settings.state_sync_snapshot_interval);
        if setting.value != 0 {
            let fix = set(view, key, 0, setting.origin);
            let evidence = seen(key, setting.value, setting.origin);
            findings.push(RULE.finding(Severity::Warn, &view.node.name, evidence, fix));
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
        let sentry = give(CLASSIC, "sentry-1", "app.state-sync.snapshot-interval = 1000");
        assert_eq!(findings(&RULE, &sentry), []);
    }

    #[test]
    fn fails_on_the_validator() {
        let given = give(CLASSIC, "val-1", "app.state-sync.snapshot-interval = 1000");
        assert_eq!(hosts(&findings(&RULE, &given)), ["val-1"]);
    }
}
