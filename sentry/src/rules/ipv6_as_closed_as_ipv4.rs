//! A port that is closed on IPv4 and open on IPv6 was forgotten by somebody's firewall.
//!
//! Leak vector 26, in both directions.

use crate::finding::{Finding, Severity};
use crate::live::{Live, Service, State, Target};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "ipv6_as_closed_as_ipv4",
    attack: "What the firewall keeps from the one half of the internet, the other half is given.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        let twins = live.ours().filter(|other| is_twin(target, other));
        for other in twins {
            for port in target.ports.iter().filter(|port| port.state == State::Open) {
                let same = |p: &&crate::live::Port| (p.number, p.service) == (port.number, port.service);
                let Some(there) = other.ports.iter().find(same) else { continue };
                // No route means that this machine has no such network, and proves nothing.
                if matches!(there.state, State::Closed | State::Filtered) && port.service != Service::P2p {
                    let evidence = format!("open here, {} at {}", there.state.word(), other.address(there));
                    let fix = "filter both families alike: one nftables table of family inet";
                    findings.push(RULE.finding(Severity::Warn, target.at(port), evidence, fix.to_owned()));
                }
            }
        }
    }
    findings
}

/// The same node at a public address of the other family.
fn is_twin(a: &Target, b: &Target) -> bool {
    a.subject == b.subject && a.public && b.public && a.ip.is_ipv4() != b.ip.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Live, Part, Service, State};
    use crate::rules::example::{found, port};

    fn both(v4: State, v6: State) -> Live {
        let (mut live, mut other) =
            (port(Part::Rpc, Service::Rpc, v4, None), port(Part::Rpc, Service::Rpc, v6, None));
        other.targets[0].ip = "2001:db8::7".parse().unwrap();
        live.targets.append(&mut other.targets);
        live
    }

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, both(State::Open, State::Open)), []);
        assert_eq!(found(&RULE, both(State::Closed, State::Filtered)), []);
        assert_eq!(found(&RULE, both(State::Open, State::NoRoute)), []);
    }

    #[test]
    fn fails_where_one_family_was_forgotten() {
        assert_eq!(found(&RULE, both(State::Filtered, State::Open)).len(), 1);
        assert_eq!(found(&RULE, both(State::Open, State::Closed)).len(), 1);
    }
}
