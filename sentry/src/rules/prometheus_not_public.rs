//! The node's own metrics listen on every interface by default, and they name names.
//!
//! On a node that votes: the validator's address and power. On a sentry: the node id of every peer, the validator's
//! included (spec p2p.md §4, vectors 9 and 10).

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "prometheus_not_public",
    attack: "GET /metrics identifies the validator by address and power, and on a sentry it lists the validator's node id among its peers.",
    check,
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
}
