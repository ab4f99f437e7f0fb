//! What deployment needs to know beyond the topology: how a host is reached, which bytes are installed, who may log in.
//!
//! Everything here is public: digests, addresses, public keys. Deliberately absent: any way to hold a secret.

use core::net::IpAddr;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::fleet::NodeName;
use crate::listen::Listen;

/// `[deploy]` and what hangs on it. A fleet without it can be audited, and its configurations rendered, but no host is touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Networks that may reach sshd, in CIDR notation.
    pub admins: Vec<String>,
    /// Names or addresses of time servers; empty for the distribution's own.
    pub time_servers: Vec<String>,
    /// UDP port of WireGuard on every host.
    pub wireguard_port: u16,
    /// Use wireguard-go, where the kernel has no WireGuard.
    pub wireguard_userspace: bool,
    /// Folder with `ca.pem`, and `<host>.pem` and `<host>.key` of every member of etcd, relative to the fleet file; keys best
    /// encrypted by Vault.
    pub etcd_tls: Option<String>,
    /// Our daemons and etcd, by program name.
    pub binaries: BTreeMap<&'static str, Artefact>,
    /// What nodes run, by chain id.
    pub software: BTreeMap<String, Software>,
    /// Variables of the roles for every host, as JSON, for what the fleet file has no words for.
    pub ansible: BTreeMap<String, String>,
    /// How each host is reached, by name.
    pub access: BTreeMap<String, Access>,
    /// The public half of each host's WireGuard, by name.
    pub tunnels: BTreeMap<String, Tunnel>,
    /// Files on the operator's machine with the `node_key.json` of a node, relative to the fleet file; best encrypted by Vault. A
    /// node without one makes its own.
    pub node_keys: BTreeMap<NodeName, String>,
    /// Prometheus, by host name.
    pub prometheus: BTreeMap<String, Listen>,
    /// The sentry watch daemon, by host name.
    pub watches: BTreeMap<String, Watch>,
}

/// Bytes that are checked before they are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artefact {
    /// Where they come from.
    #[serde(flatten)]
    pub source: Source,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A file on the operator's machine, relative to the fleet file.
    Path(String),
    /// An address that the host downloads from.
    Url(String),
}

/// What the nodes of a chain run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// Name of the program, e.g. `akash`.
    pub daemon: String,
    /// Its version, as people say it.
    pub version: String,
    /// The program.
    pub binary: Artefact,
    /// Cosmovisor, where it starts the program.
    pub cosmovisor: Option<Artefact>,
    /// The genesis file.
    pub genesis: Option<Artefact>,
    /// Home of the node on its host.
    pub home: String,
    /// Arguments of the program; without any, `start`.
    pub args: Vec<String>,
    /// Arguments with which it makes a home where there is none.
    pub init: Vec<String>,
    /// Programs of planned upgrades, by the plan's name on the chain.
    pub upgrades: BTreeMap<String, Upgrade>,
    /// Whether it writes code at run time, which needs writable and executable memory: contracts, and SDK 0.50 or newer.
    pub wasm: bool,
}

/// The program of an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// Its version, as people say it.
    pub version: String,
    /// The program.
    pub binary: Artefact,
}

/// How a host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Address or name.
    pub address: String,
    /// User; becomes root by sudo unless it is root.
    pub user: String,
    /// Port of sshd.
    pub port: u16,
    /// `user@host:port` to go through.
    pub jump: Option<String>,
}

/// The public half of a host's WireGuard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// In base64.
    pub public_key: String,
    /// Where others find it; without one the host dials out only.
    pub endpoint: Option<String>,
}

/// The sentry watch daemon of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Metrics and page.
    pub listen: Listen,
    /// How often it looks, e.g. `1h`.
    pub every: String,
}

impl Access {
    /// Whether the address is a number.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }
}
