//! `signer.toml`: first what a person wrote (`Raw`), then what it means ([`Config`]). Later code sees only the second.
//!
//! There is no default for anything that safety depends on, unknown keys are refused, and no protocol version is
//! configured: the signer speaks every dialect at once. Only Tendermint 0.33 has to be named, because there even the
//! sign-bytes are others.

mod admin;
mod chain;
#[cfg(feature = "frost")]
mod cosigner;
mod doppelganger;
mod error;
mod harden;
mod key;
mod node;
mod store;

use core::net::SocketAddr;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use serde::Deserialize;

pub use self::{
    admin::AdminConfig,
    chain::ChainConfig,
    doppelganger::{DoppelgangerConfig, MAX_BLOCKS, RpcUrl},
    error::ConfigError,
    harden::HardenConfig,
    key::{Backend, Connector, HsmConfig, KeyConfig, Pkcs11Config, SecretSource, TokenName, YubiHsmConfig},
    node::NodeAddr,
    store::{ClusterConfig, Endpoint, EtcdConfig, StoreConfig},
};
use self::{admin::RawAdmin, chain::RawChain, harden::RawHarden, key::RawKey};
#[cfg(feature = "frost")]
pub use self::{
    cosigner::CosignerConfig,
    key::{CosignerLink, FrostConfig},
};

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    state_dir: PathBuf,
    listen: SocketAddr,
    audit_log: Option<PathBuf>,
    #[serde(default)]
    admin: RawAdmin,
    #[serde(default)]
    harden: RawHarden,
    #[serde(default)]
    key: Vec<RawKey>,
    #[serde(default)]
    chain: Vec<RawChain>,
}

/// What the signer is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where marks and the link identity live.
    pub state_dir: PathBuf,
    /// Where `/metrics`, `/livez` and `/readyz` are served.
    pub listen: SocketAddr,
    /// Where every decision is written down; `None` for nowhere.
    pub audit_log: Option<PathBuf>,
    /// Where an operator commands.
    pub admin: AdminConfig,
    /// What the running signer forbids itself.
    pub harden: HardenConfig,
    /// Keys in the order of the file.
    pub keys: Vec<KeyConfig>,
    /// Chains in the order of the file.
    pub chains: Vec<ChainConfig>,
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
        once("key", raw.key.iter().map(|key| key.name().to_owned()))?;
        once("chain", raw.chain.iter().map(|chain| chain.id.clone()))?;
        let keys = raw.key.into_iter().map(|key| key.resolve(dir)).collect::<Result<Vec<_>, _>>()?;
        one_audit_log_for_each_device(&keys)?;
        let chains =
            raw.chain.into_iter().map(|chain| chain.resolve(&keys, dir)).collect::<Result<Vec<_>, _>>()?;
        // A node's listener serves one signer for one chain: the same address twice would fight over it.
        once("node", chains.iter().flat_map(|chain| &chain.nodes).map(ToString::to_string))?;
        let state_dir = dir.join(raw.state_dir);
        let admin = raw.admin.resolve(&state_dir, dir);
        let harden = raw.harden.resolve(dir);
        let audit_log = raw.audit_log.map(|path| dir.join(path));
        Ok(Self { state_dir, listen: raw.listen, audit_log, admin, harden, keys, chains })
    }

    /// The chain with this id.
    pub fn chain(&self, id: &str) -> Option<&ChainConfig> {
        self.chains.iter().find(|chain| chain.id == id)
    }

    /// Which cluster the marks of a chain in etcd are bound to.
    pub fn pin_file(&self, chain_id: &str) -> PathBuf {
        self.state_dir.join(format!("{chain_id}.cluster"))
    }

    /// State file of a chain. It names its key inside, so a changed key is found and refused.
    pub fn state_file(&self, chain_id: &str) -> PathBuf {
        self.state_dir.join(format!("{chain_id}.mark"))
    }
}

/// A device has one log: two keys in it share the file, and two devices never do.
fn one_audit_log_for_each_device(keys: &[KeyConfig]) -> Result<(), ConfigError> {
    let mut seen: Vec<&HsmConfig> = Vec::new();
    for key in keys {
        let Backend::YubiHsm(config) = &key.backend else { continue };
        for hsm in std::iter::once(&config.primary).chain(&config.standby) {
            if seen
                .iter()
                .any(|other| (other.connector == hsm.connector) != (other.audit_log == hsm.audit_log))
            {
                let what = "each device has one audit_log, and each audit_log one device";
                return Err(ConfigError::Hsm { key: key.name.clone(), what });
            }
            seen.push(hsm);
        }
    }
    Ok(())
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

    #[cfg(feature = "etcd")]
    #[test]
    fn the_commented_store_of_the_example_is_good() {
        let text = include_str!("../signer.example.toml").replace("# store = ", "store = ");
        let config = Config::parse(&text, Path::new("/etc")).expect("good");
        assert_eq!(config.chains[0].store.etcd().map(|etcd| etcd.cluster.endpoints.len()), Some(3));
    }

    #[test]
    fn the_commented_key_of_the_example_is_good_in_the_place_of_the_other() {
        let text = include_str!("../signer.example.toml");
        let (head, hsm) = text.split_once("# [[key]]").expect("there");
        let hsm = format!("# [[key]]{hsm}").replace("\n# ", "\n").replacen("# ", "", 1);
        let (before, softsign) = head.split_once("[[key]]").expect("there");
        let (_, chains) = softsign.split_once("[[chain]]").expect("there");
        let config =
            Config::parse(&format!("{before}[[chain]]{chains}{hsm}"), Path::new("/etc")).expect("good");
        let Backend::YubiHsm(hsm) = &config.keys[0].backend else { panic!("{:?}", config.keys) };
        assert_eq!(hsm.primary.connector, Connector::Usb { serial: Some(7_550_054) });
        assert_eq!(hsm.primary.audit_log, Path::new("/etc/audit/7550054.log"));
        assert_eq!(hsm.standby.as_ref().map(|standby| standby.key_id), Some(1));
    }
}
