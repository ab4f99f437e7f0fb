//! What was met at every port, in words: the part of a report that is no finding.

use core::fmt;

use serde::Serialize;

use super::{Answer, Grpc, P2p, Part, Pex, Port, Service, State, Target, Tls};
use crate::finding::Subject;

/// One port and how it met the probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Whose port, and where.
    pub subject: Subject,
    /// What it is for.
    pub service: String,
    /// How it met the probe, in one word.
    pub state: &'static str,
    /// What it said, in words.
    pub says: String,
}

/// Every port of a target.
pub(super) fn seen(target: &Target) -> Vec<Seen> {
    let of = |port: &Port| Seen {
        subject: target.at(port),
        service: port.service.to_string(),
        state: port.state.word(),
        says: says(port),
    };
    target.ports.iter().map(of).collect()
}

fn says(port: &Port) -> String {
    match (&port.state, &port.answer) {
        (State::Closed, _) => "refused: nothing listens, or a firewall says so".into(),
        (State::Filtered, _) => {
            "no answer: dropped by a firewall, or nobody there; not the same as safe".into()
        }
        (State::NoRoute, _) => "no way there from here; not the same as safe".into(),
        (State::Unknown(why), _) => why.clone(),
        (State::Open, None) if port.service == Service::Privval => {
            "accepts connections; nothing was said to it".into()
        }
        (State::Open, None) => "accepts connections, and does not speak as expected".into(),
        (State::Open, Some(answer)) => answer.to_string(),
    }
}

impl State {
    /// In one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Filtered => "filtered",
            Self::NoRoute => "no-route",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P2p(p2p) => p2p.fmt(f),
            Self::Pages(pages) => {
                let answered: Vec<String> =
                    pages.iter().map(|page| format!("{} {}", page.path, page.status)).collect();
                f.write_str(&answered.join(", "))
            }
            Self::Tls(Tls { names, pages }) => {
                match names.is_empty() {
                    true => f.write_str("a certificate without names")?,
                    false => write!(f, "a certificate for {}", names.join(", "))?,
                }
                pages.iter().try_for_each(|page| write!(f, ", {} {}", page.path, page.status))
            }
            Self::Grpc(said, services) => {
                match said {
                    Grpc::Node(Some(id), version) => write!(f, "gRPC of node {id}, version {version}")?,
                    Grpc::Node(None, version) => write!(f, "gRPC of a node, version {version}")?,
                    Grpc::Other => f.write_str("gRPC, without a node's service")?,
                }
                match services.len() {
                    0 => Ok(()),
                    n => write!(f, ", {n} services named"),
                }
            }
            Self::Quic(_, Some(said)) => write!(f, "libp2p: {said}"),
            Self::Quic(versions, None) => {
                write!(f, "QUIC, {versions} versions; libp2p did not say who it is")
            }
            Self::Ssh(banner) => f.write_str(banner),
        }
    }
}

impl fmt::Display for P2p {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str(
                "accepts and stays silent: all inbound places are taken, or a proxy accepts for nobody",
            ),
            Self::Dropped => {
                f.write_str("cuts off at once: a connection from this address exists, or a filter refuses it")
            }
            Self::Broken(how) => write!(f, "breaks the protocol: {how}"),
            Self::Nameless(id, how) => write!(f, "node {id}, no node info: {how}"),
            Self::Node(node) => {
                let info = &node.info;
                let dialect = if node.amino { " (amino)" } else { "" };
                write!(
                    f,
                    "node {} on {}, version {}{dialect}, {}",
                    node.id, info.network, info.version, node.pex
                )
            }
        }
    }
}

impl fmt::Display for Pex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("PEX off"),
            Self::Refused => {
                f.write_str("ends the connection after its node info: inbound full, or it filters")
            }
            Self::Unspoken => {
                f.write_str("its address book was not read: this dialect of PEX is not spoken here")
            }
            Self::Read(census, end) => {
                let (answers, distinct) = (census.answers(), census.distinct());
                write!(f, "PEX: {distinct} addresses in {answers} answers")?;
                if let Some(size) = census.size() {
                    write!(
                        f,
                        ", book of about {:.0}, an entry was missed with probability {:.1e}",
                        size.likely,
                        census.miss()
                    )?;
                }
                end.as_ref().map_or(Ok(()), |end| write!(f, "; ended early: {end}"))
            }
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::P2p => "p2p",
            Self::Quic => "quic",
            Self::Rpc => "rpc",
            Self::Privval => "privval",
            Self::Metrics => "metrics",
            Self::Pprof => "pprof",
            Self::Grpc => "grpc",
            Self::Rest => "rest",
            Self::Evm => "evm",
            Self::Https => "https",
            Self::Ssh => "ssh",
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validator => "validator",
            Self::PrivateSentry => "private sentry",
            Self::Sentry => "sentry",
            Self::Seed => "seed",
            Self::Rpc => "rpc node",
            Self::Signer => "signer",
            Self::Monitor => "monitor",
            Self::Outsider => "outsider",
        })
    }
}
