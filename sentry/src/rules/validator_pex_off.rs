//! Peer exchange on a validator: it collects addresses, dials strangers, and is stored and gossiped by them.
//!
//! Seed mode is peer exchange at its busiest. Spec p2p.md §3.3, leak vector 1.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_pex_off",
    attack: "With peer exchange on, the validator dials strangers from its address book; each of them stores its address and hands it to everybody who asks.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for validator in fleet.views().filter(|v| v.node.role == Role::Validator) {
        let (pex, seed_mode) = (&validator.settings.p2p_pex, &validator.settings.p2p_seed_mode);
        for (key, setting) in [("p2p.pex", pex), ("p2p.seed_mode", seed_mode)] {
            if setting.value {
                let fix = set(validator, key, false, setting.origin);
                let evidence = seen(key, true, setting.origin);
                findings.push(RULE.finding(Severity::Error, &validator.node.name, evidence, fix));
            }
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
    fn fails_with_pex() {
        let findings = findings(&RULE, &give(CLASSIC, "val-1", "config.p2p.pex = true"));
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_in_seed_mode() {
        let findings = findings(&RULE, &give(CLASSIC, "val-1", "config.p2p.seed_mode = true"));
        assert_eq!(hosts(&findings), ["val-1"]);
    }
}
