//! Without it one machine of an attacker takes every place of a sentry.
//!
//! `p2p.allow_duplicate_ip` (spec p2p.md §3.2): a filter before the handshake, so it costs nothing to keep.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "one_address_one_place",
    attack: "From one address an attacker opens as many connections as there are inbound places, and this node hears of the chain only what he lets through.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let open = fleet.views().filter(|v| v.settings.p2p_allow_duplicate_ip.value);
    open.map(|view| {
        let (key, setting) = ("p2p.allow_duplicate_ip", &view.settings.p2p_allow_duplicate_ip);
        let fix = set(view, key, false, setting.origin);
        RULE.finding(Severity::Warn, &view.node.name, seen(key, true, setting.origin), fix)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, give, hosts, in_home};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
        assert_eq!(in_home(&RULE, "sentry-1", "", |_| ()), [], "the node's own default");
    }

    #[test]
    fn fails_where_it_is_allowed() {
        let given = give(CLASSIC, "sentry-2", "config.p2p.allow_duplicate_ip = true");
        assert_eq!(hosts(&findings(&RULE, &given)), ["sentry-2"]);
        assert_eq!(in_home(&RULE, "sentry-1", "[p2p]\nallow_duplicate_ip = true", |_| ()).len(), 1);
    }
}
