//! What a node's configuration says, as far as the topology depends on it: one value for every key that can leak.
//!
//! The rules read nothing but these values and the graph, so they do not care where a value came from: implied by the
//! topology, typed into `fleet.toml`, or read from a node's home. `Origin` remembers it for the evidence.

use std::collections::BTreeSet;

use crate::listen::Listen;
use crate::peer::{NodeId, PeerAddress};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The topology implies it.
    Implied,
    /// Given in `[host.node.config]` or `[host.node.app]` of the fleet file.
    Given,
    /// Read from the files of the node's home, or the default of the node where they say nothing.
    Home,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value in force.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// The settings of one node. Names are those of `config.toml` and `app.toml`, dots as underscores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `priv_validator_laddr`; none when the node signs with a file or not at all.
    pub priv_validator_laddr: Setting<Option<Listen>>,
    /// `p2p.laddr`
    pub p2p_laddr: Setting<Listen>,
    /// `p2p.external_address`; empty when unset.
    pub p2p_external_address: Setting<String>,
    /// `p2p.seeds`
    pub p2p_seeds: Setting<Vec<PeerAddress>>,
    /// `p2p.persistent_peers`
    pub p2p_persistent_peers: Setting<Vec<PeerAddress>>,
    /// `p2p.private_peer_ids`
    pub p2p_private_peer_ids: Setting<BTreeSet<NodeId>>,
    /// `p2p.unconditional_peer_ids`
    pub p2p_unconditional_peer_ids: Setting<BTreeSet<NodeId>>,
    /// `p2p.addr_book_strict`
    pub p2p_addr_book_strict: Setting<bool>,
    /// `p2p.pex`
    pub p2p_pex: Setting<bool>,
    /// `p2p.seed_mode`
    pub p2p_seed_mode: Setting<bool>,
    /// `p2p.allow_duplicate_ip`
    pub p2p_allow_duplicate_ip: Setting<bool>,
    /// `p2p.max_num_inbound_peers`
    pub p2p_max_num_inbound_peers: Setting<i64>,
    /// `p2p.upnp`, which lines since 0.37 do not have.
    pub p2p_upnp: Setting<bool>,
    /// `moniker`; empty where it is not known, because the topology does not decide it.
    pub moniker: Setting<String>,
    /// `consensus.double_sign_check_height`, which line 0.33 does not have.
    pub consensus_double_sign_check_height: Setting<i64>,
    /// `tx_index.indexer`
    pub tx_index_indexer: Setting<String>,
    /// `state-sync.snapshot-interval` of `app.toml`.
    pub state_sync_snapshot_interval: Setting<i64>,
    /// `rpc.laddr`; none when empty.
    pub rpc_laddr: Setting<Option<Listen>>,
    /// `rpc.unsafe`
    pub rpc_unsafe: Setting<bool>,
    /// `rpc.pprof_laddr`; none when empty.
    pub rpc_pprof_laddr: Setting<Option<Listen>>,
    /// `instrumentation.prometheus_listen_addr`; none when `instrumentation.prometheus` is false.
    pub instrumentation_prometheus_listen_addr: Setting<Option<Listen>>,
    /// `grpc.address` of `app.toml`; none when `grpc.enable` is false.
    pub grpc_address: Setting<Option<Listen>>,
}

/// One listener of a node.
#[derive(Clone, Copy, Debug)]
pub struct Listener<'a> {
    /// The key that opens it, e.g. `rpc.laddr`.
    pub key: &'static str,
    /// Where.
    pub listen: &'a Listen,
    /// Who said so.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// A value that the topology implies.
    pub fn implied(value: T) -> Self {
        Self { value, origin: Origin::Implied }
    }

    /// Replaces the value when the human gave one.
    pub(crate) fn give(&mut self, value: Option<T>) {
        if let Some(value) = value {
            *self = Self { value, origin: Origin::Given };
        }
    }
}

impl Origin {
    /// How evidence tells the reader where the value stands.
    pub fn says(self) -> &'static str {
        match self {
            Self::Implied => "implied by the topology",
            Self::Given => "given in fleet.toml",
            Self::Home => "by the files of its home",
        }
    }
}

impl Settings {
    /// Everything that this node opens, in the order of its `config.toml`.
    pub fn listeners(&self) -> Vec<Listener<'_>> {
        let always =
            Listener { key: "p2p.laddr", listen: &self.p2p_laddr.value, origin: self.p2p_laddr.origin };
        let maybe = [
            ("priv_validator_laddr", &self.priv_validator_laddr),
            ("rpc.laddr", &self.rpc_laddr),
            ("rpc.pprof_laddr", &self.rpc_pprof_laddr),
            ("instrumentation.prometheus_listen_addr", &self.instrumentation_prometheus_listen_addr),
            ("grpc.address", &self.grpc_address),
        ];
        let opened = maybe.into_iter().filter_map(|(key, setting)| {
            setting.value.as_ref().map(|listen| Listener { key, listen, origin: setting.origin })
        });
        std::iter::once(always).chain(opened).collect()
    }
}
