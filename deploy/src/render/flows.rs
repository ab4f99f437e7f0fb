//! Who may open a connection to whom, from the same graph as everything else: the firewall is what the links say and nothing more.

use core::net::{IpAddr, SocketAddr};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use palisade_sentry::deployment::Access;
use palisade_sentry::{Exposure, Fleet, Host, Listen, Party, Role, Speech, dial};

/// One thing that a host lets in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Incoming {
    /// What it is for.
    pub(crate) what: String,
    /// Port here.
    pub(crate) port: u16,
    /// From where; `None` is everybody.
    pub(crate) from: Option<BTreeSet<IpAddr>>,
}

/// Where a host may connect to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outgoing {
    /// What it is for.
    pub(crate) what: String,
    /// Where.
    pub(crate) to: IpAddr,
    /// Port there.
    pub(crate) port: u16,
}

/// Everything that the fleet's hosts say to each other and to the world, by host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flows {
    pub(crate) incoming: BTreeMap<String, Vec<Incoming>>,
    pub(crate) outgoing: BTreeMap<String, Vec<Outgoing>>,
    /// Pairs of hosts that meet inside WireGuard.
    pub(crate) tunnels: BTreeSet<(String, String)>,
}

/// A dial that is allowed: from whom, to which listener.
struct Dial<'f> {
    what: String,
    from: &'f Host,
    to: &'f Host,
    listen: Cow<'f, Listen>,
}

/// The flows of a fleet.
pub(crate) fn flows(fleet: &Fleet) -> Flows {
    let mut flows = Flows::default();
    for dial in dials(fleet) {
        flows.add(&dial);
    }
    for view in fleet.views() {
        let open =
            |listen: &Option<Listen>| listen.as_ref().is_some_and(|l| l.exposure(view.host).is_public());
        let chain = &view.node.name.chain;
        let mut everybody = |what: &str, listen: Option<&Listen>| {
            if let Some(Listen::Tcp(address)) = listen {
                let what = format!("{what} of {chain}");
                flows.incoming.entry(view.host.name.clone()).or_default().push(Incoming {
                    what,
                    port: address.port(),
                    from: None,
                });
            }
        };
        // Only what faces the world by its role: a listener on every interface is no reason to let everybody in.
        if matches!(view.node.role, Role::Sentry | Role::Seed | Role::Rpc) {
            everybody("peers", Some(&view.settings.p2p_laddr.value));
        }
        if view.node.role == Role::Rpc && open(&view.settings.rpc_laddr.value) {
            everybody("RPC", view.settings.rpc_laddr.value.as_ref());
        }
        if view.node.role == Role::Rpc && open(&view.settings.grpc_address.value) {
            everybody("gRPC", view.settings.grpc_address.value.as_ref());
        }
        for partner in &view.node.partners {
            if let (Ok(ip), Listen::Tcp(address)) = (partner.host.parse(), &view.settings.p2p_laddr.value) {
                let (what, port) = (format!("partner of {chain}"), address.port());
                let from = Some(BTreeSet::from([ip]));
                flows.incoming.entry(view.host.name.clone()).or_default().push(Incoming { what, port, from });
                let what = format!("partner of {chain}");
                flows.outgoing.entry(view.host.name.clone()).or_default().push(Outgoing {
                    what,
                    to: ip,
                    port: partner.port,
                });
            }
        }
    }
    flows.add_unlisted_jumps(fleet);
    flows.tidy();
    flows
}

/// Every dial inside the fleet: its links, standby signers, and Prometheus.
fn dials(fleet: &Fleet) -> Vec<Dial<'_>> {
    let mut dials = Vec::new();
    let host = |name: &str| fleet.host(name).expect("names inside a fleet resolve");
    for link in fleet.links() {
        let from = match &link.from {
            Party::Node(node) => &node.host,
            Party::Signer(host) | Party::Monitor(host) | Party::Etcd(host) => host,
            Party::Outside(_) => continue,
        };
        if let Party::Etcd(to) = &link.to {
            let member = fleet.etcd().iter().find(|m| m.host == *to).expect("names inside a fleet resolve");
            let listen = if link.speech == Speech::Etcd { &member.client } else { &member.peer };
            let what = format!("{} on {to} from {from}", link.speech);
            dials.push(Dial { what, from: host(from), to: host(to), listen: Cow::Borrowed(listen) });
        }
        let Party::Node(to) = &link.to else { continue };
        let Some(view) = fleet.view(to) else { continue };
        let listen = match link.speech {
            Speech::P2p => Some(&view.settings.p2p_laddr.value),
            Speech::Privval => view.settings.priv_validator_laddr.value.as_ref(),
            Speech::Rpc => view.settings.rpc_laddr.value.as_ref(),
            Speech::Grpc => view.settings.grpc_address.value.as_ref(),
            Speech::Etcd | Speech::EtcdPeer => None,
        };
        if let Some(listen) = listen {
            let what = format!("{} of {} from {from}", link.speech, to.chain);
            dials.push(Dial { what, from: host(from), to: view.host, listen: Cow::Borrowed(listen) });
        }
    }
    for signer in fleet.signers() {
        for view in fleet.views() {
            let serves = view.node.signed_by.as_ref().is_some_and(|key| signer.standby.contains(key));
            if let (true, Some(listen)) = (serves, view.settings.priv_validator_laddr.value.as_ref()) {
                let what = format!("privval of {} from {}", view.node.name.chain, signer.host);
                dials.push(Dial {
                    what,
                    from: host(&signer.host),
                    to: view.host,
                    listen: Cow::Borrowed(listen),
                });
            }
        }
    }
    for (name, access) in fleet.deployment().into_iter().flat_map(|d| &d.access) {
        // A jump host that is one of the fleet comes from inside; any other is among the admins' networks.
        let jump = access.jump.as_deref().and_then(|jump| bastion(fleet, jump));
        if let (Some(jump), Some(ip)) = (jump, access.ip()) {
            let listen = Listen::tcp(ip, access.port);
            dials.push(Dial {
                what: format!("ssh through {}", jump.name),
                from: jump,
                to: host(name),
                listen: Cow::Owned(listen),
            });
        }
    }
    let prometheus = fleet.deployment().into_iter().flat_map(|d| d.prometheus.keys());
    for scraper in prometheus {
        for (what, on, listen) in scraped(fleet) {
            let what = format!("metrics of {what} from {scraper}");
            dials.push(Dial { what, from: host(scraper), to: host(on), listen: Cow::Borrowed(listen) });
        }
    }
    dials
}

