//! `/status` names the consensus key that a node votes with, so an open RPC is a signed confession.
//!
//! This holds for a validator and for a sentry that a signer serves: `validator_info` shows the key and its power there too
//! (spec p2p.md §4, vector 6).

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::live::{Live, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "rpc_not_public_on_validator",
    attack: "GET /status on this address returns the validator's consensus address and voting power: the machine is identified as the validator.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.signs()) {
        let setting = &view.settings.rpc_laddr;
        let Some(open) = exposed::node(view, "rpc.laddr", setting, view.node.ports.rpc) else { continue };
        findings.push(RULE.finding(Severity::Error, &view.node.name, open.evidence, open.fix));
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let open = exposed::answered(live, Service::Rpc, |target| target.signs);
    open.into_iter()
        .map(|(target, port, mut evidence)| {
            let status = target.pages().find(|(p, page)| p.number == port.number && page.path == "/status");
            if let Some((address, power)) = status.and_then(|(_, page)| validator(&page.body)) {
                evidence += &format!("; /status names validator {address} of power {power}");
            }
            let fix = exposed::close(target, port, "rpc.laddr");
            RULE.finding(Severity::Error, target.at(port), evidence, fix)
        })
        .collect()
}

/// Address and power of `validator_info`; power 0 is a key that is in no set.
fn validator(status: &str) -> Option<(String, String)> {
    let status: serde_json::Value = serde_json::from_str(status).ok()?;
    let info = &status["result"]["validator_info"];
    let text = |key: &str| info[key].as_str().map(str::to_owned);
    Some((text("address")?, text("voting_power").filter(|power| power != "0")?))
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
    fn fails_on_the_validator() {
        let findings =
            findings(&RULE, &give(CLASSIC, "val-1", r#"config.rpc.laddr = "tcp://0.0.0.0:26657""#));
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_on_a_served_sentry() {
        let findings =
            findings(&RULE, &give(SERVED, "sentry-2", r#"config.rpc.laddr = "tcp://198.51.100.22:26657""#));
        assert_eq!(hosts(&findings), ["sentry-2"]);
    }

    #[test]
    fn seen_from_outside() {
        let status = r#"{"result":{"validator_info":{"address":"AB12","voting_power":"10"}}}"#;
        let findings = found(&RULE, page(Part::Validator, Service::Rpc, "/status", 200, status));
        assert!(findings[0].evidence.contains("AB12 of power 10"), "{findings:?}");
        let mut served = page(Part::Sentry, Service::Rpc, "/status", 200, "not JSON");
        assert_eq!(found(&RULE, served.clone()), []);
        served.targets[0].signs = true;
        assert_eq!(found(&RULE, served).len(), 1);
    }
}
