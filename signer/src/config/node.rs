//! Where a node listens for its signer, and what it speaks.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use comet::secret::Dialect;
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
        Ok((dialect, NodeAddr::parse(addr, dir)?))
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
            ("tcp", address) => {
                let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
                match port.parse::<u16>() {
                    Ok(1..) if !host.is_empty() && !host.contains('/') => Ok(Self::Tcp(address.into())),
                    _ => Err(bad()),
                }
            }
            ("unix", path) if !path.is_empty() => Ok(Self::Unix(dir.join(path))),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_addresses() {
        let parse = |text| NodeAddr::parse(text, Path::new("/etc"));
        for good in ["tcp://[::1]:26659", "tcp://node.example:1", "unix:///run/n.sock"] {
            assert_eq!(parse(good).expect("good").to_string(), good);
        }
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
