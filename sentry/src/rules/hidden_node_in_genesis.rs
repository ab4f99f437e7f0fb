//! A gentx memo in the genesis may name a hidden node, and a genesis is public for as long as the chain lives.
//!
//! Leak vector 12. `palisade-sentry genesis` reads a genesis file whole and lists everybody; this looks for our own in what a
//! node hands out.

use crate::finding::{Finding, Severity};
use crate::live::Live;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "hidden_node_in_genesis",
    attack: "Whoever reads the genesis has the hidden node's id or address, today and in ten years.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &live.targets {
        for (port, page) in target.pages().filter(|(_, page)| page.path == "/genesis") {
            for trace in &page.traces {
                let evidence = format!("the genesis of this node's chain held {trace}");
                let fix = "it cannot be taken back: give the hidden node a new node_key.json and an address that was never published";
                findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix.to_owned()));
            }
            if page.cut {
                let evidence =
                    "the genesis is longer than the probe reads, so its memos were not all seen".to_owned();
                let fix = "fetch it and run: palisade-sentry genesis genesis.json".to_owned();
                findings.push(RULE.finding(Severity::Info, target.at(port), evidence, fix));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service};
    use crate::rules::example::{HIDDEN_ID, found, page};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, page(Part::Rpc, Service::Rpc, "/genesis", 200, r#"{"memo":""}"#)), []);
    }

    #[test]
    fn fails_on_a_memo() {
        let memo = format!(r#"{{"memo":"{HIDDEN_ID}@203.0.113.9:26656"}}"#);
        assert_eq!(found(&RULE, page(Part::Outsider, Service::Rpc, "/genesis", 200, &memo)).len(), 1);
    }
}
