//! A consensus key in a file on the validator has no second guard: the node's own state file is all that stops a double
//! sign, and it goes away with a restored snapshot.

use crate::finding::{Finding, Severity};
use crate::fleet::{Fleet, Role};
use crate::home::Home;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_key_in_signer",
    attack: "Whoever gets into the validator gets the key; and a restored backup of the machine signs old heights again, which is a double sign: tombstoned for good.",
    checks: &[Check::Planned(check), Check::Home(at_home)],
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

/// A node with a signer needs no key file; `init` makes one that never signs. One that has signed is the real key.
fn at_home(home: &Home) -> Vec<Finding> {
    let Some(key) = home.validator_key.filter(|_| home.config.has_signer) else { return Vec::new() };
    let (severity, evidence) = match key.signed_to {
        Some(0) => return Vec::new(),
        Some(height) => (
            Severity::Error,
            format!("a signer dials in, and beside it lies a priv_validator_key.json that has signed up to height {height}"),
        ),
        None => (
            Severity::Warn,
            "a signer dials in, and beside it lies a priv_validator_key.json; without its state file nobody can say whether it has signed".to_owned(),
        ),
    };
    let fix = "move it off this machine: with one line of the configuration lost, the node signs with it beside the signer; `init` makes a harmless one if the node wants a file";
    vec![RULE.finding(severity, home.subject.clone(), evidence, fix.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::home::ValidatorKey;
    use crate::rules::example::{CLASSIC, SERVED, findings, hosts, in_home, take};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_with_a_key_file() {
        let mut alone = take(CLASSIC, "val-1", "signed_by");
        alone = alone.replace("[host.signer]\nkeys = [\"akash\"]", "[host.monitor]");
        let key = alone.find("[[key]]").unwrap()..alone.find("[[host]]").unwrap();
        alone.replace_range(key, "");
        assert_eq!(hosts(&findings(&RULE, &alone)), ["val-1"]);
    }

    #[test]
    fn fails_with_a_key_that_has_signed_beside_a_signer() {
        let laddr = "priv_validator_laddr = 'tcp://10.66.0.10:26659'";
        let with = |text, signed_to| {
            in_home(&RULE, "val-1", text, |home| home.validator_key = Some(ValidatorKey { signed_to })).len()
        };
        assert_eq!(with(laddr, Some(0)), 0, "what init makes");
        assert_eq!(with(laddr, Some(77)), 1);
        assert_eq!(with(laddr, None), 1);
        // Without a signer it is the plan's rule that speaks.
        assert_eq!(with("", Some(77)), 1);
    }
}