/// The host of the fleet that `user@host:port` names.
fn bastion<'f>(fleet: &'f Fleet, jump: &str) -> Option<&'f Host> {
    let address = jump.rsplit('@').next().unwrap_or(jump);
    let bare = address.parse::<SocketAddr>().map(|a| a.ip()).or_else(|_| address.parse::<IpAddr>()).ok();
    let reached = |host: &&Host| {
        let own = fleet.deployment().and_then(|d| d.access.get(&host.name));
        own.is_some_and(|own| own.address == address)
            || bare.is_some_and(|ip| {
                host.public.contains(&ip) || host.wireguard == Some(ip) || host.private == Some(ip)
            })
    };
    fleet.hosts().find(reached)
}

/// What has metrics: the job and chain, the host, the listener.
pub(crate) fn scraped(fleet: &Fleet) -> Vec<(String, &str, &Listen)> {
    let nodes = fleet.views().filter_map(|view| {
        let listen = view.settings.instrumentation_prometheus_listen_addr.value.as_ref()?;
        Some((view.node.name.chain.clone(), view.host.name.as_str(), listen))
    });
    let signers = fleet.signers().iter().map(|s| ("palisade-signer".to_owned(), s.host.as_str(), &s.listen));
    let monitors =
        fleet.monitors().iter().map(|m| ("palisade-monitor".to_owned(), m.host.as_str(), &m.listen));
    let watches = fleet.deployment().into_iter().flat_map(|d| &d.watches);
    let watches = watches.map(|(host, watch)| ("palisade-sentry".to_owned(), host.as_str(), &watch.listen));
    nodes.chain(signers).chain(monitors).chain(watches).collect()
}

impl Flows {
    /// Hosts whose ssh has an address of its own, which is none of theirs in the fleet (a management network): by which of its addresses the
    /// jump host comes there is not said anywhere, so all of them are let in.
    fn add_unlisted_jumps(&mut self, fleet: &Fleet) {
        let Some(of) = fleet.deployment() else { return };
        for (name, access) in &of.access {
            let jump = access.jump.as_deref().and_then(|jump| bastion(fleet, jump));
            let (Some(jump), Some(ip), Some(host)) = (jump, access.ip(), fleet.host(name)) else { continue };
            if Listen::tcp(ip, access.port).exposure(host) != Exposure::Undeclared || jump.name == host.name {
                continue;
            }
            let what = format!("ssh through {}", jump.name);
            let own = of.access.get(&jump.name).and_then(Access::ip);
            let from = jump.public.iter().copied().chain(jump.private).chain(jump.wireguard).chain(own);
            let incoming = Incoming { what: what.clone(), port: access.port, from: Some(from.collect()) };
            self.incoming.entry(name.clone()).or_default().push(incoming);
            let outgoing = Outgoing { what, to: ip, port: access.port };
            self.outgoing.entry(jump.name.clone()).or_default().push(outgoing);
        }
    }

    fn add(&mut self, of: &Dial<'_>) {
        let Some(address) = dial(of.from, of.to, &of.listen) else { return };
        if of.from.name == of.to.name {
            return;
        }
        let exposure = Listen::Tcp(address).exposure(of.to);
        let from: BTreeSet<IpAddr> = match exposure {
            Exposure::Wireguard => of.from.wireguard.into_iter().collect(),
            Exposure::Private => of.from.private.into_iter().collect(),
            Exposure::Public => of.from.public.iter().copied().collect(),
            Exposure::Local | Exposure::Undeclared | Exposure::Every => BTreeSet::new(),
        };
        if exposure == Exposure::Wireguard {
            self.tunnels.insert((of.from.name.clone(), of.to.name.clone()));
            self.tunnels.insert((of.to.name.clone(), of.from.name.clone()));
        }
        // A dialler without an address of its own on that network comes from somewhere; only a port that is open for all lets it in.
        if !from.is_empty() {
            let incoming = Incoming { what: of.what.clone(), port: address.port(), from: Some(from) };
            self.incoming.entry(of.to.name.clone()).or_default().push(incoming);
        }
        let outgoing = Outgoing { what: of.what.clone(), to: address.ip(), port: address.port() };
        self.outgoing.entry(of.from.name.clone()).or_default().push(outgoing);
    }

    fn tidy(&mut self) {
        for list in self.incoming.values_mut() {
            list.sort();
            list.dedup();
            // What everybody may use needs no second line for some.
            let open: BTreeSet<u16> = list.iter().filter(|i| i.from.is_none()).map(|i| i.port).collect();
            list.retain(|i| i.from.is_none() || !open.contains(&i.port));
        }
        for list in self.outgoing.values_mut() {
            list.sort();
            list.dedup();
        }
    }
}
