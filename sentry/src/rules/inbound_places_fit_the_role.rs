//! A sentry with few places is soon full of an attacker's peers; a validator with many has places for strangers.
//!
//! `p2p.max_num_inbound_peers` (spec p2p.md §3.2, §3.3, §3.5 R11): ids in `unconditional_peer_ids` come on top of it.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "inbound_places_fit_the_role",
    attack: "Few places on a sentry are filled by one attacker, who cuts it off from the network; places on a validator that nobody of the fleet needs are taken by whoever finds its port.",
    checks: &[Check::Planned(check)],
};

/// The node's own default; below it a sentry is easily filled.
const FEW: i64 = 40;

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views() {
        let (key, setting) = ("p2p.max_num_inbound_peers", &view.settings.p2p_max_num_inbound_peers);
        let (severity, right) = match view.node.role {
            Role::Sentry | Role::Seed if setting.value <= 0 => (Severity::Error, 100),
            Role::Sentry | Role::Seed | Role::Rpc if setting.value < FEW => (Severity::Warn, 100),
            Role::Validator => {
                let own = i64::try_from(view.node.behind.len()).unwrap_or(i64::MAX);
                if setting.value <= own {
                    continue;
                }
                (Severity::Info, own)
            }
            _ => continue,
        };
        let fix = set(view, key, right, setting.origin);
        findings.push(RULE.finding(severity, &view.node.name, seen(key, setting.value, setting.origin), fix));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::rules::example::{CLASSIC, SERVED, findings, give, hosts, in_home};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
        assert_eq!(in_home(&RULE, "sentry-1", "", |_| ()), [], "the node's own default");
    }

    #[test]
    fn fails_with_none_and_with_few() {
        for (places, severity) in [(0, Severity::Error), (39, Severity::Warn)] {
            let line = format!("config.p2p.max_num_inbound_peers = {places}");
            let found = findings(&RULE, &give(CLASSIC, "sentry-2", &line));
            assert_eq!((hosts(&found), found[0].severity), (vec!["sentry-2"], severity));
        }
    }

    #[test]
    fn fails_with_places_for_strangers_on_a_validator() {
        let found = in_home(&RULE, "val-1", "", |_| ());
        assert_eq!(found[0].severity, Severity::Info, "{found:?}");
    }
}
