//! Chains, keys and hosts: the things that everything else names.

use core::net::IpAddr;
use std::collections::BTreeMap;

use toml::Spanned;

use super::Context;
use crate::error::{FleetError, Problem};
use crate::fleet::{Chain, Host, Key};
use crate::raw::{RawChain, RawHost, RawKey};

/// `[[chain]]`
pub(super) fn chains(cx: &Context<'_>, raw: &[RawChain]) -> Result<BTreeMap<String, Chain>, FleetError> {
    let mut chains = BTreeMap::new();
    for chain in raw {
        let id = name(cx, &chain.id, "chain.id", &chains)?;
        let mut seeds = Vec::new();
        for seed in &chain.seeds {
            seeds.push(
                seed.get_ref()
                    .parse()
                    .map_err(|e: crate::peer::PeerError| cx.at(seed, None, "chain.seeds", e.into()))?,
            );
        }
        seeds.sort();
        let line = cx.line_of_nodes(chain.node_line.as_ref(), None, "chain.node_line")?;
        let (rpc, grpc, watch) = (chain.rpc.clone(), chain.grpc.clone(), chain.watch.clone());
        chains.insert(id.clone(), Chain { id, line, seeds, rpc, grpc, watch });
    }
    Ok(chains)
}

/// `[[key]]`
pub(super) fn keys(
    cx: &Context<'_>,
    raw: &[RawKey],
    chains: &BTreeMap<String, Chain>,
) -> Result<BTreeMap<String, Key>, FleetError> {
    let mut keys = BTreeMap::new();
    for key in raw {
        let id = name(cx, &key.name, "key.name", &keys)?;
        let chain = cx.known(&key.chain, chains, "chain", None, "key.chain")?;
        let (backend, path) = (key.backend.get_ref().clone(), key.path.get_ref().clone());
        let shared = match key.store.as_ref().map(|store| (store, store.get_ref().as_str())) {
            None | Some((_, "file")) => false,
            Some((_, "etcd")) => true,
            Some((store, text)) => {
                let expected = "\"file\" (one signer) or \"etcd\" (several, which share a mark)";
                let problem = Problem::Word { text: text.to_owned(), expected };
                return Err(cx.at(store, None, "key.store", problem));
            }
        };
        keys.insert(id.clone(), Key { name: id, chain, backend, path, shared });
    }
    Ok(keys)
}

/// `[[host]]`, without what runs on it.
pub(super) fn hosts(cx: &Context<'_>, raw: &[RawHost]) -> Result<BTreeMap<String, Host>, FleetError> {
    let mut hosts = BTreeMap::new();
    let mut owners: BTreeMap<IpAddr, String> = BTreeMap::new();
    for host in raw {
        let id = name(cx, &host.name, "name", &hosts)?;
        let daemons = [
            host.signer.is_some(),
            host.monitor.is_some(),
            host.etcd.is_some(),
            host.prometheus.is_some(),
            host.watch.is_some(),
        ];
        if host.nodes.is_empty() && !daemons.contains(&true) {
            return Err(cx.at(&host.name, Some(&id), "name", Problem::Idle));
        }
        let mut take = |value: &Spanned<String>, key, exclusive: bool| {
            let fail = |problem| cx.at(value, Some(&id), key, problem);
            let ip: IpAddr =
                value.get_ref().parse().map_err(|_| fail(Problem::Ip(value.get_ref().clone())))?;
            if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() {
                return Err(fail(Problem::Ip(value.get_ref().clone())));
            }
            match owners.insert(ip, id.clone()) {
                Some(other) if exclusive => Err(fail(Problem::SharedIp { ip: ip.to_string(), other })),
                _ => Ok(ip),
            }
        };
        let public = host.public.iter().map(|ip| take(ip, "public", true)).collect::<Result<_, _>>()?;
        let wireguard = host.wireguard.as_ref().map(|ip| take(ip, "wireguard", true)).transpose()?;
        // Two sites may use the same private range.
        let private = host.private.as_ref().map(|ip| take(ip, "private", false)).transpose()?;
        let (provider, site) = (host.provider.clone(), host.site.clone());
        hosts.insert(id.clone(), Host { name: id, provider, site, public, private, wireguard });
    }
    Ok(hosts)
}

/// A name that is well formed and new.
fn name<T>(
    cx: &Context<'_>,
    value: &Spanned<String>,
    key: &'static str,
    taken: &BTreeMap<String, T>,
) -> Result<String, FleetError> {
    let name = value.get_ref();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(cx.at(value, None, key, Problem::Name(name.clone())));
    }
    if taken.contains_key(name) {
        return Err(cx.at(value, None, key, Problem::Twice { name: name.clone() }));
    }
    Ok(name.clone())
}
