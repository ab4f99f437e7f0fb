//! The resolved fleet: a typed graph in which every name has been looked up and every address parsed.
//!
//! ```text
//! Fleet ── chains, keys, hosts            what exists
//!       ├─ nodes ── role, id, signed_by   who runs what, one node per host and chain
//!       ├─ settings(node)                 what its configuration says (settings.rs)
//!       ├─ signers, monitors              the daemons of this kit
//!       └─ links                          who dials whom, and where (link.rs)
//! ```
//!
//! Everything is sorted by name, so that nothing downstream depends on the order in the file. Deliberately absent:
//! places in the file, and any way to change a fleet after it was resolved.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;
use crate::link::Link;
use crate::listen::Listen;
use crate::node_line::NodeLine;
use crate::peer::{NodeId, PeerAddress};
use crate::settings::Settings;

/// A whole fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    pub(crate) chains: BTreeMap<String, Chain>,
    pub(crate) keys: BTreeMap<String, Key>,
    pub(crate) hosts: BTreeMap<String, Host>,
    pub(crate) nodes: BTreeMap<NodeName, Node>,
    pub(crate) settings: BTreeMap<NodeName, Settings>,
    pub(crate) signers: Vec<Signer>,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) etcd: Vec<Member>,
    pub(crate) links: Vec<Link>,
    pub(crate) deployment: Option<Deployment>,
    pub(crate) source: String,
}

/// A chain and what outsiders offer for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Chain id.
    pub id: String,
    /// What its nodes run, unless they say otherwise.
    pub line: Option<NodeLine>,
    /// Public seeds, dialled by public sentries.
    pub seeds: Vec<PeerAddress>,
    /// RPC endpoints of others, after our own, for the monitor.
    pub rpc: Vec<String>,
    /// gRPC endpoints of others, after our own, for the monitor.
    pub grpc: Vec<String>,
    /// Own validators (`…valoper…` addresses).
    pub watch: Vec<String>,
}

/// A consensus key: what it signs for and where its signer finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Name inside the fleet.
    pub name: String,
    /// The chain it signs for.
    pub chain: String,
    /// The signer's backend, e.g. `softsign`.
    pub backend: String,
    /// Path on the signer's host, relative to its configuration.
    pub path: String,
    /// Whether its mark is shared in etcd, so that several signers may hold it.
    pub shared: bool,
}

/// A member of the etcd cluster in which signers share marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Host name.
    pub host: String,
    /// Where signers dial it, with mutual TLS.
    pub client: Listen,
    /// Where the other members dial it.
    pub peer: Listen,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Name inside the fleet.
    pub name: String,
    /// Who runs the machine room.
    pub provider: String,
    /// Which machine room.
    pub site: Option<String>,
    /// Addresses that the internet reaches, in the order given.
    pub public: Vec<IpAddr>,
    /// Address on the provider's or the site's own network.
    pub private: Option<IpAddr>,
    /// Address inside the fleet's WireGuard network.
    pub wireguard: Option<IpAddr>,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Holds the validator's place in consensus and is seen by its sentries only.
    Validator,
    /// Faces the public network.
    Sentry,
    /// Faces chosen partners only, unknown to the public network.
    PrivateSentry,
    /// Hands out addresses.
    Seed,
    /// Answers RPC and gRPC for others.
    Rpc,
}

/// A node is named by its host and its chain: there is one at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    /// Host name.
    pub host: String,
    /// Chain id.
    pub chain: String,
}

/// One node of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Host and chain.
    pub name: NodeName,
    /// What it is for.
    pub role: Role,
    /// Node id of its `node_key.json`.
    pub id: NodeId,
    /// What it runs; without it its configuration cannot be rendered.
    pub line: Option<NodeLine>,
    /// The consensus key that a remote signer holds for it; such a node has a privval port.
    pub signed_by: Option<String>,
    /// A validator's own sentries; empty for every other role.
    pub behind: Vec<NodeName>,
    /// Chosen peers outside the fleet.
    pub partners: Vec<PeerAddress>,
    /// Ports of its listeners.
    pub ports: Ports,
}

/// Ports of one node, to be changed where several chains share a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// P2P.
    pub p2p: u16,
    /// CometBFT RPC.
    pub rpc: u16,
    /// The port that a remote signer dials.
    pub privval: u16,
    /// CometBFT metrics.
    pub prometheus: u16,
    /// Cosmos SDK gRPC.
    pub grpc: u16,
}

