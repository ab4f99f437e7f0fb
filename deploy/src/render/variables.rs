//! The variables of the roles for every host: written into the inventory for Ansible, and used here on the same templates.

use serde_json::{Map, Value, json};

use palisade_sentry::deployment::{Artefact, Deployment, Software, Source};
use palisade_sentry::node_config;
use palisade_sentry::{Fleet, Host, Listen, Role, View, dial};

use super::Homes;
use super::flows::{Flows, scraped};
use crate::tree;

/// Where the files of the tree are, in Ansible's eyes.
const TREE: &str = "{{ inventory_dir }}/..";
/// Where the operator's own files are: the directory of the fleet file.
const OWN: &str = "{{ palisade_files }}";

/// The variables of one host.
pub(crate) fn variables(
    fleet: &Fleet,
    of: &Deployment,
    host: &Host,
    flows: &Flows,
    homes: &Homes,
) -> Map<String, Value> {
    let mut all = Map::new();
    let mut set = |name: &str, value: Value| {
        all.insert(name.to_owned(), value);
    };
    let access = &of.access[&host.name];
    set("ansible_host", json!(access.address));
    set("ansible_port", json!(access.port));
    set("ansible_user", json!(access.user));
    if let Some(jump) = &access.jump {
        set("ansible_ssh_common_args", json!(format!("-o ProxyJump={jump}")));
    }
    for (name, json) in &of.ansible {
        set(name, serde_json::from_str(json).expect("it was written as JSON"));
    }
    // --- host
    if !of.time_servers.is_empty() {
        set("host_time_servers", json!(of.time_servers));
    }
    set("host_ssh_port", json!(access.port));
    set("host_ssh_from", json!(of.admins));
    set("host_ssh_permit_root", json!(if access.user == "root" { "prohibit-password" } else { "no" }));
    let incoming = flows.incoming.get(&host.name).map(Vec::as_slice).unwrap_or_default();
    let incoming = incoming.iter().map(|rule| {
        let mut line = json!({ "comment": rule.what, "protocol": "tcp", "port": rule.port });
        if let Some(from) = &rule.from {
            line["sources"] = json!(from);
        }
        line
    });
    set("host_firewall_in", incoming.collect());
    if is_hidden(fleet, &host.name) {
        let outgoing = flows.outgoing.get(&host.name).map(Vec::as_slice).unwrap_or_default();
        let outgoing = outgoing.iter().map(|rule| {
            json!({ "comment": rule.what, "protocol": "tcp", "port": rule.port, "destinations": [rule.to] })
        });
        set("host_firewall_egress", json!("allow-list"));
        set("host_firewall_out", outgoing.collect());
    }
    if let (Some(wireguard), Some(own)) = (host.wireguard, of.tunnels.get(&host.name)) {
        set("host_wireguard", json!(true));
        set("host_wireguard_addresses", json!([prefixed(wireguard)]));
        set("host_wireguard_port", json!(of.wireguard_port));
        set("host_wireguard_userspace", json!(of.wireguard_userspace));
        let peers = of
            .tunnels
            .iter()
            .filter(|(name, _)| flows.tunnels.contains(&(host.name.clone(), (*name).clone())));
        let peers = peers.filter_map(|(name, peer)| {
            let inner = fleet.host(name)?.wireguard?;
            let mut line =
                json!({ "name": name, "public_key": peer.public_key, "allowed_ips": [prefixed(inner)] });
            if let Some(endpoint) = &peer.endpoint {
                line["endpoint"] = json!(endpoint);
                // Who cannot be dialled keeps the way open.
                line["keepalive"] = json!(if own.endpoint.is_none() { 25 } else { 0 });
            }
            Some(line)
        });
        set("host_wireguard_peers", peers.collect());
    }
    // --- nodes
    let nodes: Vec<Value> = fleet
        .views()
        .filter(|view| view.host.name == host.name)
        .map(|view| instance(view, &of.software[&view.node.name.chain], of, homes))
        .collect();
    if !nodes.is_empty() {
        set("node_instances", Value::Array(nodes));
    }
    // --- daemons
    if let Some(signer) = fleet.signers().iter().find(|s| s.host == host.name) {
        set("signer_binary_src", json!(own_path(&of.binaries["palisade-signer"])));
        set("signer_config_src", json!(in_tree(&host.name, tree::SIGNER_TOML)));
        let standby = signer.standby.iter().map(|key| format!("{key} (standby on {})", signer.host));
        // The collection wants each name once: a shared key is another one on each of its hosts.
        let held = signer.keys.iter().map(|key| match fleet.key(key) {
            Some(of) if of.shared => format!("{key} (shared, on {})", signer.host),
            _ => key.clone(),
        });
        set("signer_keys", held.chain(standby).collect());
        let mut allowed = vec!["localhost".to_owned()];
        let ours = |rule: &&super::flows::Outgoing| {
            rule.what.starts_with("privval of ") || rule.what.starts_with("etcd on ")
        };
        let dialled = flows.outgoing.get(&host.name).into_iter().flatten().filter(ours);
        allowed.extend(dialled.map(|rule| rule.to.to_string()));
        let port = port(&signer.listen);
        let scrapers = flows.incoming.get(&host.name).into_iter().flatten();
        let scrapers = scrapers.filter(|rule| Some(rule.port) == port).filter_map(|rule| rule.from.as_ref());
        allowed.extend(scrapers.flatten().map(ToString::to_string));
        allowed.dedup();
        set("signer_allow_addresses", json!(allowed));
        let keys = signer.keys.iter().chain(&signer.standby).filter_map(|key| fleet.key(key));
        set(
            "signer_usb",
            json!(keys.into_iter().any(|key| key.backend == "yubihsm" && key.path.starts_with("usb"))),
        );
    }
    if let (Some(member), Some(tls)) = (fleet.etcd().iter().find(|m| m.host == host.name), &of.etcd_tls) {
        set("etcd_binary_src", json!(own_path(&of.binaries["etcd"])));
        set("etcd_name", json!(member.host));
        set("etcd_token", json!("palisade"));
        set("etcd_members", members(fleet));
        set("etcd_ca_src", json!(format!("{OWN}/{tls}/ca.pem")));
        set("etcd_cert_src", json!(format!("{OWN}/{tls}/{}.pem", member.host)));
        set("etcd_key_src", json!(format!("{OWN}/{tls}/{}.key", member.host)));
    }
    if fleet.monitors().iter().any(|m| m.host == host.name) {
        set("monitor_binary_src", json!(own_path(&of.binaries["palisade-monitor"])));
        set("monitor_config_src", json!(in_tree(&host.name, tree::MONITOR_TOML)));
    }
    if of.watches.contains_key(&host.name) {
        set("sentry_binary_src", json!(own_path(&of.binaries["palisade-sentry"])));
        set("sentry_config_src", json!(in_tree(&host.name, tree::WATCH_TOML)));
        set("sentry_fleet_src", json!(in_tree(&host.name, tree::WATCH_FLEET)));
    }
    if let Some(listen) = of.prometheus.get(&host.name) {
        set("prometheus_listen", json!(bare(listen)));
        set("prometheus_scrapes", scrapes(fleet, host));
        set("prometheus_rules_src", json!([in_tree(&host.name, tree::MONITOR_RULES)]));
    }
    all
}

