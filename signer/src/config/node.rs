//! Where a node listens for its signer, and what it speaks.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use comet::{noise::PeerId, secret::Dialect};
use serde::{Deserialize, Deserializer, de};

use crate::config::ConfigError;

/// `"tcp://…"`, or `{ addr = "tcp://…", protocol = "0.33" }`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawNode {
    addr: String,
    protocol: Option<String>,
}

/// A node's privval listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeAddr {
    /// Host and port, over SecretConnection.
    Tcp(String),
    /// Host and port, over Noise, with the node whose key this is and no other (CometBFT 0.40).
    Noise {
        /// The node, by its `node_key.json`.
        peer: PeerId,
        /// Host and port.
        address: String,
    },
    /// Socket file, plain.
    Unix(PathBuf),
}

// === impl RawNode ===

impl RawNode {
    pub(super) fn resolve(&self, dir: &Path) -> Result<(Dialect, NodeAddr), ConfigError> {
        let Self { addr, protocol } = self;
        let dialect = match protocol.as_deref() {
            None => Dialect::Proto,
            Some("0.33") => Dialect::Amino,
            Some(other) => {
                return Err(ConfigError::Protocol { node: addr.clone(), protocol: other.into() });
            }
        };
        let node = NodeAddr::parse(addr, dir)?;
        if dialect == Dialect::Amino && matches!(node, NodeAddr::Noise { .. }) {
            return Err(ConfigError::NoiseOf033(addr.clone()));
        }
        Ok((dialect, node))
    }
}

// By hand, because serde's untagged enums say of a mistake only that no variant fits.
impl<'de> Deserialize<'de> for RawNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            addr: String,
            protocol: Option<String>,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = RawNode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a table with addr and protocol")
            }

            fn visit_str<E: de::Error>(self, addr: &str) -> Result<RawNode, E> {
                Ok(RawNode { addr: addr.into(), protocol: None })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<RawNode, A::Error> {
                let Table { addr, protocol } =
                    Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(RawNode { addr, protocol })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

// === impl NodeAddr ===

impl NodeAddr {
    pub(super) fn parse(text: &str, dir: &Path) -> Result<Self, ConfigError> {
        let bad = || ConfigError::Node(text.into());
        match text.split_once("://").ok_or_else(bad)? {
            ("tcp", address) if address.contains('@') => Err(ConfigError::PeerId(text.into())),
            ("tcp", address) if is_host_and_port(address) => Ok(Self::Tcp(address.into())),
            ("noise", address) => {
                let (peer, address) =
                    address.split_once('@').ok_or_else(|| ConfigError::NoPeerId(text.into()))?;
                let peer =
                    peer.parse().map_err(|source| ConfigError::BadPeerId { node: text.into(), source })?;
                if !is_host_and_port(address) {
                    return Err(bad());
                }
                Ok(Self::Noise { peer, address: address.into() })
            }
            ("unix", path) if !path.is_empty() => Ok(Self::Unix(dir.join(path))),
            _ => Err(bad()),
        }
    }
}

fn is_host_and_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        matches!(port.parse::<u16>(), Ok(1..)) && !host.is_empty() && !host.contains(['/', '@'])
    })
}

impl fmt::Display for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Noise { peer, address } => write!(f, "noise://{peer}@{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_addresses() {
        let parse = |text: &str| NodeAddr::parse(text, Path::new("/etc"));
        for good in ["tcp://[::1]:26659", "tcp://node.example:1", "unix:///run/n.sock"] {
            assert_eq!(parse(good).expect("good").to_string(), good);
        }
        let peer = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5";
        let good = format!("noise://{peer}@10.9.0.2:26659");
        assert_eq!(parse(&good).expect("good").to_string(), good);
        assert!(matches!(parse("noise://10.9.0.2:26659"), Err(ConfigError::NoPeerId(_))));
        assert!(matches!(parse("noise://12D3@10.9.0.2:26659"), Err(ConfigError::BadPeerId { .. })));
        assert!(matches!(parse(&format!("noise://{peer}@10.9.0.2")), Err(ConfigError::Node(_))));
        assert!(matches!(parse(&format!("tcp://{peer}@10.9.0.2:1")), Err(ConfigError::PeerId(_))));
        let old = RawNode { addr: good.clone(), protocol: Some("0.33".into()) };
        assert!(matches!(old.resolve(Path::new("/etc")), Err(ConfigError::NoiseOf033(_))));
        assert_eq!(parse("unix://run/n.sock").expect("good").to_string(), "unix:///etc/run/n.sock");
        for bad in [
            "tcp://host",
            "tcp://:1",
            "tcp://host:0",
            "tcp://host:65536",
            "unix://",
            "host:1",
            "tcp://h/p:1",
            "",
        ] {
            assert!(matches!(parse(bad), Err(ConfigError::Node(_))), "{bad}");
        }
    }
}
