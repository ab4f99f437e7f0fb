//! What the world sees of a fleet: for every address and port whether it answers, and what it gives away.
//!
//! `io::probe` fills it in, the rules judge it. It says of every port which of the kinds of silence was met, because
//! unreachable is not the same as safe: closed is an answer, filtered is none, and a node whose inbound places are all
//! taken looks filtered although the rest of the world is talking to it.

mod hidden;
pub mod identify;
mod plan;
mod seen;

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeSet;

use comet::p2p::NodeInfo;

use crate::census::Census;
use crate::finding::Subject;
use crate::peer::NodeId;

pub use hidden::{Hidden, Trace, traces};
pub use plan::{Wanted, is_privval, named, plan};
pub use seen::Seen;

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// What must not be found anywhere.
    pub hidden: Vec<Hidden>,
    /// Every address that was looked at.
    pub targets: Vec<Target>,
}

/// What stands at an address, as far as the fleet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Must not be seen by anybody but its sentries.
    Validator,
    /// Must be seen by partners only.
    PrivateSentry,
    /// Faces the world, and knows the validator.
    Sentry,
    /// Faces the world; hands out addresses.
    Seed,
    /// Faces the world; answers queries.
    Rpc,
    /// A host with a signer.
    Signer,
    /// A host with a monitor.
    Monitor,
    /// Somebody else's node, or one of which nothing is declared: asked for what it hands on.
    Outsider,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Validator,
        Self::PrivateSentry,
        Self::Sentry,
        Self::Seed,
        Self::Rpc,
        Self::Signer,
        Self::Monitor,
        Self::Outsider,
    ];
}

/// One address of one host, with the ports that were tried.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whose address it is.
    pub subject: Subject,
    /// What it is for.
    pub part: Part,
    /// Whether votes are made in its name.
    pub signs: bool,
    /// The id that must answer.
    pub id: Option<NodeId>,
    /// The address.
    pub ip: IpAddr,
    /// Whether the fleet declares it public; an address of the inner networks should not be reachable at all.
    pub public: bool,
    /// What was met, port by port.
    pub ports: Vec<Port>,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// SecretConnection, node info, PEX.
    P2p,
    /// QUIC at the port of P2P: a libp2p node.
    Quic,
    /// CometBFT's RPC.
    Rpc,
    /// Where a node waits for its signer. Never spoken to.
    Privval,
    /// Metrics of a node or a daemon.
    Metrics,
    /// Go's profiler.
    Pprof,
    /// The SDK's gRPC.
    Grpc,
    /// The SDK's REST.
    Rest,
    /// JSON-RPC of an EVM.
    Evm,
    /// A web server with a certificate.
    Https,
    /// An SSH server.
    Ssh,
}

/// How a port met the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It accepts connections.
    Open,
    /// The host refuses: nothing listens, or a firewall says so.
    Closed,
    /// No answer in time: a firewall drops, or nobody is there.
    Filtered,
    /// There is no way from here.
    NoRoute,
    /// The probe could not find out.
    Unknown(String),
}

/// One port.
#[derive(Clone, Debug)]
pub struct Port {
    /// Number.
    pub number: u16,
    /// What it is for.
    pub service: Service,
    /// How it met the probe.
    pub state: State,
    /// What it said; `None` where it is not open, was not spoken to, or did not speak this protocol.
    pub answer: Option<Answer>,
}

/// What a port said.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To the P2P handshake.
    P2p(P2p),
    /// To HTTP, each page that answered.
    Pages(Vec<Page>),
    /// Over TLS.
    Tls(Tls),
    /// To gRPC calls, and the services that it names or answers for.
    Grpc(Grpc, Vec<String>),
    /// A QUIC server: the versions it offers, and what libp2p behind it says.
    Quic(usize, Option<Box<identify::Identity>>),
    /// The banner or host key of SSH.
    Ssh(String),
}

/// What a server with a certificate said.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Names in the certificate.
    pub names: Vec<String>,
    /// Pages of a node that it served under one of them.
    pub pages: Vec<Page>,
}

