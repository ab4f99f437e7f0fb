//! gRPC answers `node_info`, with the node's id, name and addresses, and takes transactions.
//!
//! Spec p2p.md §4, vector 8.

use core::net::{IpAddr, Ipv4Addr};

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::listen::Listen;
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
        let Some(listen) = setting.value.as_ref().filter(|l| l.exposure(view.host).is_public()) else {
            continue;
        };
        let evidence = format!(
            "{}: open to {}",
            seen("grpc.address", listen, setting.origin),
            listen.exposure(view.host)
        );
        let ip = view.host.inner().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let fix = set(view, "grpc.address", Listen::tcp(ip, view.node.ports.grpc), setting.origin);
        findings.push(RULE.finding(Severity::Error, &view.node.name, evidence, fix));
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
