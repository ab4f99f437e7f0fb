//! A private sentry is worth something as long as the public network has never heard of it.
//!
//! When the public sentries are flooded it is the link that still works, so its address must not be in any address book of
//! a node that gossips.

use crate::finding::Finding;
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};
use crate::withheld::gaps;

pub(super) const RULE: Rule = Rule {
    name: "private_sentry_id_private_on_sentries",
    attack: "A PEX request to a public sentry returns the private sentry's address; flooded together with the others, the validator's last link is gone.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    gaps(fleet, Role::PrivateSentry, "private sentry")
        .into_iter()
        .map(|gap| RULE.finding(gap.severity, gap.node, gap.evidence, gap.fix))
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
    fn fails_when_a_sentry_forgets_it() {
        let findings = findings(&RULE, &give(CLASSIC, "sentry-2", r#"config.p2p.private_peer_ids = """#));
        assert_eq!(hosts(&findings), ["sentry-2"]);
    }
}
