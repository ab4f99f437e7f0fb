//! A port that strangers reach although only the fleet should: what shows it, and the address that closes it.
//!
//! As a plan says it, and as a probe met it. Serves the rules about ports of nodes that must not be public, and about the daemons beside them. Each rule says which
//! nodes it means, how bad it is and what it opens.

use core::net::{IpAddr, Ipv4Addr};

use crate::finding::{seen, set};
use crate::fleet::{Host, View};
use crate::listen::Listen;
use crate::live::{Live, Port, Service, Target};
use crate::settings::Setting;

/// A listener open to strangers.
pub(crate) struct Exposed {
    /// Which setting, and to whom it is open.
    pub(crate) evidence: String,
    /// What to set, or to remove.
    pub(crate) fix: String,
}

/// A node's listener `key`, if it is public; closed, it listens on the host's inner address at `port`.
pub(crate) fn node(
    view: View<'_>,
    key: &str,
    setting: &Setting<Option<Listen>>,
    port: u16,
) -> Option<Exposed> {
    let listen = setting.value.as_ref()?;
    let exposure = listen.exposure(view.host);
    let ip = view.host.inner().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    exposure.is_public().then(|| Exposed {
        evidence: format!("{}: open to {exposure}", seen(key, listen, setting.origin)),
        fix: set(view, key, Listen::tcp(ip, port), setting.origin),
    })
}

/// The HTTP listener of the daemon that `table` of the fleet file describes, if it is public.
pub(crate) fn daemon(host: &Host, table: &str, listen: &Listen) -> Option<Exposed> {
    let exposure = listen.exposure(host);
    exposure.is_public().then(|| Exposed {
        evidence: format!("[{table}] listen = {listen}: open to {exposure}"),
        fix: "remove listen: it follows the wireguard address, or else loopback".to_owned(),
    })
}

/// Ports of ours that answered HTTP to a stranger: whose, which, and the paths.
pub(crate) fn answered(
    live: &Live,
    service: Service,
    whose: impl Fn(&Target) -> bool,
) -> Vec<(&Target, &Port, String)> {
    let mut answered = Vec::new();
    for target in live.ours().filter(|target| whose(target)) {
        // A proxy in front with a certificate opens the same to the same strangers.
        let tls = matches!(service, Service::Rpc | Service::Rest);
        let ports =
            target.ports.iter().filter(|p| p.service == service || tls && p.service == Service::Https);
        for port in ports {
            let rest = |path: &str| path.contains("node_info");
            let of = |path: &str| port.service == service || rest(path) == (service == Service::Rest);
            let pages = target.pages().filter(|(p, page)| p.number == port.number && of(page.path));
            let mut paths: Vec<&str> = pages.map(|(_, page)| page.path).collect();
            paths.dedup();
            if !paths.is_empty() {
                answered.push((target, port, format!("GET {} answered a stranger", paths.join(", "))));
            }
        }
    }
    answered
}

/// What closes a port that a probe met open.
pub(crate) fn close(target: &Target, port: &Port, key: &str) -> String {
    let number = port.number;
    let network = if target.public { "from the internet" } else { "from here" };
    format!(
        "bind {key} to loopback or the WireGuard address, and drop port {number} {network} in the firewall"
    )
}
