//! A sentry whose address book could not be read is not a sentry that hides the validator: nothing was learnt about it.
//!
//! Closed, filtered, full and unreachable are told apart, because each asks for something else (spec p2p.md §3.5 R11 to R13,
//! §3.8).

use crate::finding::{Finding, Severity};
use crate::live::{Answer, Live, P2p, Part, Pex, Port, Service, State, Target};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "every_book_was_read",
    attack: "None that was seen; but the rest of the world may be given what this probe was not.",
    checks: &[Check::Live(look)],
};

/// Above this the book was read too thinly to say that an entry is not in it.
const THIN: f64 = 1e-3;

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &live.targets {
        let ports = target.ports.iter().filter(|port| port.service == Service::P2p);
        for (port, (evidence, fix)) in ports.filter_map(|port| Some((port, unread(target, port)?))) {
            findings.push(RULE.finding(Severity::Warn, target.at(port), evidence, fix.to_owned()));
        }
    }
    findings
}

pub(super) fn unread(target: &Target, port: &Port) -> Option<(String, &'static str)> {
    let again = "try again, also from elsewhere: --from ssh://user@host";
    // Who faces the world is expected to answer it; who does not is expected to be silent.
    let faces = matches!(target.part, Part::Sentry | Part::Seed | Part::Rpc | Part::Outsider);
    let p2p = match (&port.state, &port.answer) {
        (State::Open, Some(Answer::P2p(p2p))) => p2p,
        (State::Open, _) => return Some(("the P2P port is open and speaks no P2P".into(), again)),
        _ if !faces => return None,
        // A libp2p node closes TCP; the rule about QUIC speaks of it.
        _ if target.open(Service::Quic).next().is_some() => return None,
        (state, _) => return Some((format!("the P2P port is {} from here", state.word()), again)),
    };
    match p2p {
        P2p::Silent | P2p::Dropped => {
            let fix =
                "wait until inbound places are free, or raise p2p.max_num_inbound_peers; then try again";
            Some((format!("the P2P port {p2p}"), fix))
        }
        P2p::Broken(_) | P2p::Nameless(..) => Some((format!("the P2P port: {p2p}"), again)),
        P2p::Node(node) => match &node.pex {
            Pex::Off => None,
            Pex::Refused | Pex::Unspoken => Some((node.pex.to_string(), again)),
            Pex::Read(_, Some(_)) => Some((node.pex.to_string(), again)),
            Pex::Read(census, None) if census.miss() > THIN => {
                Some((node.pex.to_string(), "ask more often: --pex-requests 100"))
            }
            Pex::Read(..) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Answer, P2p, Part, Pex, Service, State};
    use crate::rules::example::{found, node, port, with_pex};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, node(Part::Sentry, with_pex(&[]))), []);
        assert_eq!(found(&RULE, node(Part::Sentry, Pex::Off)), []);
        for state in [State::Closed, State::Filtered] {
            assert_eq!(found(&RULE, port(Part::Validator, Service::P2p, state, None)), [], "as it should be");
        }
    }

    #[test]
    fn unreachable_is_not_safe() {
        for state in [State::Closed, State::Filtered, State::NoRoute] {
            let findings = found(&RULE, port(Part::Sentry, Service::P2p, state.clone(), None));
            assert!(findings[0].evidence.contains(state.word()), "{findings:?}");
        }
        for p2p in [P2p::Silent, P2p::Dropped, P2p::Broken("x".into())] {
            let answer = Some(Answer::P2p(p2p));
            assert_eq!(found(&RULE, port(Part::Sentry, Service::P2p, State::Open, answer)).len(), 1);
        }
        assert_eq!(found(&RULE, node(Part::Sentry, Pex::Refused)).len(), 1);
    }

    #[test]
    fn too_few_answers_are_not_enough() {
        let entries: Vec<(String, String)> =
            (0..250).map(|i| (format!("{i:040x}"), format!("203.0.113.{i}"))).collect();
        let entries: Vec<(&str, &str)> = entries.iter().map(|(id, ip)| (id.as_str(), ip.as_str())).collect();
        let findings = found(&RULE, node(Part::Sentry, with_pex(&entries)));
        assert!(findings[0].fix.contains("--pex-requests"), "{findings:?}");
    }
}
