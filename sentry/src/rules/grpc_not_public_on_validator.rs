//! gRPC answers `node_info`, with the node's id, name and addresses, and takes transactions.
//!
//! Spec p2p.md §4, vector 8.

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "grpc_not_public_on_validator",
    attack: "A query for node_info on this address returns the node's id and name; with the port open the machine can also be loaded until it misses blocks.",
    check,
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.signs()) {
        let setting = &view.settings.grpc_address;
        let Some(open) = exposed::node(view, "grpc.address", setting, view.node.ports.grpc) else { continue };
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
        let findings = findings(&RULE, &give(CLASSIC, "val-1", r#"app.grpc.address = "0.0.0.0:9090""#));
        assert_eq!(hosts(&findings), ["val-1"]);
    }
}
