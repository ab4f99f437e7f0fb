//! `[deploy]`, and the deployment tables of chains and hosts: complete, or refused with the line.
//!
//! Words that end up in a command line (ssh) or a unit are checked here for their alphabet, once, so nothing later has to quote them
//! out of danger.

use core::net::IpAddr;
use std::collections::BTreeMap;

use base64::Engine as _;
use toml::Spanned;

use super::Context;
use crate::deployment::{Access, Artefact, Deployment, Software, Source, Tunnel, Upgrade, Watch};
use crate::error::{FleetError, Place, Problem};
use crate::fleet::{Fleet, Host, NodeName};
use crate::listen::Listen;
use crate::raw::{RawArtefact, RawFleet, RawHost};

const WIREGUARD_PORT: u16 = 51820;
const SSH_PORT: u16 = 22;
const PROMETHEUS_PORT: u16 = 9091;
const WATCH_PORT: u16 = 9465;
/// Below which nodes live on their hosts, as the Ansible role has it.
pub(crate) const NODE_HOMES: &str = "/var/lib/palisade-nodes";

/// The deployment, if the fleet has one.
pub(super) fn deployment(
    cx: &Context<'_>,
    raw: &RawFleet,
    fleet: &Fleet,
) -> Result<Option<Deployment>, FleetError> {
    let Some(deploy) = &raw.deploy else {
        return match orphan(raw) {
            Some((line, host, key)) => {
                Err(Problem::NoDeploy.at(Place { line: Some(cx.line(line)), host, key: Some(key) }))
            }
            None => Ok(None),
        };
    };
    if deploy.admins.is_empty() {
        return Err(missing(
            None,
            "deploy.admins",
            "admins = [\"198.51.100.7/32\"] under [deploy]: who may reach sshd",
        ));
    }
    let admins = each(&deploy.admins, |v| word(cx, v, None, "deploy.admins", Word::Network))?;
    let time_servers = each(&deploy.time_servers, |v| word(cx, v, None, "deploy.time_servers", Word::Host))?;
    let mut binaries = BTreeMap::new();
    for (name, given) in [
        ("palisade-signer", &deploy.binaries.palisade_signer),
        ("palisade-monitor", &deploy.binaries.palisade_monitor),
        ("palisade-sentry", &deploy.binaries.palisade_sentry),
        ("etcd", &deploy.binaries.etcd),
    ] {
        if let Some(raw) = given {
            let artefact = artefact(cx, raw, None, "deploy.binaries")?;
            // A host that holds keys loads nothing from anywhere.
            if matches!(artefact.source, Source::Url(_)) {
                return Err(cx.at(&raw.sha256, None, "deploy.binaries", Problem::OwnByUrl));
            }
            binaries.insert(name, artefact);
        }
    }
    let mut ansible = BTreeMap::new();
    for (name, value) in &deploy.ansible {
        let known = ["host_", "node_", "monitor_", "sentry_", "prometheus_"]
            .iter()
            .any(|role| name.starts_with(role));
        // What decides who signs and who gets in is the fleet's own to say.
        let ours = ["host_firewall", "host_ssh", "host_wireguard", "node_instances"]
            .iter()
            .any(|v| name.starts_with(v));
        if !known || ours {
            return Err(cx.at(value, None, "deploy.ansible", Problem::Variable(name.clone())));
        }
        let json = serde_json::to_string(value.get_ref()).expect("what was TOML is JSON");
        ansible.insert(name.clone(), json);
    }
    let software = software(cx, raw, fleet)?;
    let (mut access, mut tunnels, mut prometheus, mut watches, mut node_keys) = Default::default();
    for host in &raw.hosts {
        let resolved = &fleet.hosts[host.name.get_ref()];
        let name = resolved.name.clone();
        for node in &host.nodes {
            if let Some(key) = &node.node_key {
                let file = word(cx, key, Some(&name), "node.node_key", Word::File)?;
                let of = NodeName { host: name.clone(), chain: node.chain.get_ref().clone() };
                <BTreeMap<_, _>>::insert(&mut node_keys, of, file);
            }
        }
        <BTreeMap<_, _>>::insert(&mut access, name.clone(), reach(cx, host, deploy)?);
        if let Some(tunnel) = tunnel(cx, host, resolved)? {
            <BTreeMap<_, _>>::insert(&mut tunnels, name.clone(), tunnel);
        }
        if let Some(raw) = &host.prometheus {
            let listen = listen(cx, raw.listen.as_ref(), resolved, PROMETHEUS_PORT, "prometheus.listen")?;
            <BTreeMap<_, _>>::insert(&mut prometheus, name.clone(), listen);
        }
        if let Some(raw) = &host.watch {
            let listen = listen(cx, raw.listen.as_ref(), resolved, WATCH_PORT, "watch.listen")?;
            let every = match &raw.every {
                Some(every) => word(cx, every, Some(&name), "watch.every", Word::Plain)?,
                None => "1h".into(),
            };
            <BTreeMap<_, _>>::insert(&mut watches, name, Watch { listen, every });
        }
    }
    let needed = [
        ("palisade-signer", !fleet.signers.is_empty(), "deploy.binaries.palisade-signer"),
        ("palisade-monitor", !fleet.monitors.is_empty(), "deploy.binaries.palisade-monitor"),
        ("palisade-sentry", !watches.is_empty(), "deploy.binaries.palisade-sentry"),
        ("etcd", !fleet.etcd.is_empty(), "deploy.binaries.etcd"),
    ];
    if let Some((name, _, key)) = needed.iter().find(|(name, used, _)| *used && !binaries.contains_key(name))
    {
        return Err(missing(
            None,
            key,
            &format!("{name} = {{ path = \"bin/{name}\", sha256 = \"…\" }} under [deploy.binaries]"),
        ));
    }
    let etcd_tls = deploy.etcd_tls.as_ref();
    let etcd_tls = etcd_tls.map(|v| word(cx, v, None, "deploy.etcd_tls", Word::File)).transpose()?;
    if etcd_tls.is_none() && !fleet.etcd.is_empty() {
        let what = "etcd_tls = \"secrets/etcd\" under [deploy]: ca.pem, and <host>.pem and <host>.key of every member";
        return Err(missing(None, "deploy.etcd_tls", what));
    }
    Ok(Some(Deployment {
        admins,
        etcd_tls,
        time_servers,
        wireguard_port: deploy.wireguard_port.unwrap_or(WIREGUARD_PORT),
        wireguard_userspace: deploy.wireguard_userspace,
        binaries,
        ansible,
        software,
        access,
        tunnels,
        node_keys,
        prometheus,
        watches,
    }))
}

