//! A moniker stands in the node info of every handshake and in the `net_info` of every peer.
//!
//! One that says "validator", repeats the name of a host or is that of the sentries with another number joins the hidden node to
//! its operator (spec p2p.md §4, vector 11). Absent: the name on the chain, which a plan does not have.

use crate::finding::{Finding, Severity, seen};
use crate::fleet::{Fleet, Role, View};
use crate::live::Live;
use crate::rules::{Check, Rule, certificate_names_no_validator::tells};

pub(super) const RULE: Rule = Rule {
    name: "moniker_tells_nothing",
    attack: "Whoever reads the peers of any node finds by its name which of them is a validator, and whose.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

const FIX: &str =
    "choose a moniker that has nothing to do with the host, the brand or the other nodes, e.g. a plant";

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| !v.settings.moniker.value.is_empty()) {
        let setting = &view.settings.moniker;
        let evidence = seen("moniker", format!("{:?}", setting.value), setting.origin);
        for (severity, why) in faults(fleet, view) {
            let evidence = format!("{evidence}: {why}");
            findings.push(RULE.finding(severity, &view.node.name, evidence, FIX.to_owned()));
        }
    }
    findings
}

fn faults(fleet: &Fleet, view: View<'_>) -> Vec<(Severity, String)> {
    let (moniker, host) = (&view.settings.moniker.value, &view.host.name);
    let hidden = |view: View<'_>| matches!(view.node.role, Role::Validator | Role::PrivateSentry);
    let mut faults = Vec::new();
    if tells(moniker) {
        faults.push((Severity::Warn, "it says what the node is".to_owned()));
    }
    if !hidden(view) {
        return faults;
    }
    if host.len() >= 3 && moniker.to_lowercase().contains(&host.to_lowercase()) {
        faults.push((Severity::Warn, "it holds the name of its host".to_owned()));
    }
    let others =
        fleet.views().filter(|o| o.node.name.chain == view.node.name.chain && o.node.name != view.node.name);
    let alike = others.filter(|o| !hidden(*o) && stem(&o.settings.moniker.value) == stem(moniker));
    let names: Vec<&str> = alike.map(|o| o.host.name.as_str()).collect();
    if !names.is_empty() && !stem(moniker).is_empty() {
        faults.push((Severity::Warn, format!("it is like that of {}", names.join(", "))));
    }
    faults
}

/// What two monikers of one hand share: the letters of their first word.
fn stem(moniker: &str) -> String {
    let word = moniker.split(|c: char| !c.is_alphanumeric()).find(|w| w.chars().any(char::is_alphabetic));
    word.unwrap_or_default().chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

fn look(live: &Live) -> Vec<Finding> {
    let nodes = live.ours().filter_map(|target| Some((target, target.node()?)));
    nodes
        .filter(|(_, (_, node))| tells(&node.info.moniker))
        .map(|(target, (port, node))| {
            let evidence = format!("node info: moniker = {:?}: it says what the node is", node.info.moniker);
            RULE.finding(Severity::Warn, target.at(port), evidence, FIX.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Answer, P2p, Part, Pex};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, give, hosts, in_home, node};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
        assert_eq!(found(&RULE, node(Part::Sentry, Pex::Off)), []);
        let plants = give(CLASSIC, "val-1", "config.moniker = \"fern\"");
        let plants = give(&plants, "sentry-1", "config.moniker = \"acme sentry 1\"");
        assert_eq!(findings(&RULE, &plants), []);
    }

    #[test]
    fn fails_on_what_it_tells() {
        for moniker in ["my-validator", "val1", "VAL-1", "signer.example.com"] {
            assert!(
                !in_home(&RULE, "val-1", &format!("moniker = '{moniker}'"), |_| ()).is_empty(),
                "{moniker}"
            );
        }
        let alike = give(CLASSIC, "val-1", "config.moniker = \"Acme-7\"");
        let alike = give(&alike, "sentry-1", "config.moniker = \"acme sentry 1\"");
        assert_eq!(hosts(&findings(&RULE, &alike)), ["val-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let mut live = node(Part::Sentry, Pex::Off);
        let Some(Answer::P2p(P2p::Node(node))) = &mut live.targets[0].ports[0].answer else {
            panic!("a node")
        };
        node.info.moniker = "acme validator".into();
        assert_eq!(found(&RULE, live).len(), 1);
    }
}
