//! What each role wants in its node's files: the table of spec p2p.md §3.3, in the names of each line (§3.1, §3.2).
//!
//! Whatever a rule reads is here, and a little more that no rule can see in a plan. Keys that the topology does not decide
//! (timeouts, mempool, database) are not.

use super::value::Value;
use crate::fleet::{Role, View};
use crate::listen::Listen;
use crate::node_line::NodeLine;

/// Which of a node's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// `config/config.toml`, which every node has.
    Config,
    /// `config/app.toml`, which applications made with the Cosmos SDK have.
    App,
}

/// One setting that a role wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub file: File,
    /// Tables and name, separated by dots.
    pub key: &'static str,
    /// What.
    pub value: Value,
    /// Why, in a few words.
    pub why: &'static str,
}

impl File {
    /// Its path in a home.
    pub fn path(self) -> &'static str {
        match self {
            Self::Config => "config/config.toml",
            Self::App => "config/app.toml",
        }
    }
}

/// The settings that a node of this line shall have, in the order of its files.
pub fn wanted(view: View<'_>, line: NodeLine) -> Vec<Wanted> {
    let mut table = config(view, line);
    table.extend(app(view, line));
    table
}

fn config(view: View<'_>, line: NodeLine) -> Vec<Wanted> {
    use NodeLine::{V0_33, V0_34, V1_0};
    let (s, role) = (view.settings, view.node.role);
    let mut rows = Vec::new();
    let mut row = |key, value, why| rows.push(Wanted { file: File::Config, key, value, why });
    if !s.moniker.value.is_empty() {
        row("moniker", text(&s.moniker.value), "every peer of a peer reads it");
    }
    row("priv_validator_laddr", url(s.priv_validator_laddr.value.as_ref()), "where the signer dials in");
    if line == V0_33 {
        row(
            "prof_laddr",
            bare(s.rpc_pprof_laddr.value.as_ref()),
            "the profiler shows memory and command line",
        );
    }
    row("rpc.laddr", url(s.rpc_laddr.value.as_ref()), "net_info and status name the validator");
    row("rpc.unsafe", Value::Flag(s.rpc_unsafe.value), "unsafe routes let strangers choose peers");
    if line != V0_33 {
        row(
            "rpc.pprof_laddr",
            bare(s.rpc_pprof_laddr.value.as_ref()),
            "the profiler shows memory and command line",
        );
    }
    if line == V1_0 {
        row("grpc.laddr", text(""), "nobody needs the node's own gRPC");
        row("grpc.privileged.laddr", text(""), "it can prune blocks");
    } else {
        row("rpc.grpc_laddr", text(""), "nobody needs the node's own gRPC");
    }
    row("p2p.laddr", url(Some(&s.p2p_laddr.value)), "where peers dial in");
    row("p2p.external_address", text(&s.p2p_external_address.value), "peers store it and hand it on");
    row("p2p.seeds", list(&s.p2p_seeds.value), "who is asked for addresses");
    row("p2p.persistent_peers", list(&s.p2p_persistent_peers.value), "who is dialled for ever");
    row("p2p.persistent_peers_max_dial_period", text("20s"), "a lost link inside the fleet comes back soon");
    row("p2p.private_peer_ids", list(&s.p2p_private_peer_ids.value), "ids that are not handed on");
    row(
        "p2p.unconditional_peer_ids",
        list(&s.p2p_unconditional_peer_ids.value),
        "ids that are admitted when all places are taken",
    );
    row(
        "p2p.addr_book_strict",
        Value::Flag(s.p2p_addr_book_strict.value),
        "inner addresses stay out of the book",
    );
    row("p2p.pex", Value::Flag(s.p2p_pex.value), "asking for addresses and handing them on");
    row("p2p.seed_mode", Value::Flag(s.p2p_seed_mode.value), "crawling the network");
    row(
        "p2p.allow_duplicate_ip",
        Value::Flag(s.p2p_allow_duplicate_ip.value),
        "one address may not take all places",
    );
    let places = s.p2p_max_num_inbound_peers.value;
    match role {
        Role::Validator => {
            row("p2p.max_num_inbound_peers", Value::Number(places), "its sentries and nobody else");
        }
        Role::PrivateSentry => {
            row("p2p.max_num_inbound_peers", Value::Number(places), "the fleet and its partners");
        }
        Role::Sentry | Role::Seed | Role::Rpc => {
            row("p2p.max_num_inbound_peers", Value::AtLeast(places), "places for the public network");
        }
    }
    if matches!(line, V0_33 | V0_34) {
        row("p2p.upnp", Value::Flag(s.p2p_upnp.value), "a router must not be asked to open the port");
    }
    if line.has_libp2p() {
        row(
            "p2p.libp2p.enabled",
            Value::Flag(false),
            "libp2p ignores the lists of private and unconditional ids",
        );
    }
    if line != V0_33 {
        let heights = Value::Number(s.consensus_double_sign_check_height.value);
        row("consensus.double_sign_check_height", heights, "a signer remembers by itself");
    }
    if role.is_sentry() || role == Role::Validator {
        row("tx_index.indexer", text(&s.tx_index_indexer.value), "queries belong on an RPC node");
    }
    let metrics = s.instrumentation_prometheus_listen_addr.value.as_ref();
    row(
        "instrumentation.prometheus",
        Value::Flag(metrics.is_some()),
        "metrics for the fleet's own monitoring",
    );
    if metrics.is_some() {
        row(
            "instrumentation.prometheus_listen_addr",
            bare(metrics),
            "metrics name the validator and every peer",
        );
    }
    rows
}

fn app(view: View<'_>, line: NodeLine) -> Vec<Wanted> {
    if line == NodeLine::V0_33 {
        return Vec::new(); // SDK 0.39 has neither gRPC nor REST in the node.
    }
    let grpc = view.settings.grpc_address.value.as_ref();
    let mut rows = Vec::new();
    let mut row = |key, value, why| rows.push(Wanted { file: File::App, key, value, why });
    row("grpc.enable", Value::Flag(grpc.is_some()), "gRPC names the node");
    if grpc.is_some() {
        row("grpc.address", bare(grpc), "gRPC names the node");
    }
    if view.node.role != Role::Rpc {
        row("api.enable", Value::Flag(false), "REST names the node; an RPC node serves it");
    }
    if view.node.role == Role::Validator {
        let interval = Value::Number(view.settings.state_sync_snapshot_interval.value);
        row("state-sync.snapshot-interval", interval, "snapshots cost it time and invite strangers");
    }
    rows
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// With its scheme, as CometBFT's own listeners have it.
fn url(listen: Option<&Listen>) -> Value {
    Value::Text(listen.map(Listen::to_string).unwrap_or_default())
}

/// Without one, as Go's HTTP server and the SDK have it.
fn bare(listen: Option<&Listen>) -> Value {
    let text = listen.map(Listen::to_string).unwrap_or_default();
    Value::Text(text.strip_prefix("tcp://").map(str::to_owned).unwrap_or(text))
}

fn list<'a, T: ToString + 'a>(items: impl IntoIterator<Item = &'a T>) -> Value {
    Value::Text(items.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}