/// A table that means nothing without `[deploy]`.
fn orphan(raw: &RawFleet) -> Option<(core::ops::Range<usize>, Option<String>, &'static str)> {
    let of_chain =
        raw.chains.iter().find_map(|c| Some((c.software.as_ref()?.daemon.span(), None, "chain.software")));
    of_chain.or_else(|| {
        raw.hosts.iter().find_map(|host| {
            let key = match () {
                () if host.ssh.is_some() => "ssh",
                () if host.tunnel.is_some() => "tunnel",
                () if host.prometheus.is_some() => "prometheus",
                () if host.watch.is_some() => "watch",
                () => return None,
            };
            Some((host.name.span(), Some(host.name.get_ref().clone()), key))
        })
    })
}

fn software(
    cx: &Context<'_>,
    raw: &RawFleet,
    fleet: &Fleet,
) -> Result<BTreeMap<String, Software>, FleetError> {
    let mut all = BTreeMap::new();
    for chain in &raw.chains {
        let id = chain.id.get_ref();
        let Some(given) = &chain.software else {
            if fleet.nodes.keys().any(|node| node.chain == *id) {
                let what = format!("[chain.software] with daemon, version and binary for {id}");
                return Err(missing(None, "chain.software", &what));
            }
            continue;
        };
        let daemon = word(cx, &given.daemon, None, "chain.software.daemon", Word::Plain)?;
        let version = word(cx, &given.version, None, "chain.software.version", Word::Plain)?;
        let home = match &given.home {
            Some(home) => word(cx, home, None, "chain.software.home", Word::Path)?,
            None => format!("{NODE_HOMES}/{id}"),
        };
        let init = given
            .init
            .clone()
            .unwrap_or_else(|| ["init", "node", "--chain-id", id].map(str::to_owned).to_vec());
        let mut upgrades = BTreeMap::new();
        for (plan, upgrade) in &given.upgrades {
            let version = word(cx, &upgrade.version, None, "chain.software.upgrades", Word::Plain)?;
            let binary = artefact(cx, &upgrade.binary, None, "chain.software.upgrades")?;
            upgrades.insert(plan.clone(), Upgrade { version, binary });
        }
        let more =
            |raw: &Option<RawArtefact>, key| raw.as_ref().map(|a| artefact(cx, a, None, key)).transpose();
        all.insert(
            id.clone(),
            Software {
                daemon,
                version,
                binary: artefact(cx, &given.binary, None, "chain.software.binary")?,
                cosmovisor: more(&given.cosmovisor, "chain.software.cosmovisor")?,
                genesis: more(&given.genesis, "chain.software.genesis")?,
                home,
                args: given.args.clone(),
                init,
                upgrades,
                wasm: given.wasm,
            },
        );
    }
    Ok(all)
}

fn reach(cx: &Context<'_>, host: &RawHost, deploy: &crate::raw::RawDeploy) -> Result<Access, FleetError> {
    let name = host.name.get_ref();
    let Some(ssh) = &host.ssh else {
        let what = "[host.ssh] with address = \"…\": where the operator's machine reaches it";
        return Err(cx.at(&host.name, Some(name), "ssh", Problem::Missing(what.into())));
    };
    let Some(user) = ssh.user.as_ref().or(deploy.ssh_user.as_ref()) else {
        let what = "user = \"…\" under [host.ssh], or ssh_user under [deploy]";
        return Err(cx.at(&ssh.address, Some(name), "ssh.user", Problem::Missing(what.into())));
    };
    let jump = ssh.jump.as_ref().or(deploy.jump.as_ref()).filter(|jump| !jump.get_ref().is_empty());
    Ok(Access {
        address: word(cx, &ssh.address, Some(name), "ssh.address", Word::Host)?,
        user: word(cx, user, Some(name), "ssh.user", Word::Plain)?,
        port: ssh.port.unwrap_or(SSH_PORT),
        jump: jump.map(|jump| word(cx, jump, Some(name), "ssh.jump", Word::Jump)).transpose()?,
    })
}

