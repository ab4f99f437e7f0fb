//! etcd does not share a machine with a node or with the world: a node fills disks and has the internet at its door.

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "etcd_apart_from_nodes",
    attack: "Whoever floods or enters the node has the member beside it: marks become slow, or are deleted with the machine.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in fleet.etcd() {
        let subject = || Subject::host(&member.host);
        if let Some(node) = fleet.nodes().find(|node| node.name.host == member.host) {
            let evidence = format!("the {} of {} runs beside it", node.role, node.name.chain);
            let fix = "give the member a host of its own".to_owned();
            findings.push(RULE.finding(Severity::Error, subject(), evidence, fix));
        }
        if let Some(ip) = fleet.host(&member.host).and_then(|host| host.public.first()) {
            let evidence = format!("the host has the public address {ip}");
            let fix = "leave the public address away: members and signers meet inside WireGuard".to_owned();
            findings.push(RULE.finding(Severity::Warn, subject(), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::rules::example::{CLASSIC, SHARED, findings, hosts};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SHARED), []);
    }

    #[test]
    fn fails_on_a_sentry() {
        let beside = SHARED.replace("[[host.node]]\n", "[host.etcd]\n[[host.node]]\n");
        let findings = findings(&RULE, &beside);
        assert_eq!(hosts(&findings)[..2], ["sentry-1", "sentry-1"]);
        assert_eq!((findings[0].severity, findings[1].severity), (Severity::Error, Severity::Warn));
    }
}
