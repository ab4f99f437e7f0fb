//! A profiler reachable from outside prints goroutines and the command line.
//!
//! Spec p2p.md §4, vector 7. On loopback it is a tool; anywhere else it is an open door.

use crate::exposed;
use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::live::{Live, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "pprof_off",
    attack: "GET /debug/pprof/cmdline and goroutine dumps show configuration, peers and paths, and a profile request loads the node until it misses blocks.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views() {
        let setting = &view.settings.rpc_pprof_laddr;
        if let Some(listen) = setting.value.as_ref().filter(|l| l.exposure(view.host).is_public()) {
            let evidence = format!(
                "{}: open to {}",
                seen("rpc.pprof_laddr", listen, setting.origin),
                listen.exposure(view.host)
            );
            let fix = set(view, "rpc.pprof_laddr", "\"\"", setting.origin);
            findings.push(RULE.finding(Severity::Error, &view.node.name, evidence, fix));
        }
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let open = exposed::answered(live, Service::Pprof, |_| true);
    open.into_iter()
        .map(|(target, port, evidence)| {
            let fix = "set rpc.pprof_laddr = \"\", or bind it to loopback".to_owned();
            RULE.finding(Severity::Error, target.at(port), evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service};
    use crate::rules::example::{CLASSIC, findings, found, give, hosts, page};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(
            findings(&RULE, &give(CLASSIC, "val-1", r#"config.rpc.pprof_laddr = "localhost:6060""#)),
            []
        );
    }

    #[test]
    fn fails() {
        let findings = findings(&RULE, &give(CLASSIC, "rpc-1", r#"config.rpc.pprof_laddr = ":6060""#));
        assert_eq!(hosts(&findings), ["rpc-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let cmdline = page(Part::Rpc, Service::Pprof, "/debug/pprof/cmdline", 200, "cometbft\0start");
        assert_eq!(found(&RULE, cmdline).len(), 1);
        assert_eq!(found(&RULE, page(Part::Rpc, Service::Pprof, "/debug/pprof/cmdline", 404, "")), []);
    }
}
