//! What an address book gives to a stranger must not hold a hidden node: not its id, not its address.
//!
//! The only proof that `private_peer_ids` works, because nodes take a misspelt id without a word and keep what was in the
//! book before (spec p2p.md §3.5 R5, R6, R8). Leak vectors 1, 2, 14; outsiders' books count as much as our own.

use std::collections::BTreeSet;

use crate::finding::{Finding, Severity};
use crate::live::{Live, Part, Pex, Trace};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "hidden_node_in_pex_answers",
    attack: "Anybody who asks this node for addresses is given the hidden node's own, and floods it there: the sentries are not asked.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &live.targets {
        let Some((port, node)) = target.node() else { continue };
        let Pex::Read(census, _) = &node.pex else { continue };
        let given = |address| live.hidden.iter().filter_map(move |hidden| hidden.in_address(address));
        let traces: BTreeSet<Trace> = census.addresses().flat_map(given).collect();
        for trace in traces {
            let evidence = format!("a PEX answer held {trace} ({} addresses seen)", census.distinct());
            let fix = match target.part {
                Part::Outsider => "it is known beyond the fleet: give the hidden node a new node_key.json and a new \
                    address, and find the node of yours that passes it on"
                    .to_owned(),
                _ => "add the id to p2p.private_peer_ids, stop the node, and cut it out of the book that it has: \
                    palisade-sentry addrbook scrub addrbook.json --id …; the address is known now, so change it"
                    .to_owned(),
            };
            findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::Part;
    use crate::rules::example::{HIDDEN_ID, found, node, with_pex};

    #[test]
    fn passes() {
        let other = HIDDEN_ID.replace('b', "c");
        assert_eq!(found(&RULE, node(Part::Sentry, with_pex(&[(&other, "203.0.113.8")]))), []);
        assert_eq!(found(&RULE, node(Part::Sentry, with_pex(&[]))), []);
    }

    #[test]
    fn fails_by_id_and_by_address() {
        let other = HIDDEN_ID.replace('b', "c");
        for entry in [(HIDDEN_ID, "203.0.113.8"), (other.as_str(), "10.66.0.10")] {
            assert_eq!(found(&RULE, node(Part::Sentry, with_pex(&[entry]))).len(), 1, "{entry:?}");
        }
    }

    #[test]
    fn fails_in_somebody_elses_book() {
        let findings = found(&RULE, node(Part::Outsider, with_pex(&[(HIDDEN_ID, "10.66.0.10")])));
        assert!(findings[0].fix.starts_with("it is known beyond the fleet"), "{findings:?}");
    }
}
