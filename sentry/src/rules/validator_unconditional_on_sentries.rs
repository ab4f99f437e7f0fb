//! A sentry must have a place for its validator when all inbound places are taken.
//!
//! Inbound places are few (`max_num_inbound_peers`) and free to fill for anybody; unconditional ids do not count against
//! them (spec p2p.md §3.2; the request that led to the setting is tendermint 1700).

use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_unconditional_on_sentries",
    attack: "An attacker fills every inbound place of the sentry; when the validator reconnects it is turned away and misses blocks.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for validator in fleet.nodes() {
        for sentry in validator.behind.iter().filter_map(|name| fleet.view(name)) {
            let setting = &sentry.settings.p2p_unconditional_peer_ids;
            if !setting.value.contains(&validator.id) {
                let (id, host) = (&validator.id, &validator.name.host);
                let evidence = format!(
                    "p2p.unconditional_peer_ids lacks {id}, the validator on {host} ({})",
                    setting.origin.says()
                );
                let fix = format!("add {id} to p2p.unconditional_peer_ids on {}", sentry.host.name);
                findings.push(RULE.finding(Severity::Error, &sentry.node.name, evidence, fix));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, give, hosts};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails() {
        let findings =
            findings(&RULE, &give(CLASSIC, "sentry-3", r#"config.p2p.unconditional_peer_ids = """#));
        assert_eq!(hosts(&findings), ["sentry-3"]);
    }
}
