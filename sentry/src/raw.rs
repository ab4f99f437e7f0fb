//! `fleet.toml` as the human typed it: names are strings, nothing is looked up, every unknown key is refused.
//!
//! Only `resolve` reads these types. Values that can be wrong carry their place in the file, so that an error can name
//! the line. `[host.node.config]` and `[host.node.app]` are fragments of the node's own `config.toml` and `app.toml`:
//! same tables, same names, same spelling; a value given there replaces the one that the topology implies.

mod deployment;

use serde::Deserialize;
use toml::Spanned;

pub(crate) use self::deployment::{
    RawArtefact, RawDeploy, RawPrometheus, RawSoftware, RawSsh, RawTunnel, RawWatch,
};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFleet {
    #[serde(default, rename = "chain")]
    pub(crate) chains: Vec<RawChain>,
    #[serde(default, rename = "key")]
    pub(crate) keys: Vec<RawKey>,
    #[serde(default, rename = "host")]
    pub(crate) hosts: Vec<RawHost>,
    pub(crate) deploy: Option<RawDeploy>,
}

/// `[[chain]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawChain {
    pub(crate) id: Spanned<String>,
    pub(crate) node_line: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) seeds: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) rpc: Vec<String>,
    #[serde(default)]
    pub(crate) grpc: Vec<String>,
    #[serde(default)]
    pub(crate) watch: Vec<String>,
    pub(crate) software: Option<RawSoftware>,
}

/// `[[key]]`: one consensus key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKey {
    pub(crate) name: Spanned<String>,
    pub(crate) chain: Spanned<String>,
    pub(crate) backend: Spanned<String>,
    pub(crate) path: Spanned<String>,
    pub(crate) store: Option<Spanned<String>>,
}

/// `[[host]]`: one machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHost {
    pub(crate) name: Spanned<String>,
    pub(crate) provider: String,
    pub(crate) site: Option<String>,
    #[serde(default)]
    pub(crate) public: Vec<Spanned<String>>,
    pub(crate) private: Option<Spanned<String>>,
    pub(crate) wireguard: Option<Spanned<String>>,
    #[serde(default, rename = "node")]
    pub(crate) nodes: Vec<RawNode>,
    pub(crate) signer: Option<RawSigner>,
    pub(crate) monitor: Option<RawMonitor>,
    pub(crate) etcd: Option<RawEtcd>,
    pub(crate) ssh: Option<RawSsh>,
    pub(crate) tunnel: Option<RawTunnel>,
    pub(crate) prometheus: Option<RawPrometheus>,
    pub(crate) watch: Option<RawWatch>,
}

/// `[[host.node]]`: one node of one chain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNode {
    pub(crate) chain: Spanned<String>,
    pub(crate) role: crate::fleet::Role,
    pub(crate) id: Spanned<String>,
    pub(crate) signed_by: Option<Spanned<String>>,
    pub(crate) node_line: Option<Spanned<String>>,
    pub(crate) behind: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(crate) peers: Vec<Spanned<String>>,
    pub(crate) node_key: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) ports: crate::fleet::Ports,
    #[serde(default)]
    pub(crate) config: RawConfig,
    #[serde(default)]
    pub(crate) app: RawApp,
}

/// `[host.signer]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSigner {
    #[serde(default)]
    pub(crate) keys: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) standby: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) audit_log: bool,
    pub(crate) nodes: Option<Vec<Spanned<String>>>,
    pub(crate) listen: Option<Spanned<String>>,
}

/// `[host.etcd]`: a member of the cluster in which signers share marks. Nothing in it is to be chosen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEtcd {}

/// `[host.monitor]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMonitor {
    pub(crate) chains: Option<Vec<Spanned<String>>>,
    pub(crate) listen: Option<Spanned<String>>,
    pub(crate) alerts: Option<toml::Table>,
}

/// `[host.node.config]`: a fragment of `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConfig {
    pub(crate) moniker: Option<String>,
    pub(crate) priv_validator_laddr: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) consensus: RawConsensus,
    #[serde(default)]
    pub(crate) tx_index: RawTxIndex,
    #[serde(default)]
    pub(crate) p2p: RawP2p,
    #[serde(default)]
    pub(crate) rpc: RawRpc,
    #[serde(default)]
    pub(crate) instrumentation: RawInstrumentation,
}

/// `[p2p]` of `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawP2p {
    pub(crate) laddr: Option<Spanned<String>>,
    pub(crate) external_address: Option<String>,
    pub(crate) seeds: Option<Spanned<String>>,
    pub(crate) persistent_peers: Option<Spanned<String>>,
    pub(crate) private_peer_ids: Option<Spanned<String>>,
    pub(crate) unconditional_peer_ids: Option<Spanned<String>>,
    pub(crate) addr_book_strict: Option<bool>,
    pub(crate) pex: Option<bool>,
    pub(crate) seed_mode: Option<bool>,
    pub(crate) allow_duplicate_ip: Option<bool>,
    pub(crate) max_num_inbound_peers: Option<i64>,
    pub(crate) upnp: Option<bool>,
}

/// `[consensus]` of `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConsensus {
    pub(crate) double_sign_check_height: Option<i64>,
}

/// `[tx_index]` of `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTxIndex {
    pub(crate) indexer: Option<String>,
}

/// `[rpc]` of `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRpc {
    pub(crate) laddr: Option<Spanned<String>>,
    pub(crate) r#unsafe: Option<bool>,
    pub(crate) pprof_laddr: Option<Spanned<String>>,
}

/// `[instrumentation]` of `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawInstrumentation {
    pub(crate) prometheus: Option<bool>,
    pub(crate) prometheus_listen_addr: Option<Spanned<String>>,
}

/// `[host.node.app]`: a fragment of `app.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawApp {
    #[serde(default)]
    pub(crate) grpc: RawGrpc,
    #[serde(default, rename = "state-sync")]
    pub(crate) state_sync: RawStateSync,
}

/// `[state-sync]` of `app.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawStateSync {
    pub(crate) snapshot_interval: Option<i64>,
}

/// `[grpc]` of `app.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawGrpc {
    pub(crate) enable: Option<bool>,
    pub(crate) address: Option<Spanned<String>>,
}
