//! `signer.toml`: first what a person wrote (`Raw`), then what it means ([`Config`]). Later code sees only the second.
//!
//! There is no default for anything that safety depends on, unknown keys are refused, and no protocol version is
//! configured: the signer speaks every dialect at once.

use core::net::SocketAddr;
use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use thiserror::Error;

use crate::mark::MAX_CHAIN_ID;

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    state_dir: PathBuf,
    listen: SocketAddr,
    #[serde(default)]
    key: Vec<RawKey>,
    #[serde(default)]
    chain: Vec<RawChain>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    name: String,
    backend: RawBackend,
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawBackend {
    Softsign,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChain {
    id: String,
    key: String,
    nodes: Vec<String>,
}

/// What the signer is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where marks and the link identity live.
    pub state_dir: PathBuf,
    /// Where `/metrics`, `/livez` and `/readyz` are served.
    pub listen: SocketAddr,
    /// Keys in the order of the file.
    pub keys: Vec<KeyConfig>,
    /// Chains in the order of the file.
    pub chains: Vec<ChainConfig>,
}

/// One consensus key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyConfig {
    /// Name in this file, metrics and logs.
    pub name: String,
    /// Where the key lives.
    pub backend: Backend,
}

/// Where a key lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file, and while running this process.
    Softsign {
        /// `priv_validator_key.json`.
        path: PathBuf,
    },
}

/// One chain to sign for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainConfig {
    /// Chain id.
    pub id: String,
    /// Index into [`Config::keys`].
    pub key: usize,
    /// The nodes to dial.
    pub nodes: Vec<NodeAddr>,
}

/// A node's privval listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeAddr {
    /// Host and port, over SecretConnection.
    Tcp(String),
    /// Socket file, plain.
    Unix(PathBuf),
}

/// What is wrong with the file.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not TOML, or not with these keys.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// Nothing to do.
    #[error("there is no [[{0}]]")]
    None(&'static str),
    /// Two of the same.
    #[error("{what} {name:?} is there twice")]
    Twice {
        /// `key`, `chain` or `node`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A chain names a key that is not there.
    #[error("chain {chain:?} uses key {key:?}, which no [[key]] has as its name")]
    NoSuchKey {
        /// The chain.
        chain: String,
        /// The name.
        key: String,
    },
    /// A chain that nobody asks for.
    #[error("chain {0:?} has no nodes")]
    NoNodes(String),
    /// The id is longer than CometBFT allows, empty, or no file name.
    #[error(
        "chain id {0:?} must have 1 to {MAX_CHAIN_ID} bytes, no slash, no control character and no leading dot"
    )]
    ChainId(String),
    /// Neither tcp nor unix.
    #[error("node {0:?} must be tcp://HOST:PORT or unix:///PATH")]
    Node(String),
    /// A peer id, which cannot be checked.
    #[error(
        "node {0:?} names a peer id, but a node makes a fresh key for its privval listener at every start, so no id can \
         be checked; leave out everything up to the @ and protect the link by firewall or WireGuard"
    )]
    PeerId(String),
}

// === impl Config ===

impl Config {
    /// Reads the file's text; relative paths are relative to `dir`.
    pub fn parse(text: &str, dir: &Path) -> Result<Self, ConfigError> {
        let raw: Raw = toml::from_str(text)?;
        if raw.key.is_empty() {
            return Err(ConfigError::None("key"));
        }
        if raw.chain.is_empty() {
            return Err(ConfigError::None("chain"));
        }
        once("key", raw.key.iter().map(|key| key.name.clone()))?;
        once("chain", raw.chain.iter().map(|chain| chain.id.clone()))?;
        let keys: Vec<_> = raw
            .key
            .into_iter()
            .map(|RawKey { name, backend: RawBackend::Softsign, path }| KeyConfig {
                name,
                backend: Backend::Softsign { path: dir.join(path) },
            })
            .collect();
        let chains =
            raw.chain.into_iter().map(|chain| chain.resolve(&keys, dir)).collect::<Result<Vec<_>, _>>()?;
        // A node's listener serves one signer for one chain: the same address twice would fight over it.
        once("node", chains.iter().flat_map(|chain| &chain.nodes).map(ToString::to_string))?;
        Ok(Self { state_dir: dir.join(raw.state_dir), listen: raw.listen, keys, chains })
    }

    /// The chain with this id.
    pub fn chain(&self, id: &str) -> Option<&ChainConfig> {
        self.chains.iter().find(|chain| chain.id == id)
    }

    /// State file of a chain. It names its key inside, so a changed key is found and refused.
    pub fn state_file(&self, chain_id: &str) -> PathBuf {
        self.state_dir.join(format!("{chain_id}.mark"))
    }
}

impl RawChain {
    fn resolve(self, keys: &[KeyConfig], dir: &Path) -> Result<ChainConfig, ConfigError> {
        let Self { id, key, nodes } = self;
        let is_file_name = !id.contains(|c: char| c == '/' || c.is_control()) && !id.starts_with('.');
        if id.is_empty() || id.len() > MAX_CHAIN_ID || !is_file_name {
            return Err(ConfigError::ChainId(id));
        }
        if nodes.is_empty() {
            return Err(ConfigError::NoNodes(id));
        }
        let Some(index) = keys.iter().position(|k| k.name == key) else {
            return Err(ConfigError::NoSuchKey { chain: id, key });
        };
        let nodes = nodes.iter().map(|node| NodeAddr::parse(node, dir)).collect::<Result<_, _>>()?;
        Ok(ChainConfig { id, key: index, nodes })
    }
}

fn once(what: &'static str, names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(ConfigError::Twice { what, name });
        }
    }
    Ok(())
}

// === impl NodeAddr ===

impl NodeAddr {
    fn parse(text: &str, dir: &Path) -> Result<Self, ConfigError> {
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
    fn the_example_file_is_good() {
        let config =
            Config::parse(include_str!("../signer.example.toml"), Path::new("/etc/palisade")).expect("good");
        assert_eq!(config.state_dir, Path::new("/etc/palisade/state"));
        assert_eq!(config.state_file("akashnet-2"), Path::new("/etc/palisade/state/akashnet-2.mark"));
        let nodes: Vec<_> = config.chains[0].nodes.iter().map(ToString::to_string).collect();
        assert_eq!(nodes, ["tcp://127.0.0.1:26659", "unix:///run/akash/privval.sock"]);
    }

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
