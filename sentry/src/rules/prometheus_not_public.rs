//! The node's own metrics listen on every interface by default, and they name names.
//!
//! On a node that votes: the validator's address and power. On a sentry: the node id of every peer, the validator's
//! included (spec p2p.md §4, vectors 9 and 10).

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::live::{Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "prometheus_not_public",
    attack: "GET /metrics identifies the validator by address and power, and on a sentry it lists the validator's node id among its peers.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views() {
        let setting = &view.settings.instrumentation_prometheus_listen_addr;
        let Some(open) = exposed::node(
            view,
            "instrumentation.prometheus_listen_addr",
            setting,
            view.node.ports.prometheus,
        ) else {
            continue;
        };
        let exposes = view.node.signs() || view.node.role.is_sentry();
        let severity = if exposes { Severity::Error } else { Severity::Warn };
        findings.push(RULE.finding(severity, &view.node.name, open.evidence, open.fix));
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let whose = |part| !matches!(part, Part::Signer | Part::Monitor);
    let open = exposed::answered(live, Service::Metrics, |target| whose(target.part));
    open.into_iter()
        .map(|(target, port, mut evidence)| {
            let page = target.pages().find(|(p, _)| p.number == port.number);
            let lines = |word: &str| {
                page.map_or(0, |(_, page)| page.body.lines().filter(|l| l.contains(word)).count())
            };
            let (own, peers) = (lines("validator_address="), lines("peer_id="));
            evidence += &format!("; {own} lines name the validator, {peers} a peer");
            let exposes = target.signs || target.part != Part::Rpc;
            let severity = if exposes { Severity::Error } else { Severity::Warn };
            let fix = exposed::close(target, port, "instrumentation.prometheus_listen_addr");
            RULE.finding(severity, target.at(port), evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, give, hosts, page};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_with_the_default_of_the_node() {
        let findings = findings(
            &RULE,
            &give(CLASSIC, "val-1", r#"config.instrumentation.prometheus_listen_addr = ":26660""#),
        );
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_on_a_sentry() {
        let findings = findings(
            &RULE,
            &give(CLASSIC, "sentry-2", r#"config.instrumentation.prometheus_listen_addr = ":26660""#),
        );
        assert_eq!(hosts(&findings), ["sentry-2"]);
    }

    #[test]
    fn seen_from_outside() {
        let metrics = "cometbft_consensus_validator_power{validator_address=\"AB\"} 10\n";
        let findings = found(&RULE, page(Part::Validator, Service::Metrics, "/metrics", 200, metrics));
        assert!(findings[0].evidence.contains("1 lines name the validator"), "{findings:?}");
        assert_eq!(found(&RULE, page(Part::Monitor, Service::Metrics, "/metrics", 200, "")), []);
    }
}
