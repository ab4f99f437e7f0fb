//! A consensus key has one signer, or its mark is shared in etcd. Two with a mark each do not know what the other signed.
//!
//! The node adds to it: it uses the first dialler only, the second waits half-connected in the backlog and takes over at
//! the next hiccup (spec signer.md §3.1.4). That is how validators double-sign without an attacker. Signers that share their mark
//! do no harm so, but the second is no help either: each needs a node of its own.

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "one_signer_per_privval_port",
    attack: "Two signers of one key each remember only their own signatures; at the first failover both sign one height, which is a double sign: slashed and tombstoned for good.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in fleet.keys() {
        let holders = fleet.signers().iter().filter(|s| s.keys.contains(&key.name));
        let holders: Vec<&str> = holders.map(|s| s.host.as_str()).collect();
        if holders.len() > 1 && key.shared {
            findings.extend(crowded(fleet, &key.name));
        } else if holders.len() > 1 {
            let evidence = format!("signers on {} hold it", holders.join(", "));
            let fix = format!(
                "keep \"{}\" in the keys of one [host.signer] only, or share its mark: store = \"etcd\"",
                key.name
            );
            let subject = Subject::key(&key.name, &key.chain);
            findings.push(RULE.finding(Severity::Error, subject, evidence, fix));
        }
    }
    findings
}

/// Nodes that more than one signer dials.
fn crowded(fleet: &Fleet, key: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in fleet.nodes().filter(|node| node.signed_by.as_deref() == Some(key)) {
        let diallers = fleet.signers().iter().filter(|signer| signer.serves(node));
        let diallers: Vec<&str> = diallers.map(|signer| signer.host.as_str()).collect();
        if diallers.len() > 1 {
            let evidence =
                format!("signers on {} dial it, and it listens to the first only", diallers.join(", "));
            let fix = format!("name {} in the nodes of one [host.signer] only", node.name.host);
            findings.push(RULE.finding(Severity::Warn, &node.name, evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::rules::example::{CLASSIC, SERVED, SHARED, findings, hosts};

    #[test]
    fn passes_where_each_has_nodes_of_its_own() {
        assert_eq!(findings(&RULE, SHARED), []);
    }

    #[test]
    fn warns_where_two_that_share_a_mark_dial_one_node() {
        let both = SHARED.replace("nodes = [\"sentry-2\"]", "nodes = [\"sentry-1\", \"sentry-2\"]");
        let findings = findings(&RULE, &both);
        assert_eq!((hosts(&findings), findings[0].severity), (vec!["sentry-1"], Severity::Warn));
    }

    #[test]
    fn fails_where_they_share_nothing() {
        let alone =
            SHARED.replace("store = \"etcd\"", "store = \"file\"").replace("[host.etcd]", "[host.monitor]");
        let findings = findings(&RULE, &alone);
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Error));
    }

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_with_a_standby_signer() {
        let two = CLASSIC.replace("[host.monitor]", "[host.monitor]\n[host.signer]\nkeys = [\"akash\"]");
        let findings = findings(&RULE, &two);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].evidence, "signers on monitor-1, signer-1 hold it");
    }
}
