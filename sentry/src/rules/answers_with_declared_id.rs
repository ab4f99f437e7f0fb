//! At an address of ours the declared node must answer, and nobody else.
//!
//! Another id is a wrong fleet file, a node_key.json that was made anew, or somebody in between (spec p2p.md §3.8).

use crate::finding::{Finding, Severity};
use crate::live::{Answer, Live, P2p};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "answers_with_declared_id",
    attack: "Whoever answers here in the place of the sentry sees every block and vote first, and the peers that trust the address talk to a stranger.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &live.targets {
        for port in &target.ports {
            let proven = match &port.answer {
                Some(Answer::P2p(P2p::Node(node))) => &node.id,
                Some(Answer::P2p(P2p::Nameless(id, _))) => id,
                _ => continue,
            };
            if let Some(declared) = target.id.as_ref().filter(|declared| *declared != proven) {
                let evidence = format!("{proven} answered, {declared} is declared");
                let fix = "ask the node itself, on its host: <daemon> comet show-node-id; then correct the fleet file, \
                           or find out who answers there";
                findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix.to_owned()));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Pex};
    use crate::rules::example::{found, node};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, node(Part::Sentry, Pex::Off)), []);
    }

    #[test]
    fn fails_on_another_id() {
        let mut live = node(Part::Sentry, Pex::Off);
        live.targets[0].id = Some("1".repeat(40).parse().unwrap());
        assert_eq!(found(&RULE, live).len(), 1);
    }
}
