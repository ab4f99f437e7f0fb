//! A consensus key in a file on the validator has no second guard: the node's own state file is all that stops a double
//! sign, and it goes away with a restored snapshot.

use crate::finding::{Finding, Severity};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_key_in_signer",
    attack: "Whoever gets into the validator gets the key; and a restored backup of the machine signs old heights again, which is a double sign: tombstoned for good.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let unserved = fleet.views().filter(|v| v.node.role == Role::Validator);
    unserved
        .filter(|v| v.settings.priv_validator_laddr.value.is_none())
        .map(|v| {
            let evidence =
                "no signed_by, so no priv_validator_laddr: it signs with a key file of its own".to_owned();
            let fix = "declare a [[key]], add signed_by here and [host.signer] on another host".to_owned();
            RULE.finding(Severity::Warn, &v.node.name, evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, hosts, take};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_with_a_key_file() {
        let mut alone = take(CLASSIC, "val-1", "signed_by");
        alone = alone.replace("[host.signer]\nkeys = [\"akash\"]", "[host.signer]\nkeys = []");
        let key = alone.find("[[key]]").unwrap()..alone.find("[[host]]").unwrap();
        alone.replace_range(key, "");
        assert_eq!(hosts(&findings(&RULE, &alone)), ["val-1"]);
    }
}