/// The members of etcd, as its role takes them.
fn members(fleet: &Fleet) -> Value {
    let address = |listen: &Listen| match listen {
        Listen::Tcp(address) if address.is_ipv6() => format!("[{}]", address.ip()),
        Listen::Tcp(address) => address.ip().to_string(),
        Listen::Unix(path) => path.clone(),
    };
    fleet.etcd().iter().map(|m| json!({ "name": m.host, "address": address(&m.peer) })).collect()
}

/// Whether nothing on the host may call home: what holds a key, and what must not be found.
pub(crate) fn is_hidden(fleet: &Fleet, host: &str) -> bool {
    fleet.signers().iter().any(|s| s.host == host)
        || fleet.etcd().iter().any(|m| m.host == host)
        || fleet.nodes().any(|n| n.name.host == host && n.role == Role::Validator)
}

fn instance(view: View<'_>, software: &Software, of: &Deployment, homes: &Homes) -> Value {
    let (name, host) = (&view.node.name, &view.host.name);
    let mut node = json!({
        "chain": name.chain,
        "home": software.home,
        "daemon": software.daemon,
        "version": software.version,
        "binary_sha256": software.binary.sha256,
        "cosmovisor": software.cosmovisor.is_some(),
        "init_args": software.init,
        "wasm": software.wasm,
    });
    source(&mut node, "binary", &software.binary);
    if let Some(cosmovisor) = &software.cosmovisor {
        source(&mut node, "cosmovisor", cosmovisor);
        node["cosmovisor_sha256"] = json!(cosmovisor.sha256);
    }
    if let Some(genesis) = &software.genesis {
        source(&mut node, "genesis", genesis);
        node["genesis_sha256"] = json!(genesis.sha256);
    }
    if !software.args.is_empty() {
        node["start_args"] = json!(software.args);
    }
    if !software.upgrades.is_empty() {
        let upgrade = |(plan, upgrade): (&String, &palisade_sentry::deployment::Upgrade)| {
            let mut line =
                json!({ "name": plan, "version": upgrade.version, "binary_sha256": upgrade.binary.sha256 });
            source(&mut line, "binary", &upgrade.binary);
            line
        };
        node["upgrades"] = software.upgrades.iter().map(upgrade).collect();
    }
    if let Some(key) = of.node_keys.get(name) {
        node["node_key_src"] = json!(format!("{OWN}/{key}"));
    }
    for (file, key) in [(node_config::File::Config, "config_src"), (node_config::File::App, "app_src")] {
        if homes.contains_key(&(name.clone(), file)) {
            node[key] = json!(in_tree(host, &format!("{}/{}", software.home, file.path())));
        }
    }
    // A daemon's own first settings would speak with the world before anything hides it.
    node["enabled"] = json!(homes.contains_key(&(name.clone(), node_config::File::Config)));
    if let Some(Listen::Tcp(address)) = &view.settings.rpc_laddr.value {
        let ip = if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
        node["rpc"] = json!(format!("http://{ip}:{}", address.port()));
    }
    node
}

