//! Nodes, and their settings: what the topology implies, then what the human gave instead.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::Context;
use crate::error::{FleetError, Problem};
use crate::fleet::{Chain, Fleet, Host, Key, Node, NodeName, Role};
use crate::implied::{Ground, implied, p2p_laddr};
use crate::listen::Listen;
use crate::peer::{self, PeerError};
use crate::raw::{RawHost, RawNode};
use crate::settings::Settings;

/// Every node, its sentries found.
pub(super) fn nodes(
    cx: &Context<'_>,
    raw: &[RawHost],
    hosts: &BTreeMap<String, Host>,
    chains: &BTreeMap<String, Chain>,
    keys: &BTreeMap<String, Key>,
) -> Result<BTreeMap<NodeName, Node>, FleetError> {
    let mut nodes = BTreeMap::new();
    for (host, node) in each(raw) {
        let node_name = name(host, node);
        if nodes.contains_key(&node_name) {
            return Err(cx.at(
                &node.chain,
                Some(&node_name.host),
                "node.chain",
                Problem::Twice { name: node_name.chain },
            ));
        }
        let resolved = bare(cx, node, &hosts[&node_name.host], chains, keys)?;
        nodes.insert(node_name, resolved);
    }
    let all_sentries: Vec<NodeName> =
        nodes.values().filter(|n| n.role.is_sentry()).map(|n| n.name.clone()).collect();
    for (host, node) in each(raw).filter(|(_, n)| n.role == Role::Validator) {
        let node_name = name(host, node);
        let own = all_sentries.iter().filter(|s| s.chain == node_name.chain);
        let behind = match &node.behind {
            None => own.cloned().collect(),
            Some(named) => named
                .iter()
                .map(|sentry| {
                    cx.known(sentry, hosts, "host", Some(&node_name.host), "node.behind")?;
                    own.clone().find(|s| s.host == *sentry.get_ref()).cloned().ok_or_else(|| {
                        let (name, chain) = (sentry.get_ref().clone(), node_name.chain.clone());
                        cx.at(
                            sentry,
                            Some(&node_name.host),
                            "node.behind",
                            Problem::NotASentry { name, chain },
                        )
                    })
                })
                .collect::<Result<BTreeSet<_>, _>>()?,
        };
        if let Some(validator) = nodes.get_mut(&node_name) {
            validator.behind = behind.into_iter().collect();
        }
    }
    Ok(nodes)
}

fn bare(
    cx: &Context<'_>,
    node: &RawNode,
    host: &Host,
    chains: &BTreeMap<String, Chain>,
    keys: &BTreeMap<String, Key>,
) -> Result<Node, FleetError> {
    let on = host.name.as_str();
    let chain = cx.known(&node.chain, chains, "chain", Some(on), "node.chain")?;
    if node.role == Role::Sentry && host.public.is_empty() {
        return Err(cx.at(&node.chain, Some(on), "node.role", Problem::NoPublicAddress { role: "sentry" }));
    }
    if let (Some(behind), true) = (&node.behind, node.role != Role::Validator) {
        let place = behind.first().unwrap_or(&node.chain);
        return Err(cx.at(place, Some(on), "node.behind", Problem::BehindOnOther));
    }
    if let Some(signed_by) = &node.signed_by {
        let key = cx.known(signed_by, keys, "key", Some(on), "node.signed_by")?;
        let key_chain = keys[&key].chain.clone();
        if key_chain != chain {
            let problem = Problem::WrongChain { key, key_chain, node_chain: chain };
            return Err(cx.at(signed_by, Some(on), "node.signed_by", problem));
        }
    }
    let line = cx.line_of_nodes(node.node_line.as_ref(), Some(on), "node.node_line")?.or(chains[&chain].line);
    let mut partners = Vec::new();
    for partner in &node.peers {
        partners.push(cx.parse(partner, on, "node.peers")?);
    }
    partners.sort();
    Ok(Node {
        name: NodeName { host: on.to_owned(), chain },
        role: node.role,
        id: cx.parse(&node.id, on, "node.id")?,
        line,
        signed_by: node.signed_by.as_ref().map(|k| k.get_ref().clone()),
        behind: Vec::new(),
        partners,
        ports: node.ports,
    })
}

