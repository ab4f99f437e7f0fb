//! The monitor's page tells which validators are its owner's own (spec p2p.md §4, vector 30).

use crate::exposed;
use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "monitor_listener_not_public",
    attack: "The page and /metrics show whose validators these are and when they are about to be jailed: the best moment for an attack.",
    check,
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

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, hosts};

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
}
