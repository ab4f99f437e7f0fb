//! A private sentry that answers strangers is no private one: whoever scans finds it, and with it the partners' way in.
//!
//! Spec p2p.md §3.3 (it listens on WireGuard or to a list of partners), leak vector 4 for the relay.

use crate::finding::{Finding, Severity};
use crate::live::{Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "private_sentry_not_public",
    attack: "A scan finds the sentry that is to stay when the public ones are flooded, and floods it as well.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours().filter(|target| target.part == Part::PrivateSentry) {
        for port in target.open(Service::P2p) {
            let evidence = "the P2P port takes connections from a stranger".to_owned();
            let fix = "let the firewall pass the partners and the fleet only".to_owned();
            findings.push(RULE.finding(Severity::Warn, target.at(port), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service, State};
    use crate::rules::example::{found, port};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, port(Part::PrivateSentry, Service::P2p, State::Filtered, None)), []);
        assert_eq!(found(&RULE, port(Part::Sentry, Service::P2p, State::Open, None)), []);
    }

    #[test]
    fn fails_where_a_stranger_gets_in() {
        assert_eq!(found(&RULE, port(Part::PrivateSentry, Service::P2p, State::Open, None)).len(), 1);
    }
}