/// The settings of every node.
pub(super) fn settings(
    cx: &Context<'_>,
    raw: &[RawHost],
    fleet: &Fleet,
) -> Result<BTreeMap<NodeName, Settings>, FleetError> {
    let mut laddrs = BTreeMap::new();
    for (host, node) in each(raw) {
        let given =
            node.config.p2p.laddr.as_ref().map(|l| cx.parse(l, host.name.get_ref(), "node.config.p2p.laddr"));
        let node_name = name(host, node);
        let implied = p2p_laddr(&fleet.nodes[&node_name], &fleet.hosts[&node_name.host]);
        laddrs.insert(node_name, given.transpose()?.unwrap_or(implied));
    }
    let mut settings = BTreeMap::new();
    for (host, raw_node) in each(raw) {
        let node = &fleet.nodes[&name(host, raw_node)];
        let signer_is_local =
            fleet.signers.iter().filter(|s| s.serves(node)).all(|s| s.host == node.name.host);
        let chain = &fleet.chains[&node.name.chain];
        let ground =
            Ground { chain, hosts: &fleet.hosts, nodes: &fleet.nodes, laddrs: &laddrs, signer_is_local };
        let mut of_node = implied(node, &ground);
        give(cx, raw_node, &node.name.host, &mut of_node)?;
        settings.insert(node.name.clone(), of_node);
    }
    Ok(settings)
}

/// Lays the fragments of `config.toml` and `app.toml` over the implied settings.
fn give(cx: &Context<'_>, node: &RawNode, on: &str, to: &mut Settings) -> Result<(), FleetError> {
    let (p2p, rpc, instrumentation) = (&node.config.p2p, &node.config.rpc, &node.config.instrumentation);
    let open = |value: &Option<Spanned<String>>, key| -> Result<Option<Option<Listen>>, FleetError> {
        let Some(value) = value else { return Ok(None) };
        Ok(Some(if value.get_ref().is_empty() { None } else { Some(cx.parse(value, on, key)?) }))
    };
    let prometheus = "node.config.instrumentation.prometheus_listen_addr";
    to.priv_validator_laddr
        .give(open(&node.config.priv_validator_laddr, "node.config.priv_validator_laddr")?);
    to.p2p_laddr.give(p2p.laddr.as_ref().map(|l| cx.parse(l, on, "node.config.p2p.laddr")).transpose()?);
    to.p2p_external_address.give(p2p.external_address.clone());
    to.p2p_seeds.give(list(cx, &p2p.seeds, on, "node.config.p2p.seeds")?);
    to.p2p_persistent_peers.give(list(cx, &p2p.persistent_peers, on, "node.config.p2p.persistent_peers")?);
    to.p2p_private_peer_ids.give(list(cx, &p2p.private_peer_ids, on, "node.config.p2p.private_peer_ids")?);
    to.p2p_unconditional_peer_ids.give(list(
        cx,
        &p2p.unconditional_peer_ids,
        on,
        "node.config.p2p.unconditional_peer_ids",
    )?);
    to.p2p_addr_book_strict.give(p2p.addr_book_strict);
    to.p2p_pex.give(p2p.pex);
    to.p2p_seed_mode.give(p2p.seed_mode);
    to.p2p_allow_duplicate_ip.give(p2p.allow_duplicate_ip);
    to.p2p_max_num_inbound_peers.give(p2p.max_num_inbound_peers);
    to.p2p_upnp.give(p2p.upnp);
    to.moniker.give(node.config.moniker.clone());
    to.consensus_double_sign_check_height.give(node.config.consensus.double_sign_check_height);
    to.tx_index_indexer.give(node.config.tx_index.indexer.clone());
    to.state_sync_snapshot_interval.give(node.app.state_sync.snapshot_interval);
    to.rpc_laddr.give(open(&rpc.laddr, "node.config.rpc.laddr")?);
    to.rpc_unsafe.give(rpc.r#unsafe);
    to.rpc_pprof_laddr.give(open(&rpc.pprof_laddr, "node.config.rpc.pprof_laddr")?);
    to.instrumentation_prometheus_listen_addr
        .give(open(&instrumentation.prometheus_listen_addr, prometheus)?);
    to.instrumentation_prometheus_listen_addr
        .give((instrumentation.prometheus == Some(false)).then_some(None));
    to.grpc_address.give(open(&node.app.grpc.address, "node.app.grpc.address")?);
    to.grpc_address.give((node.app.grpc.enable == Some(false)).then_some(None));
    Ok(())
}

/// A comma-separated list of ids or peers, as `config.toml` holds it.
fn list<T, C>(
    cx: &Context<'_>,
    value: &Option<Spanned<String>>,
    on: &str,
    key: &'static str,
) -> Result<Option<C>, FleetError>
where
    T: core::str::FromStr<Err = PeerError>,
    C: FromIterator<T>,
{
    let Some(value) = value else { return Ok(None) };
    let items = peer::list(value.get_ref()).map_err(|e| cx.at(value, Some(on), key, e.into()))?;
    Ok(Some(items.into_iter().collect()))
}

fn each(raw: &[RawHost]) -> impl Iterator<Item = (&RawHost, &RawNode)> {
    raw.iter().flat_map(|host| host.nodes.iter().map(move |node| (host, node)))
}

fn name(host: &RawHost, node: &RawNode) -> NodeName {
    NodeName { host: host.name.get_ref().clone(), chain: node.chain.get_ref().clone() }
}
