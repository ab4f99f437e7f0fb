//! The settings that a role implies: the table of spec p2p.md §3.3 as code.
//!
//! Inner services bind to WireGuard, or else to the private address, or else to loopback; never to every interface.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use crate::duty::duties;
use crate::fleet::{Chain, Host, Node, NodeName, Role};
use crate::listen::Listen;
use crate::path::dial;
use crate::peer::PeerAddress;
use crate::settings::{Setting, Settings};

/// What the settings of one node are derived from.
pub(crate) struct Ground<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) hosts: &'a BTreeMap<String, Host>,
    pub(crate) nodes: &'a BTreeMap<NodeName, Node>,
    /// Where every node listens for peers, given or implied: the others dial it there.
    pub(crate) laddrs: &'a BTreeMap<NodeName, Listen>,
    /// Whether every signer of the node's key runs on the node's own host.
    pub(crate) signer_is_local: bool,
}

/// The settings that the topology implies for `node`.
pub(crate) fn implied(node: &Node, ground: &Ground<'_>) -> Settings {
    let host = &ground.hosts[&node.name.host];
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let inner = host.inner().unwrap_or(local);
    let duties = duties(node, ground.nodes);
    let faces_public = matches!(node.role, Role::Sentry | Role::Seed | Role::Rpc);
    let serves_public = node.role == Role::Rpc && !host.public.is_empty();
    let p2p_port = match &ground.laddrs[&node.name] {
        Listen::Tcp(address) => address.port(),
        Listen::Unix(_) => node.ports.p2p,
    };
    let service = |port| if serves_public { Listen::every(port) } else { Listen::tcp(inner, port) };
    let privval_ip = if ground.signer_is_local { local } else { inner };
    Settings {
        priv_validator_laddr: Setting::implied(
            node.signed_by.is_some().then(|| Listen::tcp(privval_ip, node.ports.privval)),
        ),
        p2p_laddr: Setting::implied(ground.laddrs[&node.name].clone()),
        p2p_external_address: Setting::implied(match host.public.first() {
            Some(ip) if faces_public => SocketAddr::new(*ip, p2p_port).to_string(),
            _ => String::new(),
        }),
        p2p_seeds: Setting::implied(if faces_public { ground.chain.seeds.clone() } else { Vec::new() }),
        p2p_persistent_peers: Setting::implied(persistent_peers(node, ground)),
        p2p_private_peer_ids: Setting::implied(duties.private),
        p2p_unconditional_peer_ids: Setting::implied(duties.unconditional),
        p2p_addr_book_strict: Setting::implied(true),
        p2p_pex: Setting::implied(faces_public),
        p2p_seed_mode: Setting::implied(node.role == Role::Seed),
        p2p_allow_duplicate_ip: Setting::implied(false),
        p2p_max_num_inbound_peers: Setting::implied(inbound(node, ground)),
        p2p_upnp: Setting::implied(false),
        moniker: Setting::implied(String::new()),
        // Without a signer that remembers, the blocks of the last heights are searched for own votes at start.
        consensus_double_sign_check_height: Setting::implied(
            if node.role == Role::Validator && node.signed_by.is_none() { 10 } else { 0 },
        ),
        tx_index_indexer: Setting::implied(
            if matches!(node.role, Role::Rpc | Role::Seed) { "kv" } else { "null" }.to_owned(),
        ),
        state_sync_snapshot_interval: Setting::implied(0),
        rpc_laddr: Setting::implied(Some(service(node.ports.rpc))),
        rpc_unsafe: Setting::implied(false),
        rpc_pprof_laddr: Setting::implied(None),
        instrumentation_prometheus_listen_addr: Setting::implied(Some(Listen::tcp(
            inner,
            node.ports.prometheus,
        ))),
        grpc_address: Setting::implied((node.role != Role::Validator).then(|| service(node.ports.grpc))),
    }
}

/// Places for peers that dial in: the nodes that are known, or for who faces the world a hundred.
fn inbound(node: &Node, ground: &Ground<'_>) -> i64 {
    let siblings = ground.nodes.values().filter(|n| n.name.chain == node.name.chain).count() - 1;
    let known = match node.role {
        Role::Validator => node.behind.len(),
        Role::PrivateSentry => siblings + node.partners.len(),
        Role::Sentry | Role::Seed | Role::Rpc => return 100,
    };
    i64::try_from(known).unwrap_or(i64::MAX)
}

/// The P2P address a node listens on when nothing else is given.
pub(crate) fn p2p_laddr(node: &Node, host: &Host) -> Listen {
    match node.role {
        Role::Sentry | Role::Seed | Role::Rpc => Listen::every(node.ports.p2p),
        Role::Validator | Role::PrivateSentry => {
            let inner = host.inner().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            Listen::tcp(inner, node.ports.p2p)
        }
    }
}

/// Whom the node dials and never gives up: a validator dials its sentries (so that nobody needs its address), sentries
/// dial each other and their partners, an RPC node leans on the sentries.
fn persistent_peers(node: &Node, ground: &Ground<'_>) -> Vec<PeerAddress> {
    let here = &ground.hosts[&node.name.host];
    let wanted = |other: &&Node| {
        let same_chain = other.name.chain == node.name.chain && other.name != node.name;
        same_chain
            && match node.role {
                Role::Validator => node.behind.contains(&other.name),
                Role::Sentry => other.role.is_sentry(),
                Role::Rpc => other.role == Role::Sentry,
                Role::PrivateSentry | Role::Seed => false,
            }
    };
    let own = ground.nodes.values().filter(wanted).filter_map(|other| {
        let there = &ground.hosts[&other.name.host];
        let address = dial(here, there, &ground.laddrs[&other.name])?;
        Some(PeerAddress { id: other.id.clone(), host: address.ip().to_string(), port: address.port() })
    });
    let all: BTreeSet<PeerAddress> = own.chain(node.partners.iter().cloned()).collect();
    all.into_iter().collect()
}
