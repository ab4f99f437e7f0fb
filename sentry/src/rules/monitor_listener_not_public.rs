//! The monitor's page tells which validators are its owner's own (spec p2p.md §4, vector 30).

use crate::exposed;
use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::live::{Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "monitor_listener_not_public",
    attack: "The page and /metrics show whose validators these are and when they are about to be jailed: the best moment for an attack.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for monitor in fleet.monitors() {
        let Some(host) = fleet.host(&monitor.host) else { continue };
        if let Some(open) = exposed::daemon(host, "host.monitor", &monitor.listen) {
            findings.push(RULE.finding(Severity::Warn, Subject::host(&host.name), open.evidence, open.fix));
        }
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let open = exposed::answered(live, Service::Metrics, |target| target.part == Part::Monitor);
    open.into_iter()
        .map(|(target, port, evidence)| {
            let fix = exposed::close(target, port, "listen");
            RULE.finding(Severity::Warn, target.at(port), evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, hosts, page};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_on_every_interface() {
        let open = CLASSIC.replace("[host.monitor]", "[host.monitor]\nlisten = \":9464\"");
        assert_eq!(hosts(&findings(&RULE, &open)), ["monitor-1"]);
    }

    #[test]
    fn seen_from_outside() {
        assert_eq!(found(&RULE, page(Part::Monitor, Service::Metrics, "/metrics", 200, "")).len(), 1);
        assert_eq!(found(&RULE, page(Part::Rpc, Service::Metrics, "/metrics", 200, "")), []);
    }
}