/// A `palisade-signer` on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Host name.
    pub host: String,
    /// Names of the keys it holds, sorted.
    pub keys: Vec<String>,
    /// Names of keys it is prepared for, sorted: configuration and software are there, the signer is not started, and nothing
    /// but `palisade signer move` starts it.
    pub standby: Vec<String>,
    /// Whether every decision is written to `audit.log` beside the marks.
    pub audit_log: bool,
    /// Hosts whose nodes it serves, sorted; without it every node of its keys.
    pub nodes: Option<Vec<String>>,
    /// Metrics and health.
    pub listen: Listen,
}

/// A `palisade-monitor` on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Host name.
    pub host: String,
    /// Chain ids it follows, sorted.
    pub chains: Vec<String>,
    /// Page and metrics.
    pub listen: Listen,
    /// `[alerts]` of its configuration, as TOML; the monitor itself says what may be in it.
    pub alerts: Option<String>,
}

impl Fleet {
    /// The chain of this id.
    pub fn chain(&self, id: &str) -> Option<&Chain> {
        self.chains.get(id)
    }

    /// Every chain by id.
    pub fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.chains.values()
    }

    /// The consensus key of this name.
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.get(name)
    }

    /// Every consensus key by name.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// The host of this name. Names inside a fleet always resolve; this is for names from outside.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// Every host by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.values()
    }

    /// Every node by host and chain.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// Every node together with its host and its settings: what most rules walk over.
    pub fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.nodes.values().map(|node| self.view(&node.name).expect("every node has a host and settings"))
    }

    /// One node together with its host and its settings.
    pub fn view(&self, name: &NodeName) -> Option<View<'_>> {
        let (node, settings) = (self.nodes.get(name)?, self.settings.get(name)?);
        Some(View { node, settings, host: self.hosts.get(&name.host)? })
    }

    /// The same with other settings of some nodes, for evidence about them, and with the links that follow from them. Whether
    /// its signer reaches a node is a question for the plan.
    pub(crate) fn with_settings(&self, all: Vec<(NodeName, Settings)>) -> Self {
        let mut fleet = self.clone();
        for (name, settings) in &all {
            let mut reachable = settings.clone();
            if let Some(planned) = fleet.settings.get(name) {
                reachable.priv_validator_laddr = planned.priv_validator_laddr.clone();
            }
            fleet.settings.insert(name.clone(), reachable);
        }
        if let Ok(links) = crate::link::links(&fleet) {
            fleet.links = links;
        }
        fleet.settings.extend(all);
        fleet
    }

    /// The node that has this id, if it is ours.
    pub fn node_by_id(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.values().find(|node| node.id == *id)
    }

    /// Signers by host.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Members of the etcd cluster by host.
    pub fn etcd(&self) -> &[Member] {
        &self.etcd
    }

    /// Monitors by host.
    pub fn monitors(&self) -> &[Monitor] {
        &self.monitors
    }

    /// The fleet file as it was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What deployment needs, if the file says it.
    pub fn deployment(&self) -> Option<&Deployment> {
        self.deployment.as_ref()
    }

    /// Who dials whom.
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

/// A node with everything the rules ask about it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The node.
    pub node: &'a Node,
    /// What its configuration says.
    pub settings: &'a Settings,
    /// The machine under it.
    pub host: &'a Host,
}

impl Signer {
    /// Whether it dials this node: one of its keys signs for it, and it is among those that it serves.
    pub fn serves(&self, node: &Node) -> bool {
        node.signed_by.as_ref().is_some_and(|key| self.keys.contains(key))
            && self.nodes.as_ref().is_none_or(|hosts| hosts.contains(&node.name.host))
    }
}

impl Node {
    /// Whether votes are made in its name: a validator, or a sentry that a signer serves.
    pub fn signs(&self) -> bool {
        self.role == Role::Validator || self.signed_by.is_some()
    }
}

impl Role {
    /// Whether it may stand between a validator and the world.
    pub fn is_sentry(self) -> bool {
        matches!(self, Self::Sentry | Self::PrivateSentry)
    }
}

impl Host {
    /// The address that the fleet uses among itself: WireGuard, or else private.
    pub fn inner(&self) -> Option<IpAddr> {
        self.wireguard.or(self.private)
    }

    /// Whether both stand in one machine room, so that private addresses reach each other.
    pub fn shares_site(&self, other: &Self) -> bool {
        self.provider == other.provider && self.site == other.site
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self { p2p: 26656, rpc: 26657, privval: 26659, prometheus: 26660, grpc: 9090 }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.host, self.chain)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validator => "validator",
            Self::Sentry => "sentry",
            Self::PrivateSentry => "private-sentry",
            Self::Seed => "seed",
            Self::Rpc => "rpc",
        })
    }
}
