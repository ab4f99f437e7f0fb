//! A validator in the machine room of its sentry is found by looking at the neighbours.
//!
//! Sentries are public; whoever scans their network, or floods their uplink, hits the validator too (spec p2p.md §4,
//! vector 16: same prefix, site or provider).

use crate::finding::{Finding, Severity};
use crate::fleet::{Fleet, Role};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_not_near_sentries",
    attack: "The attacker knows where the sentries are: scanning or flooding their machine room reaches the validator beside them.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for validator in fleet.views().filter(|v| v.node.role == Role::Validator) {
        let public = validator.node.behind.iter().filter_map(|name| fleet.view(name));
        for sentry in public.filter(|s| s.node.role == Role::Sentry && s.host.shares_site(validator.host)) {
            let site = sentry.host.site.as_deref().unwrap_or("a site that is not named");
            let evidence = format!(
                "stands at {} {site}, as its public sentry {} does",
                sentry.host.provider, sentry.host.name
            );
            let fix = "move one of the two; name their `site` if they stand apart already".to_owned();
            findings.push(RULE.finding(Severity::Warn, &validator.node.name, evidence, fix));
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
    fn fails_in_one_room() {
        let near = CLASSIC.replace(
            "provider = \"borealis\"\nsite = \"frankfurt\"",
            "provider = \"atlas\"\nsite = \"helsinki\"",
        );
        assert_eq!(hosts(&findings(&RULE, &near)), ["val-1"]);
    }
}
