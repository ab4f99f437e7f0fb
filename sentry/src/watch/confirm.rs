//! When a finding that was not made again counts as ended.
//!
//! Unreachable is not the same as safe: a leak that was seen once stays open until a run has looked at the same place and has
//! not met it. Nothing in the way a place kept silent is taken for an answer unless something else shows that it was reached.

use core::net::{IpAddr, SocketAddr};

use crate::finding::{Source, Subject};
use crate::home::Home;
use crate::live::{Live, Part, Port, Service, State, Target};

/// What a run has looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looked<'a> {
    /// Whether the plan was judged.
    pub planned: bool,
    /// What was seen from outside.
    pub live: Option<&'a Live>,
    /// Homes that were read.
    pub homes: &'a [Home],
}

impl Looked<'_> {
    /// Whether the run would have made a finding of this source and subject if it still stood.
    pub fn at(&self, source: Source, subject: &Subject, book: bool) -> bool {
        match source {
            Source::Planned => self.planned,
            Source::Home => self.homes.iter().any(|home| same_node(&home.subject, subject)),
            Source::Live => self.live.is_some_and(|live| seen(live, subject, book)),
        }
    }
}

fn same_node(home: &Subject, subject: &Subject) -> bool {
    home.host == subject.host && (subject.chain.is_none() || home.chain == subject.chain)
}

/// `book`: what was found was in answers of PEX, so only a book that was read thickly enough ends it.
fn seen(live: &Live, subject: &Subject, book: bool) -> bool {
    let Some(at) = &subject.at else {
        // About a host as a whole: everything of it must have been reached.
        let mut targets = live.targets.iter().filter(|t| t.subject.host == subject.host).peekable();
        return targets.peek().is_some() && targets.all(answers);
    };
    if let Ok(address) = at.parse::<SocketAddr>() {
        let port =
            |t: &'_ &Target| t.ip == address.ip() && t.ports.iter().any(|p| p.number == address.port());
        let Some(target) = live.targets.iter().find(port) else {
            // No longer in the fleet, or no longer at this port: nothing can be said about it.
            return live.targets.iter().any(|t| t.ip == address.ip());
        };
        let mut ports = target.ports.iter().filter(|p| p.number == address.port());
        return ports.all(|port| reached(live, target, port, book));
    }
    at.parse::<IpAddr>().is_ok_and(|ip| live.targets.iter().any(|t| t.ip == ip && answers(t)))
}

/// Whether anything at this address answered, be it with a refusal.
pub(super) fn answers(target: &Target) -> bool {
    target.ports.iter().any(|port| matches!(port.state, State::Open | State::Closed))
}

fn reached(live: &Live, target: &Target, port: &Port, book: bool) -> bool {
    let hides = matches!(target.part, Part::Validator | Part::PrivateSentry | Part::Signer);
    match &port.state {
        State::Open if port.service == Service::P2p && book => crate::rules::book_was_read(target, port),
        State::Open => super::spoke(&port.state, port.answer.as_ref()),
        // A book cannot be read where nobody answers; somebody else may still be answered.
        State::Closed | State::Filtered if book && port.service == Service::P2p && !hides => false,
        State::Closed => true,
        // Dropped at the firewall, as it should be, if anything else of the host is there; or if the host shall be silent
        // and the probe did reach others.
        State::Filtered => answers(target) || hides && live.targets.iter().any(answers),
        State::NoRoute | State::Unknown(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Answer, P2p, Pex};
    use crate::rules::example::{node, port, with_pex};

    fn subject(live: &Live) -> Subject {
        let target = &live.targets[0];
        target.at(&target.ports[0])
    }

    fn ends(live: &Live, book: bool) -> bool {
        let looked = Looked { live: Some(live), ..Looked::default() };
        looked.at(Source::Live, &subject(live), book)
    }

    #[test]
    fn silence_ends_nothing() {
        for state in [State::Filtered, State::NoRoute, State::Unknown("x".into())] {
            assert!(!ends(&port(Part::Sentry, Service::Rpc, state, None), false));
        }
        let silent = Some(Answer::P2p(P2p::Silent));
        assert!(!ends(&port(Part::Sentry, Service::P2p, State::Open, silent), true));
        assert!(!Looked::default().at(Source::Live, &Subject::host("a"), false));
        assert!(!Looked::default().at(Source::Planned, &Subject::host("a"), false));
    }

    #[test]
    fn an_answer_ends_it() {
        assert!(ends(&port(Part::Sentry, Service::Rpc, State::Closed, None), false));
        assert!(ends(&node(Part::Sentry, with_pex(&[])), true));
        assert!(ends(&node(Part::Sentry, Pex::Off), true));
    }

    #[test]
    fn a_drop_beside_an_answer_ends_it() {
        let mut live = port(Part::Sentry, Service::Rpc, State::Filtered, None);
        assert!(!ends(&live, false));
        let ssh = port(Part::Sentry, Service::Ssh, State::Closed, None);
        live.targets[0].ports.extend(ssh.targets[0].ports.clone());
        assert!(ends(&live, false));
    }

    #[test]
    fn a_validator_may_be_silent_if_the_probe_reached_others() {
        let mut live = port(Part::Validator, Service::P2p, State::Filtered, None);
        assert!(!ends(&live, false));
        let mut other = port(Part::Sentry, Service::P2p, State::Closed, None);
        other.targets[0].ip = [203, 0, 113, 99].into();
        live.targets.extend(other.targets);
        assert!(ends(&live, false));
    }

    #[test]
    fn a_book_that_was_not_read_ends_nothing() {
        assert!(!ends(&node(Part::Sentry, Pex::Refused), true));
        assert!(ends(&node(Part::Sentry, Pex::Refused), false), "but the port was spoken to");
        assert!(!ends(&port(Part::Sentry, Service::P2p, State::Closed, None), true));
    }
}
