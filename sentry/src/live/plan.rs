//! What to look at: every address that the fleet declares public, and every address of a host that must not answer at all.

use core::net::IpAddr;
use std::collections::BTreeSet;

use super::{Part, Port, Service, State, Target};
use crate::finding::Subject;
use crate::fleet::{Fleet, Host, Role, View};
use crate::listen::Listen;
use crate::peer::NodeId;

/// The usual ports of a node waiting for its signer. Nothing is ever said to them.
const PRIVVAL: [u16; 3] = [26658, 26659, 1234];

/// A target before it was looked at; its ports say what to try.
pub type Wanted = Target;

/// Everything to look at in a fleet, by host.
pub fn plan(fleet: &Fleet) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for view in fleet.views() {
        for (ip, public) in addresses(view.host, view.node.role == Role::Validator) {
            wanted.push(Target {
                subject: Subject::from(&view.node.name),
                part: Part::from(view.node.role),
                signs: view.node.signs(),
                id: Some(view.node.id.clone()),
                ip,
                public,
                ports: node_ports(view),
            });
        }
    }
    let daemons = fleet.signers().iter().map(|s| (&s.host, Part::Signer, &s.listen));
    let monitors = fleet.monitors().iter().map(|m| (&m.host, Part::Monitor, &m.listen));
    for (host, part, listen) in daemons.chain(monitors) {
        let Some(host) = fleet.host(host) else { continue };
        let Listen::Tcp(listen) = listen else { continue };
        for (ip, public) in addresses(host, part == Part::Signer) {
            let ports = vec![untried(listen.port(), Service::Metrics), untried(22, Service::Ssh)];
            let (subject, id) = (Subject::host(&host.name), None);
            wanted.push(Target { subject, part, signs: false, id, ip, public, ports });
        }
    }
    wanted
}

/// A node that was named, not planned: an outsider is only asked for what it hands on, every other part is looked at whole.
pub fn named(part: Part, subject: Subject, id: NodeId, ip: IpAddr, p2p: u16) -> Wanted {
    let mut ports = vec![untried(p2p, Service::P2p), untried(p2p, Service::Quic)];
    if part != Part::Outsider {
        ports.extend(usual(&BTreeSet::from([p2p])));
    }
    Target { subject, part, signs: false, id: Some(id), ip, public: true, ports }
}

/// Public addresses, and the inner ones of a host that nobody may reach.
fn addresses(host: &Host, all: bool) -> Vec<(IpAddr, bool)> {
    let inner = host.private.iter().chain(&host.wireguard).filter(|_| all).map(|ip| (*ip, false));
    host.public.iter().map(|ip| (*ip, true)).chain(inner).collect()
}

fn node_ports(view: View<'_>) -> Vec<Port> {
    let (ports, settings) = (&view.node.ports, view.settings);
    let port = |listen: Option<&Listen>, otherwise| match listen {
        Some(Listen::Tcp(address)) => address.port(),
        _ => otherwise,
    };
    let p2p = port(Some(&settings.p2p_laddr.value), ports.p2p);
    // Privval ports first: a number that may be one is never spoken to, whatever else it may be.
    let mut tried: Vec<Port> = vec![
        untried(port(settings.priv_validator_laddr.value.as_ref(), ports.privval), Service::Privval),
        untried(p2p, Service::P2p),
        untried(p2p, Service::Quic),
        untried(port(settings.rpc_laddr.value.as_ref(), ports.rpc), Service::Rpc),
        untried(
            port(settings.instrumentation_prometheus_listen_addr.value.as_ref(), ports.prometheus),
            Service::Metrics,
        ),
        untried(port(settings.grpc_address.value.as_ref(), ports.grpc), Service::Grpc),
        untried(port(settings.rpc_pprof_laddr.value.as_ref(), 6060), Service::Pprof),
    ];
    let taken = tried.iter().map(|port| port.number).collect();
    tried.extend(usual(&taken));
    tried
}

/// Ports where something usually stands, without those that are taken.
fn usual(taken: &BTreeSet<u16>) -> Vec<Port> {
    let privval = PRIVVAL.map(|number| (number, Service::Privval));
    let others = [
        (26657, Service::Rpc),
        (26660, Service::Metrics),
        (9090, Service::Grpc),
        (9091, Service::Grpc),
        (6060, Service::Pprof),
        (1317, Service::Rest),
        (8545, Service::Evm),
        (443, Service::Https),
        (22, Service::Ssh),
        // Where SSH is moved to, and cosigners of horcrux listen.
        (2222, Service::Ssh),
        // Of the machine, and of horcrux.
        (9100, Service::Metrics),
        (6001, Service::Metrics),
    ];
    privval
        .into_iter()
        .chain(others)
        .filter(|(number, _)| !taken.contains(number))
        .map(|(number, service)| untried(number, service))
        .collect()
}

/// Whether a number is one where nodes wait for their signers.
pub fn is_privval(number: u16) -> bool {
    PRIVVAL.contains(&number)
}

fn untried(number: u16, service: Service) -> Port {
    Port { number, service, state: State::Unknown("not tried".to_owned()), answer: None }
}

impl From<Role> for Part {
    fn from(role: Role) -> Self {
        match role {
            Role::Validator => Self::Validator,
            Role::Sentry => Self::Sentry,
            Role::PrivateSentry => Self::PrivateSentry,
            Role::Seed => Self::Seed,
            Role::Rpc => Self::Rpc,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::resolve;

    #[test]
    fn the_classic_fleet() {
        let fleet = resolve(include_str!("../../../examples/fleet-classic.toml")).unwrap();
        let wanted = plan(&fleet);
        let of = |host: &str| -> Vec<String> {
            let targets = wanted.iter().filter(|t| t.subject.host.as_deref() == Some(host));
            targets.map(|t| format!("{} {}", t.ip, t.public)).collect()
        };
        assert_eq!(of("sentry-1"), ["203.0.113.21 true", "2001:db8:21::1 true"], "both families");
        assert_eq!(of("val-1"), ["10.0.0.10 false", "10.66.0.10 false"], "all that nobody may reach");
        assert_eq!(of("signer-1"), ["10.0.0.11 false", "10.66.0.11 false"]);
    }

    #[test]
    fn no_number_that_may_be_a_privval_port_is_spoken_to() {
        let classic = include_str!("../../../examples/fleet-classic.toml");
        let fleet = classic.replacen("signed_by", "ports.rpc = 26658\nsigned_by", 1);
        for target in plan(&resolve(&fleet).unwrap()) {
            for port in target.ports.iter().filter(|p| p.service == Service::Privval) {
                let again = target.ports.iter().filter(|p| p.number == port.number).count();
                assert_eq!(again, 1, "{} {}", target.subject, port.number);
            }
        }
    }
}
