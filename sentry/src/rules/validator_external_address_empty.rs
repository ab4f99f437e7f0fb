//! An `external_address` on a validator makes the other side store and gossip it, even where only the validator dials.
//!
//! Verified on all node lines (spec p2p.md §3.5 R17); a widely used playbook sets it on validators. Leak vector 3.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_external_address_empty",
    attack: "The address is sent in the handshake, sentries put it into their address books, and every peer that asks is told where the validator is.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let validators = fleet.views().filter(|v| v.node.role == Role::Validator);
    let leaking = validators.filter(|v| !v.settings.p2p_external_address.value.is_empty());
    leaking
        .map(|v| {
            let setting = &v.settings.p2p_external_address;
            let fix = set(v, "p2p.external_address", "\"\"", setting.origin);
            let evidence = seen("p2p.external_address", &setting.value, setting.origin);
            RULE.finding(Severity::Error, &v.node.name, evidence, fix)
        })
        .collect()
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
    fn fails() {
        let findings =
            findings(&RULE, &give(CLASSIC, "val-1", r#"config.p2p.external_address = "203.0.113.10:26656""#));
        assert_eq!(hosts(&findings), ["val-1"]);
    }
}
