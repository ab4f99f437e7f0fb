//! A machine that holds a consensus key and only dials out needs no public address of its own (spec p2p.md §4, vector 32).

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::live::{Live, Part, State};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "signer_host_not_public",
    attack: "A public address can be scanned and attacked; on the machine with the key, every open or vulnerable service is a way to the key.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let hosts = fleet.signers().iter().filter_map(|s| fleet.host(&s.host));
    hosts
        .filter(|host| !host.public.is_empty())
        .map(|host| {
            let evidence = format!("public = {}", host.public[0]);
            let fix = "take the address away and dial out through a router or WireGuard".to_owned();
            RULE.finding(Severity::Warn, Subject::host(&host.name), evidence, fix)
        })
        .collect()
}

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours().filter(|target| target.part == Part::Signer) {
        for port in target.ports.iter().filter(|port| port.state == State::Open) {
            let evidence =
                format!("port {} ({}) takes connections from a stranger", port.number, port.service);
            let fix = format!("drop port {} in the firewall; come in over WireGuard", port.number);
            findings.push(RULE.finding(Severity::Warn, target.at(port), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service, State};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, hosts, port};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_with_a_public_address() {
        let open = CLASSIC.replace("private = \"10.0.0.11\"", "public = [\"203.0.113.11\"]");
        assert_eq!(hosts(&findings(&RULE, &open)), ["signer-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let ssh = |part, state| found(&RULE, port(part, Service::Ssh, state, None)).len();
        assert_eq!(ssh(Part::Signer, State::Open), 1);
        assert_eq!(ssh(Part::Signer, State::Filtered), 0);
        assert_eq!(ssh(Part::Sentry, State::Open), 0);
    }
}
