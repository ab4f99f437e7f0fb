//! `rpc.unsafe` adds routes that make the node dial whom the caller names and drop its mempool.
//!
//! Spec p2p.md §4, vector 7.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::live::{Answer, Live};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "rpc_unsafe_off",
    attack: "GET /dial_peers makes the node connect to the attacker, who learns its address and becomes a peer.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let open = fleet.views().filter(|v| v.settings.rpc_unsafe.value);
    open.map(|view| {
        let setting = &view.settings.rpc_unsafe;
        let fix = set(view, "rpc.unsafe", false, setting.origin);
        RULE.finding(Severity::Error, &view.node.name, seen("rpc.unsafe", true, setting.origin), fix)
    })
    .collect()
}

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        for port in &target.ports {
            let Some(Answer::Pages(pages)) = &port.answer else { continue };
            // Asked without peers, so nobody is dialled; where the route is off, it is not found.
            if pages
                .iter()
                .any(|page| page.path == "/dial_peers" && page.status != 404 && page.body.contains("jsonrpc"))
            {
                let evidence = "GET /dial_peers is a route here".to_owned();
                let fix = "set rpc.unsafe = false".to_owned();
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
    use crate::rules::example::{CLASSIC, SERVED, findings, found, give, hosts, page};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails() {
        let findings = findings(&RULE, &give(CLASSIC, "rpc-1", "config.rpc.unsafe = true"));
        assert_eq!(hosts(&findings), ["rpc-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let route =
            |status, body| found(&RULE, page(Part::Rpc, Service::Rpc, "/dial_peers", status, body)).len();
        assert_eq!(route(500, r#"{"jsonrpc":"2.0","error":{"data":"no peers provided"}}"#), 1);
        assert_eq!(route(404, "404 page not found"), 0);
        assert_eq!(route(403, "<html>denied</html>"), 0, "a proxy denies it");
    }
}