fn tunnel(cx: &Context<'_>, raw: &RawHost, host: &Host) -> Result<Option<Tunnel>, FleetError> {
    let name = Some(host.name.as_str());
    match (&raw.tunnel, host.wireguard) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let what =
                "[host.tunnel] with public_key = \"…\" (on the host: wg pubkey < /etc/wireguard/private.key)";
            Err(cx.at(&raw.name, name, "tunnel", Problem::Missing(what.into())))
        }
        (Some(_), None) => {
            let what = "wireguard = \"10.66.0.x\", the host's address inside the tunnel";
            Err(cx.at(&raw.name, name, "wireguard", Problem::Missing(what.into())))
        }
        (Some(given), Some(_)) => Ok(Some(Tunnel {
            public_key: word(cx, &given.public_key, name, "tunnel.public_key", Word::WireguardKey)?,
            endpoint: given
                .endpoint
                .as_ref()
                .map(|e| word(cx, e, name, "tunnel.endpoint", Word::Endpoint))
                .transpose()?,
        })),
    }
}

fn listen(
    cx: &Context<'_>,
    given: Option<&Spanned<String>>,
    host: &Host,
    port: u16,
    key: &'static str,
) -> Result<Listen, FleetError> {
    match given {
        Some(given) => cx.parse(given, &host.name, key),
        None => Ok(Listen::tcp(IpAddr::from([127, 0, 0, 1]), port)),
    }
}

fn artefact(
    cx: &Context<'_>,
    raw: &RawArtefact,
    host: Option<&str>,
    key: &'static str,
) -> Result<Artefact, FleetError> {
    let source = match (&raw.path, &raw.url) {
        (Some(path), None) => Source::Path(path.clone()),
        (None, Some(url)) if url.starts_with("https://") || url.starts_with("http://") => {
            Source::Url(url.clone())
        }
        _ => return Err(cx.at(&raw.sha256, host, key, Problem::Artefact)),
    };
    Ok(Artefact { source, sha256: word(cx, &raw.sha256, host, key, Word::Sha256)? })
}

/// What a word may be made of.
#[derive(Clone, Copy)]
enum Word {
    Plain,
    Host,
    Jump,
    Path,
    File,
    Network,
    Endpoint,
    Sha256,
    WireguardKey,
}

fn word(
    cx: &Context<'_>,
    value: &Spanned<String>,
    host: Option<&str>,
    key: &'static str,
    kind: Word,
) -> Result<String, FleetError> {
    let text = value.get_ref();
    let made_of = |more: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let (good, expected) = match kind {
        Word::Plain => (made_of("._+-"), "a word of letters, digits, '.', '_', '+' and '-'"),
        Word::Host => (made_of(".:_-"), "an address or a host name"),
        Word::Jump => (made_of("@.:_-[]"), "user@host:port"),
        Word::Path => (text.starts_with('/') && made_of("/._-") && !text.contains(".."), "an absolute path"),
        Word::File => (made_of("/._-") && !text.contains(".."), "a file beside the fleet file"),
        Word::Network => (network(text), "a network such as \"198.51.100.0/28\""),
        Word::Endpoint => (
            made_of(".:_-[]") && text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()),
            "\"address:port\"",
        ),
        Word::Sha256 => (
            text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
            "the 64 lower-case hex digits that sha256sum prints",
        ),
        Word::WireguardKey => (
            base64::prelude::BASE64_STANDARD.decode(text).is_ok_and(|key| key.len() == 32),
            "the 44 characters that `wg pubkey` prints",
        ),
    };
    if good {
        Ok(text.clone())
    } else {
        Err(cx.at(value, host, key, Problem::Word { text: text.clone(), expected }))
    }
}

fn network(text: &str) -> bool {
    let Some((ip, prefix)) = text.split_once('/') else { return false };
    match (ip.parse::<IpAddr>(), prefix.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(bits)) => bits <= 32,
        (Ok(IpAddr::V6(_)), Ok(bits)) => bits <= 128,
        _ => false,
    }
}

fn each<T>(
    values: &[Spanned<String>],
    read: impl Fn(&Spanned<String>) -> Result<T, FleetError>,
) -> Result<Vec<T>, FleetError> {
    values.iter().map(read).collect()
}

fn missing(host: Option<&str>, key: &'static str, what: &str) -> FleetError {
    Problem::Missing(what.to_owned()).at(Place { host: host.map(str::to_owned), key: Some(key), line: None })
}
