//! At an address of ours the declared node must answer, and nobody else.
//!
//! Another id is a wrong fleet file, a node_key.json that was made anew, or somebody in between (spec p2p.md §3.8).

use crate::finding::{Finding, Severity};
use crate::home::Home;
use crate::live::{Answer, Live, P2p};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "answers_with_declared_id",
    attack: "Whoever answers here in the place of the sentry sees every block and vote first, and the peers that trust the address talk to a stranger.",
    checks: &[Check::Live(look), Check::Home(at_home)],
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

fn at_home(home: &Home) -> Vec<Finding> {
    let error = |evidence, fix: &str| {
        vec![RULE.finding(Severity::Error, home.subject.clone(), evidence, fix.to_owned())]
    };
    match (&home.node_key, home.view()) {
        (Some(Err(why)), _) => error(
            format!("its node key was not understood: {}", why.lines().next().unwrap_or_default()),
            "restore node_key.json; if it is lost, the node makes another at its next start and has another id",
        ),
        (Some(Ok(id)), Some(view)) if *id != view.node.id => error(
            format!("its node key is that of {id}, {} is declared", view.node.id),
            "correct the fleet file, or find out whose key this is; a copied home has a copied id",
        ),
        // Without a key the node makes one at its first start, and this rule speaks then.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Pex};
    use crate::rules::example::{found, in_home, node};

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

    #[test]
    fn fails_on_the_key_of_another_node() {
        let other = || Ok("1".repeat(40).parse().unwrap());
        assert_eq!(in_home(&RULE, "sentry-1", "", |_| ()), []);
        assert_eq!(in_home(&RULE, "sentry-1", "", |home| home.node_key = Some(other())).len(), 1);
        assert_eq!(in_home(&RULE, "sentry-1", "", |home| home.node_key = Some(Err("no".into()))).len(), 1);
    }
}
