//! A gentx memo in the genesis may name a hidden node, and a genesis is public for as long as the chain lives.
//!
//! Leak vector 12. `palisade-sentry genesis` reads a genesis file whole and lists everybody; this looks for our own in what a
//! node hands out.

use crate::finding::{Finding, Severity};
use crate::home::Home;
use crate::live::Live;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "hidden_node_in_genesis",
    attack: "Whoever reads the genesis has the hidden node's id or address, today and in ten years.",
    checks: &[Check::Live(look), Check::Home(at_home)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &live.targets {
        for (port, page) in target.pages().filter(|(_, page)| page.path.starts_with("/genesis")) {
            for trace in &page.traces {
                let evidence = format!("the genesis of this node's chain held {trace}");
                let fix = "it cannot be taken back: give the hidden node a new node_key.json and an address that was never published";
                findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix.to_owned()));
            }
            // The chunks hold what one page does not.
            let chunked =
                target.pages().any(|(p, other)| p.number == port.number && other.path == "/genesis_chunked");
            if page.cut && (page.path == "/genesis_chunked" || !chunked) {
                let evidence =
                    "the genesis is longer than the probe reads, so its memos were not all seen".to_owned();
                let fix = "fetch it and run: palisade-sentry genesis genesis.json".to_owned();
                findings.push(RULE.finding(Severity::Info, target.at(port), evidence, fix));
            }
        }
    }
    findings
}

fn at_home(home: &Home) -> Vec<Finding> {
    match &home.genesis {
        None => Vec::new(),
        Some(Ok(traces)) => traces
            .iter()
            .map(|trace| {
                let evidence = format!("a gentx memo of its genesis publishes {trace}");
                let fix = "it cannot be taken back: give the hidden node a new node_key.json and an address that was never published";
                RULE.finding(Severity::Error, home.subject.clone(), evidence, fix.to_owned())
            })
            .collect(),
        Some(Err(why)) => {
            let evidence = format!("its genesis was not read: {}", why.lines().next().unwrap_or_default());
            let fix = "run palisade-sentry genesis on a whole genesis.json of the chain".to_owned();
            vec![RULE.finding(Severity::Warn, home.subject.clone(), evidence, fix)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::Trace;
    use crate::live::{Part, Service};
    use crate::rules::example::{HIDDEN_ID, found, in_home, page};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, page(Part::Rpc, Service::Rpc, "/genesis", 200, r#"{"memo":""}"#)), []);
    }

    #[test]
    fn fails_on_a_memo() {
        let memo = format!(r#"{{"memo":"{HIDDEN_ID}@203.0.113.9:26656"}}"#);
        assert_eq!(found(&RULE, page(Part::Outsider, Service::Rpc, "/genesis", 200, &memo)).len(), 1);
    }

    #[test]
    fn fails_on_a_memo_in_a_home() {
        let trace = Trace { name: "validator val-1".into(), what: "address 10.66.0.10".into() };
        assert_eq!(in_home(&RULE, "sentry-1", "", |home| home.genesis = Some(Ok(vec![]))), []);
        assert_eq!(in_home(&RULE, "sentry-1", "", |home| home.genesis = Some(Ok(vec![trace]))).len(), 1);
        assert_eq!(in_home(&RULE, "sentry-1", "", |home| home.genesis = Some(Err("no".into()))).len(), 1);
    }
}
