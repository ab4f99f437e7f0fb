//! Every node that knows the validator must keep its id out of the address book.
//!
//! `private_peer_ids` is the only thing that does: routable or tunnel addresses such as 100.64.0.0/10 pass
//! `addr_book_strict` (spec p2p.md §3.5 R5, R6, R7). Ids, never addresses; the node does not check them. Leak vectors 1, 14.

use crate::finding::Finding;
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};
use crate::withheld::gaps;

pub(super) const RULE: Rule = Rule {
    name: "validator_id_private_on_sentries",
    attack: "Anybody can ask a sentry for its address book with a PEX request; without this entry the answer contains the validator's id and address.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    gaps(fleet, Role::Validator, "validator")
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
        let findings = findings(&RULE, &give(CLASSIC, "sentry-1", r#"config.p2p.private_peer_ids = """#));
        assert_eq!(hosts(&findings), ["sentry-1"]);
    }

    #[test]
    fn fails_when_the_rpc_node_forgets_it() {
        let findings = findings(&RULE, &give(CLASSIC, "rpc-1", r#"config.p2p.private_peer_ids = """#));
        assert_eq!(hosts(&findings), ["rpc-1"]);
    }
}
