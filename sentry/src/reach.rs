//! Who can reach a host that was found written somewhere: in a gentx memo, in a peer list.
//!
//! Unlike [`crate::Exposure`] this has no fleet to ask and judges by the number alone. In doubt an address is public, so
//! the documentation ranges are, as they are to a node's own address book (spec p2p.md §3.2).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

/// From where a written host can be reached, most exposed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The internet.
    Public,
    /// A DNS name: whoever asks gets the address of the day.
    Name,
    /// 100.64.0.0/10, behind a carrier's or a mesh VPN's NAT; an address book takes it as routable.
    CarrierGrade,
    /// RFC 1918, or fc00::/7.
    Private,
    /// The host itself.
    Loopback,
    /// Link-local, multicast, reserved, or no address at all.
    Nowhere,
    /// Nothing was written.
    None,
}

impl Reach {
    /// Of a host as it was written, without port and brackets.
    pub fn of(host: &str) -> Self {
        match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(IpAddr::V4(ip)) => Self::of_v4(ip),
            Ok(IpAddr::V6(ip)) => Self::of_v6(ip),
            Err(_) if host.eq_ignore_ascii_case("localhost") => Self::Loopback,
            Err(_) if is_name(host) => Self::Name,
            Err(_) => Self::Nowhere,
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        match ip.octets() {
            _ if ip.is_loopback() => Self::Loopback,
            _ if ip.is_private() => Self::Private,
            [100, 64..=127, _, _] => Self::CarrierGrade,
            [0 | 240..=255, _, _, _] => Self::Nowhere,
            _ if ip.is_link_local() || ip.is_multicast() => Self::Nowhere,
            _ => Self::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        match () {
            () if ip.is_loopback() => Self::Loopback,
            () if ip.is_unique_local() => Self::Private,
            () if ip.is_unspecified() || ip.is_unicast_link_local() || ip.is_multicast() => Self::Nowhere,
            () => Self::Public,
        }
    }
}

/// Letters, digits, dots and hyphens, and a letter in the last label, which no address has.
fn is_name(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && last.bytes().any(|b| b.is_ascii_alphabetic())
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Public => "public address",
            Self::Name => "DNS name",
            Self::CarrierGrade => "carrier-grade NAT address",
            Self::Private => "private address",
            Self::Loopback => "loopback address",
            Self::Nowhere => "address that leads nowhere",
            Self::None => "no address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Reach::{self, *};

    #[test]
    fn by_number_and_by_name() {
        for (host, reach) in [
            ("8.8.8.8", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("100.63.255.255", Public),
            ("100.128.0.0", Public),
            ("203.0.113.7", Public),
            ("2001:db8::7", Public),
            ("::ffff:8.8.8.8", Public),
            ("100.64.0.0", CarrierGrade),
            ("100.127.255.255", CarrierGrade),
            ("::ffff:100.64.0.1", CarrierGrade),
            ("10.1.10.214", Private),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.168.0.6", Private),
            ("fd00::1", Private),
            ("127.0.0.2", Loopback),
            ("::1", Loopback),
            ("LocalHost", Loopback),
            ("0.0.0.0", Nowhere),
            ("255.255.255.255", Nowhere),
            ("169.254.1.1", Nowhere),
            ("224.0.0.1", Nowhere),
            ("fe80::1", Nowhere),
            ("256.1.1.1", Nowhere),
            ("", Nowhere),
            ("a b", Nowhere),
            ("val.example.com", Name),
            ("val.example.com.", Name),
            ("my_host", Name),
        ] {
            assert_eq!(Reach::of(host), reach, "{host}");
        }
        assert_eq!(Reach::of(&"a".repeat(10_000)), Nowhere);
    }
}
