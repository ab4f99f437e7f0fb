//! Every node that knows the validator must keep its id out of the address book.
//!
//! `private_peer_ids` is the only thing that does: routable or tunnel addresses such as 100.64.0.0/10 pass
//! `addr_book_strict` (spec p2p.md §3.5 R5, R6, R7). Ids, never addresses; the node does not check them. Leak vectors 1, 14.

use crate::duty::duties;
use crate::finding::{Finding, Severity};
use crate::fleet::{Fleet, Node, Role};
use crate::peer::NodeId;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "validator_id_private_on_sentries",
    attack: "Anybody can ask a sentry for its address book with a PEX request; without this entry the answer contains the validator's id and address.",
    check,
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.role != Role::Validator) {
        let setting = &view.settings.p2p_private_peer_ids;
        for hidden in duties_of(fleet, view.node).filter(|id| !setting.value.contains(id)) {
            let evidence = format!(
                "p2p.private_peer_ids lacks {}, the validator on {} ({})",
                hidden,
                owner(fleet, &hidden),
                setting.origin.says()
            );
            let fix = format!("add {hidden} to p2p.private_peer_ids on {}", view.host.name);
            // Without PEX the address book is never read, until somebody turns PEX on.
            let severity = if view.settings.p2p_pex.value { Severity::Error } else { Severity::Warn };
            findings.push(RULE.finding(severity, &view.node.name, evidence, fix));
        }
    }
    findings
}

fn duties_of(fleet: &Fleet, node: &Node) -> impl Iterator<Item = NodeId> {
    let of_role = |id: &NodeId| fleet.node_by_id(id).is_some_and(|n| n.role == Role::Validator);
    duties(node, &fleet.nodes).private.into_iter().filter(of_role).collect::<Vec<_>>().into_iter()
}

fn owner(fleet: &Fleet, id: &NodeId) -> String {
    fleet.node_by_id(id).map(|n| n.name.host.clone()).unwrap_or_default()
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
