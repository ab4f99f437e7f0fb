//! What can be wrong with a fleet file: where, what, and what to try.

use core::fmt;

use crate::fleet::NodeName;
use crate::listen::ListenError;
use crate::node_line::{LineError, NodeLine};
use crate::peer::PeerError;

/// A fleet file that does not resolve. Its text names line, host and key, and ends with a `try:` line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}\ntry: {}", problem.remedy())]
pub struct FleetError {
    /// Where.
    pub place: Place,
    /// What. Boxed, because errors are rare and results are passed around everywhere.
    pub problem: Box<Problem>,
}

/// A place in the fleet file, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: Option<usize>,
    /// Host name.
    pub host: Option<String>,
    /// Key inside the host, or table and key outside of one.
    pub key: Option<&'static str>,
}

/// The fact that stops the fleet from resolving.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant is its doc")]
pub enum Problem {
    #[error("{0}")]
    Toml(String),
    #[error("the fleet has no {0}")]
    Nothing(&'static str),
    #[error("\"{name}\" is declared twice")]
    Twice { name: String },
    #[error("{what} \"{name}\" is not declared")]
    Unknown { what: &'static str, name: String, known: Vec<String> },
    #[error("\"{0}\" is not a usable name: letters, digits, '-', '_' and '.' are expected")]
    Name(String),
    #[error("\"{0}\" is not an IP address of a machine")]
    Ip(String),
    #[error("address {ip} belongs to host \"{other}\" already")]
    SharedIp { ip: String, other: String },
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("\"{text}\" is not {expected}")]
    Word { text: String, expected: &'static str },
    #[error("deployment needs to know this")]
    Missing(String),
    #[error("this is for deployment, and the fleet has no [deploy]")]
    NoDeploy,
    #[error("a file to install has either a path or an http(s) url")]
    Artefact,
    #[error("our own daemons are brought from the operator's machine, not loaded by the host")]
    OwnByUrl,
    #[error("\"{0}\" is not for the fleet file to set")]
    Variable(String),
    #[error("the signer holds no key and stands by for none")]
    NoKeys,
    #[error("a signer at work cannot stand by for another key as well")]
    StandbyAtWork,
    #[error("the host runs nothing: no node, no signer, no monitor, no Prometheus")]
    Idle,
    #[error("role {role} needs a public address")]
    NoPublicAddress { role: &'static str },
    #[error("`behind` is for validators only")]
    BehindOnOther,
    #[error("\"{name}\" has no sentry or private-sentry of chain {chain}")]
    NotASentry { name: String, chain: String },
    #[error("key \"{key}\" signs for {key_chain}, the node runs {node_chain}")]
    WrongChain { key: String, key_chain: String, node_chain: String },
    #[error("no signer holds key \"{0}\"")]
    NoSigner(String),
    #[error("no node is signed by key \"{0}\"")]
    UnusedKey(String),
    #[error("the host has no inner address")]
    NoInnerAddress(&'static str),
    #[error("key \"{0}\" is stored in etcd, and no host has [host.etcd]")]
    NoEtcd(String),
    #[error("no key is stored in etcd")]
    UnusedEtcd,
    #[error("{from} cannot reach the etcd member on {to}")]
    FarEtcd { from: String, to: String },
    #[error("two listeners at {address}: {first} and {second}")]
    PortTaken { address: String, first: String, second: String },
    #[error("the signer on {signer} cannot reach the privval port of {node}{at}")]
    Unreachable { signer: String, node: NodeName, at: String },
    #[error("the monitor on {host} reaches no RPC of {chain}")]
    Blind { host: String, chain: String },
}

impl Problem {
    /// The error of this problem at that place.
    pub(crate) fn at(self, place: Place) -> FleetError {
        FleetError { place, problem: Box::new(self) }
    }

    /// The one thing to try next.
    pub fn remedy(&self) -> String {
        match self {
            Self::Toml(_) => "compare with examples/fleet-classic.toml".into(),
            Self::Nothing(what) => format!("add a [[{what}]] table"),
            Self::Twice { .. } => "remove one of them, or give it a name of its own".into(),
            Self::Unknown { known, .. } if known.is_empty() => "declare it".into(),
            Self::Unknown { known, .. } => format!("declare it, or use one of: {}", known.join(", ")),
            Self::Name(_) => "choose a plain name; it becomes a directory and an Ansible host name".into(),
            Self::Ip(_) => "write one address such as \"203.0.113.10\", without port or prefix length".into(),
            Self::SharedIp { .. } => "give every host its own addresses".into(),
            Self::Peer(_) => "ask the node itself: <daemon> comet show-node-id".into(),
            Self::Line(_) => format!("use one of: {}", NodeLine::names()),
            Self::Listen(_) => "use numbers, names are not resolved: tcp://10.66.0.1:26657".into(),
            Self::Word { expected, .. } => format!("write {expected}"),
            Self::Missing(what) => format!("add {what}"),
            Self::NoDeploy => "add [deploy] with admins, ssh_user and binaries, or remove this".into(),
            Self::Artefact => {
                "write { path = \"…\", sha256 = \"…\" } or { url = \"https://…\", sha256 = \"…\" }".into()
            }
            Self::OwnByUrl => "write path = \"…\" instead of url".into(),
            Self::Variable(_) => "use a variable of the roles host, node, monitor, sentry or prometheus that the fleet does not decide".into(),
            Self::NoKeys => "add keys = [\"…\"] under [host.signer]".into(),
            Self::StandbyAtWork => "give the standby a host of its own".into(),
            Self::Idle => "add [[host.node]], [host.signer] or [host.monitor], or remove the host".into(),
            Self::NoPublicAddress { .. } => {
                "add public = [\"…\"] to the host, or use role = \"private-sentry\"".into()
            }
            Self::BehindOnOther => {
                "remove it; a validator names its sentries, not the other way round".into()
            }
            Self::NotASentry { chain, .. } => {
                format!("add [[host.node]] with chain = \"{chain}\", role = \"sentry\" there")
            }
            Self::WrongChain { node_chain, .. } => {
                format!("use a key declared with chain = \"{node_chain}\"")
            }
            Self::NoSigner(key) => {
                format!("add [host.signer] with keys = [\"{key}\"]; where it names its nodes, this host is one of them")
            }
            Self::NoInnerAddress(what) => format!("add {what}"),
            Self::NoEtcd(_) => "add [host.etcd] to three hosts of three sites, or remove store = \"etcd\"".into(),
            Self::UnusedEtcd => "add store = \"etcd\" to a key, or remove [host.etcd]".into(),
            Self::UnusedKey(key) => format!("add signed_by = \"{key}\" to a node, or remove the key"),
            Self::PortTaken { .. } => "give one of them other [host.node.ports]".into(),
            Self::Unreachable { .. } | Self::FarEtcd { .. } => {
                "give both hosts a wireguard address (or one private network: same provider and site)".into()
            }
            Self::Blind { chain, .. } => format!(
                "give the monitor's host a wireguard address, or add rpc = [\"http://…\"] to chain {chain}"
            ),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(host) = &self.host {
            write!(f, "host \"{host}\": ")?;
        }
        if let Some(key) = self.key {
            write!(f, "key `{key}`: ")?;
        }
        Ok(())
    }
}
