//! `/net_info` lists every peer with its address, and `private_peer_ids` does not hide the validator from it.
//!
//! Spec p2p.md §3.5 R15, leak vector 5. Queries of the public belong to a node with role `rpc`, which has no link with the
//! validator.

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::live::{Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "rpc_not_public_on_sentries",
    attack: "GET /net_info on a sentry returns the validator's node id and the address it connects from.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.role.is_sentry() && !v.node.signs()) {
        let setting = &view.settings.rpc_laddr;
        let Some(open) = exposed::node(view, "rpc.laddr", setting, view.node.ports.rpc) else { continue };
        findings.push(RULE.finding(Severity::Error, &view.node.name, open.evidence, open.fix));
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let whose = |part, signs: bool| matches!(part, Part::Sentry | Part::PrivateSentry) && !signs;
    let open = exposed::answered(live, Service::Rpc, |target| whose(target.part, target.signs));
    open.into_iter()
        .map(|(target, port, evidence)| {
            let fix = exposed::close(target, port, "rpc.laddr");
            RULE.finding(Severity::Error, target.at(port), evidence, fix)
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
    fn fails() {
        let findings =
            findings(&RULE, &give(CLASSIC, "sentry-1", r#"config.rpc.laddr = "tcp://0.0.0.0:26657""#));
        assert_eq!(hosts(&findings), ["sentry-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let open = |part| found(&RULE, page(part, Service::Rpc, "/net_info", 200, "{}")).len();
        assert_eq!((open(Part::Sentry), open(Part::PrivateSentry), open(Part::Rpc)), (1, 1, 0));
        assert_eq!(found(&RULE, page(Part::Sentry, Service::Rpc, "/net_info", 404, "")), []);
    }
}
