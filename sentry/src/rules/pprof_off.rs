//! A profiler reachable from outside prints goroutines and the command line.
//!
//! Spec p2p.md §4, vector 7. On loopback it is a tool; anywhere else it is an open door.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "pprof_off",
    attack: "GET /debug/pprof/cmdline and goroutine dumps show configuration, peers and paths, and a profile request loads the node until it misses blocks.",
    check,
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

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, findings, give, hosts};

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
}
