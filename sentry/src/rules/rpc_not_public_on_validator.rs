//! `/status` names the consensus key that a node votes with, so an open RPC is a signed confession.
//!
//! This holds for a validator and for a sentry that a signer serves: `validator_info` shows the key and its power there too
//! (spec p2p.md §4, vector 6).

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "rpc_not_public_on_validator",
    attack: "GET /status on this address returns the validator's consensus address and voting power: the machine is identified as the validator.",
    check,
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.signs()) {
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
    fn fails_on_the_validator() {
        let findings =
            findings(&RULE, &give(CLASSIC, "val-1", r#"config.rpc.laddr = "tcp://0.0.0.0:26657""#));
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_on_a_served_sentry() {
        let findings =
            findings(&RULE, &give(SERVED, "sentry-2", r#"config.rpc.laddr = "tcp://198.51.100.22:26657""#));
        assert_eq!(hosts(&findings), ["sentry-2"]);
    }
}