/// Who is scraped from this host, one job for each program.
fn scrapes(fleet: &Fleet, host: &Host) -> Value {
    let mut jobs: Vec<Value> = Vec::new();
    for job in ["palisade-signer", "palisade-monitor", "palisade-sentry", "node"] {
        let targets: Vec<Value> = scraped(fleet)
            .into_iter()
            .filter(|(what, ..)| if job == "node" { !what.starts_with("palisade-") } else { what == job })
            .filter_map(|(what, on, listen)| {
                let address = dial(host, fleet.host(on)?, listen)?;
                let mut labels = vec![json!({ "name": "host", "value": on })];
                if job == "node" {
                    labels.push(json!({ "name": "chain_id", "value": what }));
                }
                Some(json!({ "address": address.to_string(), "labels": labels }))
            })
            .collect();
        if !targets.is_empty() {
            jobs.push(json!({ "job": job, "targets": targets }));
        }
    }
    Value::Array(jobs)
}

fn source(to: &mut Value, name: &str, artefact: &Artefact) {
    match &artefact.source {
        Source::Path(_) => to[format!("{name}_src")] = json!(own_path(artefact)),
        Source::Url(url) => to[format!("{name}_url")] = json!(url),
    }
}

fn own_path(artefact: &Artefact) -> String {
    match &artefact.source {
        Source::Path(path) if path.starts_with('/') => path.clone(),
        Source::Path(path) => format!("{OWN}/{path}"),
        // Our daemons are brought from the operator's machine; `resolve` lets no other source through.
        Source::Url(url) => url.clone(),
    }
}

fn in_tree(host: &str, target: &str) -> String {
    format!("{TREE}/{}", tree::path(host, target))
}

fn prefixed(ip: core::net::IpAddr) -> String {
    format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 128 })
}

fn port(listen: &Listen) -> Option<u16> {
    match listen {
        Listen::Tcp(address) => Some(address.port()),
        Listen::Unix(_) => None,
    }
}

fn bare(listen: &Listen) -> String {
    listen.to_string().trim_start_matches("tcp://").to_owned()
}
