//! A node that is told to listen on an address its host does not have does not start.
//!
//! Or it starts, because the address is there although the fleet does not know it: then every judgement about who reaches
//! the port is void.

use crate::finding::{Finding, Severity, seen};
use crate::fleet::Fleet;
use crate::listen::Exposure;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "listens_on_own_address",
    attack: "No judgement can be made about who reaches this port; the machine has an address that nobody declared, or the node will not start.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views() {
        for listener in view.settings.listeners() {
            if listener.listen.exposure(view.host) == Exposure::Undeclared {
                let evidence = format!(
                    "{}: no address of the host",
                    seen(listener.key, listener.listen, listener.origin)
                );
                let fix = format!("declare the address on {}, or correct {}", view.host.name, listener.key);
                findings.push(RULE.finding(Severity::Error, &view.node.name, evidence, fix));
            }
        }
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
            findings(&RULE, &give(CLASSIC, "rpc-1", r#"config.rpc.laddr = "tcp://10.66.0.99:26657""#));
        assert_eq!(hosts(&findings), ["rpc-1"]);
    }
}
