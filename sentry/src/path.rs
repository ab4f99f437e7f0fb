//! The address by which one host reaches a listener of another.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::fleet::Host;
use crate::listen::{Exposure, Listen};

/// The best address for a dial from `from` to a listener on `to`: loopback on one host, then WireGuard, then the
/// private network of a shared site, then the internet. None when no network joins the two, or for a unix socket.
pub fn dial(from: &Host, to: &Host, listen: &Listen) -> Option<SocketAddr> {
    let Listen::Tcp(address) = listen else { return None };
    let same = from.name == to.name;
    let ip = match listen.exposure(to) {
        Exposure::Every if same && address.is_ipv4() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Exposure::Every if same => Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        Exposure::Every => shared(from, to),
        Exposure::Local => same.then(|| address.ip()),
        Exposure::Wireguard => (same || from.wireguard.is_some()).then(|| address.ip()),
        Exposure::Private => (same || shares_private(from, to)).then(|| address.ip()),
        Exposure::Public => Some(address.ip()),
        Exposure::Undeclared => None,
    }?;
    Some(SocketAddr::new(ip, address.port()))
}

/// The address of `to` on the best network that both hosts are on.
fn shared(from: &Host, to: &Host) -> Option<IpAddr> {
    let tunnel = to.wireguard.filter(|_| from.wireguard.is_some());
    let lan = to.private.filter(|_| shares_private(from, to));
    tunnel.or(lan).or_else(|| to.public.first().copied())
}

fn shares_private(from: &Host, to: &Host) -> bool {
    from.private.is_some() && from.shares_site(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, site: &str, private: Option<&str>, wireguard: Option<&str>) -> Host {
        Host {
            name: name.into(),
            provider: "own".into(),
            site: Some(site.into()),
            public: vec![],
            private: private.map(|ip| ip.parse().unwrap()),
            wireguard: wireguard.map(|ip| ip.parse().unwrap()),
        }
    }

    #[test]
    fn the_most_private_network_wins() {
        let a = host("a", "s", Some("10.0.0.1"), Some("10.66.0.1"));
        let b = host("b", "s", Some("10.0.0.2"), None);
        let mut far = host("c", "t", Some("10.0.0.2"), None);
        let every = Listen::every(1);
        assert_eq!(dial(&a, &a, &every).unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(dial(&b, &a, &every).unwrap().to_string(), "10.0.0.1:1");
        assert_eq!(dial(&far, &a, &every), None);
        far.wireguard = Some("10.66.0.3".parse().unwrap());
        assert_eq!(dial(&far, &a, &every).unwrap().to_string(), "10.66.0.1:1");
    }

    #[test]
    fn a_narrow_listener_is_not_reached_from_elsewhere() {
        let a = host("a", "s", Some("10.0.0.1"), Some("10.66.0.1"));
        let b = host("b", "t", Some("10.0.0.2"), None);
        for text in ["tcp://127.0.0.1:1", "tcp://10.66.0.1:1", "tcp://10.0.0.1:1", "unix:///x"] {
            assert_eq!(dial(&b, &a, &text.parse().unwrap()), None, "{text}");
        }
    }
}