/// How far the P2P handshake went.
#[derive(Clone, Debug)]
pub enum P2p {
    /// The connection stood, and no key came: its inbound places are taken, or a proxy accepts for nobody.
    Silent,
    /// Cut off before the key: the address is connected already, or a filter of the node refuses it.
    Dropped,
    /// It speaks, but breaks the protocol.
    Broken(String),
    /// The handshake stood, and the key was this; then no valid node info came.
    Nameless(NodeId, String),
    /// A node.
    Node(Box<Node>),
}

/// A node that answered.
#[derive(Clone, Debug)]
pub struct Node {
    /// The id of the key that it proved.
    pub id: NodeId,
    /// What it says about itself.
    pub info: NodeInfo,
    /// Whether it speaks the amino of Tendermint 0.33.
    pub amino: bool,
    /// What its address book gave.
    pub pex: Pex,
}

/// What came of asking for addresses.
#[derive(Clone, Debug)]
pub enum Pex {
    /// It takes part in no peer exchange.
    Off,
    /// It ends every connection after its node info: its places are taken, or it filters.
    Refused,
    /// The dialect is not spoken here, so its book was not read.
    Unspoken,
    /// These addresses, and in the second place what ended the reading early.
    Read(Census, Option<String>),
}

/// One HTTP answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// Path, e.g. `/net_info`.
    pub path: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether there was more than the probe reads.
    pub cut: bool,
    /// How the hidden nodes show in as much of the body as was read, [`PAGE`] bytes at most.
    pub traces: BTreeSet<Trace>,
    /// The beginning of the body as text, [`KEPT`] bytes at most: a survey of a hundred nodes is held in memory.
    pub body: String,
}

/// What gRPC said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grpc {
    /// It speaks gRPC, and names this node id in its node info.
    Node(Option<NodeId>, String),
    /// It speaks gRPC, but not this service.
    Other,
}

/// Bytes of an HTTP body that are read; a net_info of 500 peers has about 1.5 MB.
pub const PAGE: usize = 4 * 1024 * 1024;
/// Bytes of an HTTP body that are kept.
pub const KEPT: usize = 64 * 1024;

impl Target {
    /// Address and port.
    pub fn address(&self, port: &Port) -> SocketAddr {
        SocketAddr::new(self.ip, port.number)
    }

    /// Whom a finding at this port is about.
    pub fn at(&self, port: &Port) -> Subject {
        self.subject.at(self.address(port))
    }

    /// Whether it is somebody else's.
    pub fn is_ours(&self) -> bool {
        self.part != Part::Outsider
    }

    /// The node that answered at its P2P port.
    pub fn node(&self) -> Option<(&Port, &Node)> {
        self.ports.iter().find_map(|port| match &port.answer {
            Some(Answer::P2p(P2p::Node(node))) => Some((port, node.as_ref())),
            _ => None,
        })
    }

    /// Pages that answered 200, with their ports.
    pub fn pages(&self) -> impl Iterator<Item = (&Port, &Page)> {
        self.ports.iter().flat_map(|port| {
            let pages = match &port.answer {
                Some(Answer::Pages(pages)) => pages.as_slice(),
                Some(Answer::Tls(tls)) => tls.pages.as_slice(),
                _ => &[],
            };
            pages.iter().filter(|page| page.status == 200).map(move |page| (port, page))
        })
    }

    /// Ports of this service that are open.
    pub fn open(&self, service: Service) -> impl Iterator<Item = &Port> {
        self.ports.iter().filter(move |port| port.service == service && port.state == State::Open)
    }
}

impl Page {
    /// Of an answer as it was read.
    pub fn new(path: &'static str, status: u16, cut: bool, body: &[u8], hidden: &[Hidden]) -> Self {
        let traces = traces(hidden, &String::from_utf8_lossy(body));
        let kept = &body[..body.len().min(KEPT)];
        Self { path, status, cut, traces, body: String::from_utf8_lossy(kept).into_owned() }
    }
}

impl Live {
    /// Our own targets.
    pub fn ours(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.is_ours())
    }

    /// What was met at every port, for the report.
    pub fn seen(&self) -> Vec<Seen> {
        self.targets.iter().flat_map(seen::seen).collect()
    }
}
