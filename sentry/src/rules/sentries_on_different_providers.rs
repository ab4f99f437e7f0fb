//! Sentries of one provider fall together: one null route, one outage, one suspended account.
//!
//! The network they share also tells an observer that they belong together (spec p2p.md §4, vector 16).

use std::collections::BTreeSet;

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "sentries_on_different_providers",
    attack: "One attack on, or one complaint to, a single provider takes every sentry away at once.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for chain in fleet.chains() {
        let sentries = fleet.views().filter(|v| v.node.role.is_sentry() && v.node.name.chain == chain.id);
        let hosts: Vec<_> = sentries.map(|v| v.host).collect();
        let providers: BTreeSet<&str> = hosts.iter().map(|h| h.provider.as_str()).collect();
        if let (2.., [provider]) = (hosts.len(), providers.iter().copied().collect::<Vec<_>>().as_slice()) {
            let evidence = format!("all {} sentries stand at {provider}", hosts.len());
            let fix = "move at least one sentry to another provider".to_owned();
            findings.push(RULE.finding(Severity::Warn, Subject::chain(&chain.id), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_when_all_are_of_one_provider() {
        let one = CLASSIC.replace("\"cumulus\"", "\"borealis\"").replace("\"dunes\"", "\"borealis\"");
        let findings = findings(&RULE, &one);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].evidence, "all 3 sentries stand at borealis");
    }
}
