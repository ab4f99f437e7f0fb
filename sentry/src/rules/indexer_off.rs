//! An index is for queries, and queries belong on an RPC node.
//!
//! `tx_index.indexer` (spec p2p.md §3.3). Everybody who shakes hands is told whether it is on.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::live::{Live, Part};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "indexer_off",
    attack: "An index costs disk and time at every block and tells strangers that this node answers queries; a node that is loaded misses blocks.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| !matches!(v.node.role, Role::Rpc | Role::Seed)) {
        let (key, setting) = ("tx_index.indexer", &view.settings.tx_index_indexer);
        if setting.value != "null" {
            let fix = set(view, key, "\"null\"", setting.origin);
            let evidence = seen(key, format!("{:?}", setting.value), setting.origin);
            findings.push(RULE.finding(Severity::Info, &view.node.name, evidence, fix));
        }
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let quiet = |part| matches!(part, Part::Validator | Part::Sentry | Part::PrivateSentry);
    let nodes = live.ours().filter(|t| quiet(t.part)).filter_map(|t| Some((t, t.node()?)));
    nodes
        .filter(|(_, (_, node))| node.info.tx_index == "on")
        .map(|(target, (port, _))| {
            let fix = "set tx_index.indexer = \"null\"".to_owned();
            RULE.finding(Severity::Info, target.at(port), "node info: tx_index = on".to_owned(), fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Answer, P2p, Part, Pex};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, give, hosts, node};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
        assert_eq!(found(&RULE, node(Part::Sentry, Pex::Off)), []);
    }

    #[test]
    fn fails_where_it_is_on() {
        let given = give(CLASSIC, "val-1", "config.tx_index.indexer = \"kv\"");
        assert_eq!(hosts(&findings(&RULE, &given)), ["val-1"]);
        let on = |part| {
            let mut live = node(part, Pex::Off);
            let Some(Answer::P2p(P2p::Node(node))) = &mut live.targets[0].ports[0].answer else {
                panic!("a node")
            };
            node.info.tx_index = "on".into();
            found(&RULE, live).len()
        };
        assert_eq!((on(Part::Sentry), on(Part::Rpc)), (1, 0));
    }
}
