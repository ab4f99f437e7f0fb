//! The signer dials out; the one port it opens serves metrics and health, and says which chains and nodes it signs for.

use crate::exposed;
use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::live::{Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "signer_listener_not_public",
    attack: "GET /metrics shows that a consensus key lives here, for which chain, and what height it signs: the most valuable machine of the fleet is marked.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for signer in fleet.signers() {
        let Some(host) = fleet.host(&signer.host) else { continue };
        if let Some(open) = exposed::daemon(host, "host.signer", &signer.listen) {
            findings.push(RULE.finding(Severity::Warn, Subject::host(&host.name), open.evidence, open.fix));
        }
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let open = exposed::answered(live, Service::Metrics, |target| target.part == Part::Signer);
    open.into_iter()
        .map(|(target, port, evidence)| {
            let fix = exposed::close(target, port, "listen");
            RULE.finding(Severity::Warn, target.at(port), evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, hosts, page};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_on_every_interface() {
        let open = CLASSIC.replace("[host.signer]", "[host.signer]\nlisten = \"0.0.0.0:26661\"");
        assert_eq!(hosts(&findings(&RULE, &open)), ["signer-1"]);
    }

    #[test]
    fn seen_from_outside() {
        assert_eq!(found(&RULE, page(Part::Signer, Service::Metrics, "/metrics", 200, "")).len(), 1);
        assert_eq!(found(&RULE, page(Part::Rpc, Service::Metrics, "/metrics", 200, "")), []);
    }
}
