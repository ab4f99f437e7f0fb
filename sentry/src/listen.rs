//! Where a process listens, and who could reach it there.
//!
//! The declared addresses of the host decide, not the look of the number: 10.0.0.0/8 is private on one host and a
//! provider's shared LAN on another, and 100.64.0.0/10 is routable to the node's own address book (spec p2p.md §3.2).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::str::FromStr;

use crate::fleet::Host;

/// A listening address in the node's own spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listen {
    /// `tcp://ip:port`; an unspecified ip means every interface.
    Tcp(SocketAddr),
    /// `unix:///path`.
    Unix(String),
}

/// From where a listener can be reached, least to most exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// A unix socket or a loopback address: this host only.
    Local,
    /// The WireGuard address of the host.
    Wireguard,
    /// The private address of the host.
    Private,
    /// An address that the fleet does not declare for this host.
    Undeclared,
    /// A public address of the host.
    Public,
    /// Every interface, whatever addresses the host gets tomorrow.
    Every,
}

/// Why a string is no listening address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a listening address: tcp://ip:port or unix:///path is expected")]
pub struct ListenError(pub String);

impl Listen {
    /// A TCP listener.
    pub fn tcp(ip: IpAddr, port: u16) -> Self {
        Self::Tcp(SocketAddr::new(ip, port))
    }

    /// A TCP listener on every interface.
    pub fn every(port: u16) -> Self {
        Self::tcp(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
    }

    /// From where this listener can be reached when it runs on `host`.
    pub fn exposure(&self, host: &Host) -> Exposure {
        let Self::Tcp(address) = self else { return Exposure::Local };
        let ip = address.ip();
        match () {
            () if ip.is_unspecified() => Exposure::Every,
            () if ip.is_loopback() => Exposure::Local,
            () if host.public.contains(&ip) => Exposure::Public,
            () if host.wireguard == Some(ip) => Exposure::Wireguard,
            () if host.private == Some(ip) => Exposure::Private,
            () => Exposure::Undeclared,
        }
    }
}

impl Exposure {
    /// Whether a stranger on the internet may reach it. An undeclared address counts: nothing says it is private.
    pub fn is_public(self) -> bool {
        self >= Self::Undeclared
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "this host only",
            Self::Wireguard => "the WireGuard network",
            Self::Private => "the private network",
            Self::Undeclared => "an address that the fleet does not declare for this host",
            Self::Public => "the internet",
            Self::Every => "anyone, on every interface",
        })
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    /// Also takes `ip:port`, `:port` and `localhost:port`, which `config.toml` and `app.toml` use here and there.
    fn from_str(text: &str) -> Result<Self, ListenError> {
        let wrong = || ListenError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.to_owned())) } else { Err(wrong()) };
        }
        let bare = text.strip_prefix("tcp://").unwrap_or(text);
        let numeric = match bare.rsplit_once(':') {
            Some(("", port)) => format!("0.0.0.0:{port}"),
            Some(("localhost", port)) => format!("127.0.0.1:{port}"),
            _ => bare.to_owned(),
        };
        numeric.parse().map(Self::Tcp).map_err(|_| wrong())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host {
            name: "val-1".into(),
            provider: "own".into(),
            site: None,
            public: vec!["203.0.113.1".parse().unwrap()],
            private: Some("10.0.0.1".parse().unwrap()),
            wireguard: Some("10.66.0.1".parse().unwrap()),
        }
    }

    #[test]
    fn every_spelling_of_the_node_is_read() {
        for (text, canonical) in [
            ("tcp://0.0.0.0:26656", "tcp://0.0.0.0:26656"),
            (":26660", "tcp://0.0.0.0:26660"),
            ("localhost:9090", "tcp://127.0.0.1:9090"),
            ("tcp://[::]:26657", "tcp://[::]:26657"),
            ("unix:///run/privval.sock", "unix:///run/privval.sock"),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), canonical);
        }
        for text in ["", "tcp://", "val.example.com:26656", "unix://relative", "tcp://1.2.3.4"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn exposure_follows_the_declared_addresses() {
        for (text, exposure) in [
            ("tcp://127.0.0.1:1", Exposure::Local),
            ("tcp://10.66.0.1:1", Exposure::Wireguard),
            ("tcp://10.0.0.1:1", Exposure::Private),
            ("tcp://10.0.0.9:1", Exposure::Undeclared),
            ("tcp://203.0.113.1:1", Exposure::Public),
            ("tcp://[::]:1", Exposure::Every),
            ("unix:///a", Exposure::Local),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().exposure(&host()), exposure, "{text}");
        }
    }
}
