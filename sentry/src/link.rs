//! Who dials whom: the edges of the graph, derived from what the settings really say.

use core::fmt;
use std::collections::BTreeMap;

use crate::fleet::{Fleet, NodeName, Role};
use crate::listen::Listen;
use crate::path::dial;
use crate::peer::NodeId;

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A node of the fleet.
    Node(NodeName),
    /// The signer on this host.
    Signer(String),
    /// The monitor on this host.
    Monitor(String),
    /// The etcd member on this host.
    Etcd(String),
    /// A node that is not ours.
    Outside(NodeId),
}

/// What is spoken on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speech {
    /// CometBFT's peer protocol.
    P2p,
    /// Signing requests: the signer dials, the node asks.
    Privval,
    /// CometBFT's JSON-RPC.
    Rpc,
    /// The Cosmos SDK's gRPC.
    Grpc,
    /// Marks, between signers and etcd.
    Etcd,
    /// What members of etcd say to each other.
    EtcdPeer,
}

/// `from` dials `to` at `address`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Who dials.
    pub from: Party,
    /// Who is dialled.
    pub to: Party,
    /// What they speak.
    pub speech: Speech,
    /// Where, in the dialler's own spelling: `ip:port` for peers, `tcp://…` and `unix://…` for signers, a URL for monitors.
    pub address: String,
}

/// Two that must reach each other, and no network joins them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// A signer and a node of its key.
    Node(Unreachable),
    /// A signer or a member, and a member.
    Member { from: String, to: String },
}

/// A signer that no network joins with a node of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreachable {
    pub(crate) signer: String,
    pub(crate) node: NodeName,
    pub(crate) listen: Option<Listen>,
}

/// Every link of the fleet, sorted.
pub(crate) fn links(fleet: &Fleet) -> Result<Vec<Link>, Lost> {
    let mut links = p2p(fleet);
    links.extend(privval(fleet).map_err(Lost::Node)?);
    links.extend(etcd(fleet)?);
    links.extend(queries(fleet));
    links.sort();
    Ok(links)
}

fn p2p(fleet: &Fleet) -> Vec<Link> {
    let mut links = Vec::new();
    // Every node may name every other one: a look through all of them for each name would be a walk with three loops. The first of two
    // that have the same id is meant, as everywhere.
    let mut by_id = BTreeMap::new();
    for node in fleet.nodes() {
        by_id.entry(&node.id).or_insert(node);
    }
    for view in fleet.views() {
        for peer in &view.settings.p2p_persistent_peers.value {
            let to = match by_id.get(&peer.id) {
                Some(node) => Party::Node(node.name.clone()),
                None => Party::Outside(peer.id.clone()),
            };
            let from = Party::Node(view.node.name.clone());
            links.push(Link {
                from,
                to,
                speech: Speech::P2p,
                address: format!("{}:{}", peer.host, peer.port),
            });
        }
    }
    links
}

fn privval(fleet: &Fleet) -> Result<Vec<Link>, Unreachable> {
    let mut links = Vec::new();
    for signer in &fleet.signers {
        for view in fleet.views().filter(|v| signer.serves(v.node)) {
            let listen = view.settings.priv_validator_laddr.value.as_ref();
            let address = match listen {
                Some(Listen::Unix(path)) if view.host.name == signer.host => Some(format!("unix://{path}")),
                Some(tcp) => dial(&fleet.hosts[&signer.host], view.host, tcp).map(|a| format!("tcp://{a}")),
                None => None,
            };
            let Some(address) = address else {
                let (signer, node) = (signer.host.clone(), view.node.name.clone());
                return Err(Unreachable { signer, node, listen: listen.cloned() });
            };
            let (from, to) = (Party::Signer(signer.host.clone()), Party::Node(view.node.name.clone()));
            links.push(Link { from, to, speech: Speech::Privval, address });
        }
    }
    Ok(links)
}

/// Every signer of a shared key dials every member, and every member every other.
fn etcd(fleet: &Fleet) -> Result<Vec<Link>, Lost> {
    let mut links = Vec::new();
    let shared = |name: &String| fleet.keys.get(name).is_some_and(|key| key.shared);
    let signers = fleet.signers.iter().filter(|s| s.keys.iter().chain(&s.standby).any(shared));
    let signers = signers.map(|s| (Party::Signer(s.host.clone()), &s.host, Speech::Etcd));
    let members = fleet.etcd.iter().map(|m| (Party::Etcd(m.host.clone()), &m.host, Speech::EtcdPeer));
    for (from, host, speech) in signers.chain(members) {
        for member in fleet.etcd.iter().filter(|member| from != Party::Etcd(member.host.clone())) {
            let listen = if speech == Speech::Etcd { &member.client } else { &member.peer };
            let address = dial(&fleet.hosts[host], &fleet.hosts[&member.host], listen);
            let lost = || Lost::Member { from: host.clone(), to: member.host.clone() };
            let address = format!("https://{}", address.ok_or_else(lost)?);
            links.push(Link { from: from.clone(), to: Party::Etcd(member.host.clone()), speech, address });
        }
    }
    Ok(links)
}

/// A monitor asks nodes that answer for others first, never the validator: what watches the validator from the public
/// side must not know where it is.
fn queries(fleet: &Fleet) -> Vec<Link> {
    let mut links = Vec::new();
    for monitor in &fleet.monitors {
        let from = &fleet.hosts[&monitor.host];
        let asked = |role: Role| matches!(role, Role::Rpc | Role::Sentry | Role::PrivateSentry);
        for view in fleet.views() {
            if !asked(view.node.role) || !monitor.chains.contains(&view.node.name.chain) {
                continue;
            }
            let sources = [
                (Speech::Rpc, &view.settings.rpc_laddr.value),
                (Speech::Grpc, &view.settings.grpc_address.value),
            ];
            for (speech, listen) in sources {
                if let Some(address) = listen.as_ref().and_then(|l| dial(from, view.host, l)) {
                    let (from, to) =
                        (Party::Monitor(monitor.host.clone()), Party::Node(view.node.name.clone()));
                    links.push(Link { from, to, speech, address: format!("http://{address}") });
                }
            }
        }
    }
    links
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => write!(f, "{name}"),
            Self::Signer(host) => write!(f, "signer on {host}"),
            Self::Monitor(host) => write!(f, "monitor on {host}"),
            Self::Etcd(host) => write!(f, "etcd on {host}"),
            Self::Outside(id) => write!(f, "outside peer {id}"),
        }
    }
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::P2p => "p2p",
            Self::Privval => "privval",
            Self::Rpc => "rpc",
            Self::Grpc => "grpc",
            Self::Etcd => "etcd",
            Self::EtcdPeer => "etcd peer",
        })
    }
}
