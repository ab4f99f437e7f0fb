//! `/net_info` lists every peer with its address, and `private_peer_ids` does not hide the validator from it.
//!
//! Spec p2p.md §3.5 R15, leak vector 5. Queries of the public belong to a node with role `rpc`, which has no link with the
//! validator.

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "rpc_not_public_on_sentries",
    attack: "GET /net_info on a sentry returns the validator's node id and the address it connects from.",
    check,
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.role.is_sentry() && !v.node.signs()) {
        let setting = &view.settings.rpc_laddr;
        let Some(open) = exposed::node(view, "rpc.laddr", setting, view.node.ports.rpc) else { continue };
        findings.push(RULE.finding(Severity::Error, &view.node.name, open.evidence, open.fix));
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
    fn fails() {
        let findings =
            findings(&RULE, &give(CLASSIC, "sentry-1", r#"config.rpc.laddr = "tcp://0.0.0.0:26657""#));
        assert_eq!(hosts(&findings), ["sentry-1"]);
    }
}
