//! No page of a node that strangers reach may name a hidden node: net_info, consensus state, metrics, REST.
//!
//! `private_peer_ids` keeps an id out of the address book and out of nothing else (spec p2p.md §3.5 R15, R16). Leak vectors
//! 5, 10. Genesis has a rule of its own.

use crate::finding::{Finding, Severity};
use crate::live::Live;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "hidden_node_in_answers",
    attack: "One GET shows the hidden node's id or address among the peers of this node.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &live.targets {
        // A node that names itself is judged by the rules about its own ports.
        let own: Vec<&str> = live
            .hidden
            .iter()
            .filter(|h| h.id.is_some() && h.id == target.id)
            .map(|h| h.name.as_str())
            .collect();
        for (port, page) in target.pages().filter(|(_, page)| !page.path.starts_with("/genesis")) {
            for trace in page.traces.iter().filter(|trace| !own.contains(&trace.name.as_str())) {
                let evidence = format!("GET {} held {trace}", page.path);
                let fix = format!(
                    "close port {} to strangers: loopback or WireGuard, and no proxy to it",
                    port.number
                );
                findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix));
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
        let quiet = page(Part::Rpc, Service::Rpc, "/net_info", 200, r#"{"n_peers":"0"}"#);
        assert_eq!(found(&RULE, quiet), []);
        let denied = page(Part::Rpc, Service::Rpc, "/net_info", 403, HIDDEN_ID);
        assert_eq!(found(&RULE, denied), []);
    }

    #[test]
    fn fails_on_net_info_and_on_metrics() {
        for (service, path) in [(Service::Rpc, "/net_info"), (Service::Metrics, "/metrics")] {
            let named = page(Part::Rpc, service, path, 200, &format!("{{peer_id=\"{HIDDEN_ID}\"}}"));
            assert_eq!(found(&RULE, named).len(), 1, "{path}");
        }
    }
}
