//! A node id on two machines means a copied `node_key.json`: an image or a snapshot was cloned.
//!
//! Peers drop the second connection with the same id, so links flap; and the id of a public machine now opens the way to
//! the other (spec p2p.md §4, vector 13).

use std::collections::BTreeMap;

use crate::finding::Subject;
use crate::finding::{Finding, Severity};
use crate::fleet::{Fleet, NodeName};
use crate::live::Live;
use crate::peer::NodeId;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "node_ids_unique",
    attack: "Whoever knows the id of the one machine can look for it on the other, and peers refuse the second of two equal ids, so links break at random.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut owners: BTreeMap<&NodeId, Vec<&NodeName>> = BTreeMap::new();
    for node in fleet.nodes() {
        owners.entry(&node.id).or_default().push(&node.name);
    }
    let mut findings = Vec::new();
    for (id, names) in owners {
        for name in names.iter().skip(1) {
            let evidence = format!("id {id} is that of {} too", names[0]);
            let fix = format!(
                "delete node_key.json on {} while it is stopped; it makes a new one at start",
                name.host
            );
            findings.push(RULE.finding(Severity::Error, *name, evidence, fix));
        }
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let mut owners: BTreeMap<&NodeId, Vec<(&Subject, Subject)>> = BTreeMap::new();
    for target in &live.targets {
        if let Some((port, node)) = target.node() {
            owners.entry(&node.id).or_default().push((&target.subject, target.at(port)));
        }
    }
    let mut findings = Vec::new();
    for (id, shown) in owners {
        let first = shown[0].0;
        for (_, at) in shown.iter().filter(|(subject, _)| subject.host != first.host) {
            let evidence = format!("proved to be {id}, and so did {first}");
            let fix = "delete node_key.json on one of them while it is stopped; it makes a new one at start"
                .to_owned();
            findings.push(RULE.finding(Severity::Error, at.clone(), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Subject;
    use crate::live::{Part, Pex};
    use crate::rules::example::node;
    use crate::rules::example::{CLASSIC, SERVED, findings, found, hosts, id};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_on_a_cloned_image() {
        let cloned = CLASSIC.replace(&id(CLASSIC, "rpc-1"), &id(CLASSIC, "sentry-2"));
        assert_eq!(hosts(&findings(&RULE, &cloned)), ["sentry-2"]);
    }

    #[test]
    fn seen_from_outside() {
        let (mut live, mut other) = (node(Part::Sentry, Pex::Off), node(Part::Outsider, Pex::Off));
        live.targets.append(&mut other.targets);
        assert_eq!(found(&RULE, live.clone()), [], "two addresses of one host");
        live.targets[1].subject = Subject::host("other");
        assert_eq!(found(&RULE, live).len(), 1);
    }
}
