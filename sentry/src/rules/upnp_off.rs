//! With UPnP the node asks the router in front of it to open its port to the world.
//!
//! `p2p.upnp` of the lines 0.33 and 0.34 (spec p2p.md §3.1). A firewall that was set up with care is undone by one packet.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "upnp_off",
    attack: "The router forwards the P2P port to this node, and everybody reaches a validator that the plan shows behind NAT.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.settings.p2p_upnp.value) {
        let (key, setting) = ("p2p.upnp", &view.settings.p2p_upnp);
        let hidden = matches!(view.node.role, Role::Validator | Role::PrivateSentry);
        let severity = if hidden { Severity::Error } else { Severity::Warn };
        let fix = set(view, key, false, setting.origin);
        findings.push(RULE.finding(severity, &view.node.name, seen(key, true, setting.origin), fix));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::rules::example::{CLASSIC, SERVED, findings, give};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_worst_on_a_validator() {
        let of = |host| findings(&RULE, &give(CLASSIC, host, "config.p2p.upnp = true"))[0].severity;
        assert_eq!((of("val-1"), of("sentry-1")), (Severity::Error, Severity::Warn));
    }
}
