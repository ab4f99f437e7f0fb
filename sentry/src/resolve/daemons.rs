//! Signers and monitors, and what must hold between them and the nodes.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::Context;
use crate::error::{FleetError, Place, Problem};
use crate::fleet::{Chain, Fleet, Host, Key, Member, Monitor, Signer};
use crate::link::{Party, Speech};
use crate::listen::{Listen, ListenError};
use crate::raw::RawHost;

/// The port of the signer's metrics and health.
const SIGNER_PORT: u16 = 26661;
/// The port of the monitor's page and metrics.
const MONITOR_PORT: u16 = 9464;
/// etcd's own ports, for clients and for the other members.
const ETCD_PORTS: [u16; 2] = [2379, 2380];

/// `[host.signer]` and `[host.monitor]` of every host.
pub(super) fn daemons(
    cx: &Context<'_>,
    raw: &[RawHost],
    hosts: &BTreeMap<String, Host>,
    chains: &BTreeMap<String, Chain>,
    keys: &BTreeMap<String, Key>,
) -> Result<(Vec<Signer>, Vec<Monitor>), FleetError> {
    let (mut signers, mut monitors) = (Vec::new(), Vec::new());
    for raw_host in raw {
        let host = &hosts[raw_host.name.get_ref()];
        let on = host.name.as_str();
        let listen = |given: &Option<Spanned<String>>, port, key| match given {
            Some(given) => match cx.parse(given, on, key)? {
                tcp @ Listen::Tcp(_) => Ok(tcp),
                Listen::Unix(_) => {
                    Err(cx.at(given, Some(on), key, ListenError(given.get_ref().clone()).into()))
                }
            },
            None => Ok(Listen::tcp(host.inner().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port)),
        };
        if let Some(signer) = &raw_host.signer {
            let held = names(cx, &signer.keys, keys, "key", on, "signer.keys")?;
            let standby = names(cx, &signer.standby, keys, "key", on, "signer.standby")?;
            if let Some(both) = signer.standby.iter().find(|name| held.contains(name.get_ref())) {
                let name = both.get_ref().clone();
                return Err(cx.at(both, Some(on), "signer.standby", Problem::Twice { name }));
            }
            if held.is_empty() && standby.is_empty() {
                return Err(cx.at(&raw_host.name, Some(on), "signer.keys", Problem::NoKeys));
            }
            // One process holds all keys of its host: it could not run for one and stand by for another.
            if !held.is_empty() && !standby.is_empty() {
                return Err(cx.at(&signer.standby[0], Some(on), "signer.standby", Problem::StandbyAtWork));
            }
            let listen = listen(&signer.listen, SIGNER_PORT, "signer.listen")?;
            let nodes =
                signer.nodes.as_ref().map(|named| names(cx, named, hosts, "host", on, "signer.nodes"));
            signers.push(Signer {
                host: on.to_owned(),
                keys: held,
                standby,
                audit_log: signer.audit_log,
                nodes: nodes.transpose()?,
                listen,
            });
        }
        if let Some(monitor) = &raw_host.monitor {
            let followed = match &monitor.chains {
                Some(named) => names(cx, named, chains, "chain", on, "monitor.chains")?,
                None => chains.keys().cloned().collect(),
            };
            let listen = listen(&monitor.listen, MONITOR_PORT, "monitor.listen")?;
            let alerts = monitor.alerts.as_ref().map(|table| {
                let whole =
                    toml::Table::from_iter([("alerts".to_owned(), toml::Value::Table(table.clone()))]);
                toml::to_string(&whole).expect("what was TOML is TOML")
            });
            monitors.push(Monitor { host: on.to_owned(), chains: followed, listen, alerts });
        }
    }
    signers.sort_by(|a: &Signer, b| a.host.cmp(&b.host));
    monitors.sort_by(|a: &Monitor, b| a.host.cmp(&b.host));
    Ok((signers, monitors))
}

/// `[host.etcd]` of every host, and whether keys that share a mark have a cluster to share it in.
pub(super) fn etcd(
    cx: &Context<'_>,
    raw: &[RawHost],
    hosts: &BTreeMap<String, Host>,
    keys: &BTreeMap<String, Key>,
) -> Result<Vec<Member>, FleetError> {
    let mut members = Vec::new();
    for raw_host in raw.iter().filter(|host| host.etcd.is_some()) {
        let host = &hosts[raw_host.name.get_ref()];
        let Some(ip) = host.inner() else {
            let what = "wireguard = \"…\" (or private) to the host: a member listens inside only";
            return Err(cx.at(&raw_host.name, Some(&host.name), "etcd", Problem::NoInnerAddress(what)));
        };
        let [client, peer] = ETCD_PORTS.map(|port| Listen::tcp(ip, port));
        members.push(Member { host: host.name.clone(), client, peer });
    }
    members.sort_by(|a: &Member, b| a.host.cmp(&b.host));
    let key = keys.values().find(|key| key.shared);
    match (key, members.first()) {
        (Some(key), None) => {
            let place = Place { key: Some("key.store"), ..Place::default() };
            Err(Problem::NoEtcd(key.name.clone()).at(place))
        }
        (None, Some(member)) => {
            let place = Place { host: Some(member.host.clone()), key: Some("etcd"), line: None };
            Err(Problem::UnusedEtcd.at(place))
        }
        _ => Ok(members),
    }
}

fn names<T>(
    cx: &Context<'_>,
    named: &[Spanned<String>],
    map: &BTreeMap<String, T>,
    what: &'static str,
    on: &str,
    key: &'static str,
) -> Result<Vec<String>, FleetError> {
    let mut seen = BTreeSet::new();
    for name in named {
        let found = cx.known(name, map, what, Some(on), key)?;
        if !seen.insert(found.clone()) {
            return Err(cx.at(name, Some(on), key, Problem::Twice { name: found }));
        }
    }
    Ok(seen.into_iter().collect())
}

/// A node that waits for a signer nobody runs does not start; a key that nobody asks for is a slip of the pen.
pub(super) fn keys_have_signer_and_node(fleet: &Fleet) -> Result<(), FleetError> {
    for node in fleet.nodes() {
        if let Some(key) = node.signed_by.as_ref().filter(|_| !fleet.signers.iter().any(|s| s.serves(node))) {
            let place = Place { host: Some(node.name.host.clone()), key: Some("node.signed_by"), line: None };
            return Err(Problem::NoSigner(key.clone()).at(place));
        }
    }
    match fleet.keys.keys().find(|key| !fleet.nodes().any(|n| n.signed_by.as_ref() == Some(*key))) {
        Some(key) => {
            Err(Problem::UnusedKey(key.clone()).at(Place { key: Some("key.name"), ..Place::default() }))
        }
        None => Ok(()),
    }
}

/// A monitor must reach at least one RPC of every chain it follows, ours or another's.
pub(super) fn monitors_see(fleet: &Fleet) -> Result<(), FleetError> {
    for monitor in &fleet.monitors {
        for chain in &monitor.chains {
            let sees = |link: &crate::link::Link| {
                link.from == Party::Monitor(monitor.host.clone())
                    && link.speech == Speech::Rpc
                    && matches!(&link.to, Party::Node(node) if node.chain == *chain)
            };
            if fleet.chains[chain].rpc.is_empty() && !fleet.links.iter().any(sees) {
                let place =
                    Place { host: Some(monitor.host.clone()), key: Some("monitor.chains"), line: None };
                let problem = Problem::Blind { host: monitor.host.clone(), chain: chain.clone() };
                return Err(problem.at(place));
            }
        }
    }
    Ok(())
}
