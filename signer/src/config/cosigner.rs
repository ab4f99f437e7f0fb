//! `cosigner.toml`: what a machine that holds one share of a threshold key is to do.

use core::net::SocketAddr;
use std::path::{Path, PathBuf};

use comet::key::PublicKey;
use serde::Deserialize;

use super::{
    ConfigError, SecretSource, StoreConfig,
    key::{Encryption, source},
    once,
    store::RawStore,
};
use crate::mark::MAX_CHAIN_ID;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: SocketAddr,
    metrics: Option<SocketAddr>,
    state_dir: PathBuf,
    identity: PathBuf,
    share: Option<PathBuf>,
    credential: Option<String>,
    encryption: Option<Encryption>,
    passphrase_file: Option<PathBuf>,
    passphrase_credential: Option<String>,
    signers: Vec<String>,
    chains: Vec<String>,
    store: Option<RawStore>,
}

/// One cosigner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerConfig {
    /// Where signers connect to.
    pub listen: SocketAddr,
    /// Where `/metrics`, `/livez` and `/readyz` are; nowhere, if it is not said.
    pub metrics: Option<SocketAddr>,
    /// Where its marks live.
    pub state_dir: PathBuf,
    /// Its TLS identity.
    pub identity: PathBuf,
    /// Its share.
    pub share: SecretSource,
    /// Where the share is encrypted with age: the passphrase.
    pub passphrase: Option<SecretSource>,
    /// The signers that may ask, by the keys of their TLS identities.
    pub signers: Vec<PublicKey>,
    /// The chains that it signs for.
    pub chains: Vec<String>,
    /// Where the signers agree on a mark first; a cosigner only reads there, and has its own mark in its file in any case.
    pub store: StoreConfig,
}

// === impl CosignerConfig ===

impl CosignerConfig {
    /// Reads the file's text; relative paths are relative to `dir`.
    pub fn parse(text: &str, dir: &Path) -> Result<Self, ConfigError> {
        let raw: Raw = toml::from_str(text)?;
        if raw.signers.is_empty() {
            return Err(ConfigError::None("signer"));
        }
        if raw.chains.is_empty() {
            return Err(ConfigError::None("chain"));
        }
        once("signer", raw.signers.iter().cloned())?;
        once("chain", raw.chains.iter().cloned())?;
        for id in &raw.chains {
            let is_file_name = !id.contains(|c: char| c == '/' || c.is_control()) && !id.starts_with('.');
            if id.is_empty() || id.len() > MAX_CHAIN_ID || !is_file_name {
                return Err(ConfigError::ChainId(id.clone()));
            }
        }
        let wrong = |what: &str| ConfigError::Key { name: "share".into(), what: what.into() };
        let signers = raw.signers.iter().map(|text| pin(text).ok_or_else(|| ConfigError::Pin(text.clone())));
        let fields = ["passphrase_file", "passphrase_credential"];
        let has_passphrase = raw.passphrase_file.is_some() || raw.passphrase_credential.is_some();
        let passphrase = match raw.encryption {
            Some(Encryption::Age) => {
                Some(source("share", dir, fields, raw.passphrase_file, raw.passphrase_credential)?)
            }
            None if has_passphrase => return Err(wrong("a passphrase is for encryption = \"age\"")),
            None => None,
        };
        let store = raw.store.map_or(Ok(StoreConfig::File), |store| store.resolve("of the cosigner", dir))?;
        Ok(Self {
            store,
            listen: raw.listen,
            metrics: raw.metrics,
            state_dir: dir.join(raw.state_dir),
            identity: dir.join(raw.identity),
            share: source("share", dir, ["share", "credential"], raw.share, raw.credential)?,
            passphrase,
            signers: signers.collect::<Result<_, _>>()?,
            chains: raw.chains,
        })
    }

    /// File with the id of the etcd cluster that it believes.
    pub fn pin_file(&self) -> PathBuf {
        self.state_dir.join("etcd.cluster")
    }

    /// State file of a chain.
    pub fn state_file(&self, chain_id: &str) -> PathBuf {
        self.state_dir.join(format!("{chain_id}.mark"))
    }
}

/// The public key of a TLS identity, as `frost identity` prints it.
pub(super) fn pin(text: &str) -> Option<PublicKey> {
    let bytes = hex::decode(text).ok()?;
    PublicKey::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_is_good() {
        let text = include_str!("../../cosigner.example.toml");
        let config = CosignerConfig::parse(text, Path::new("/etc/palisade")).expect("good");
        assert_eq!(config.state_file("akashnet-2"), Path::new("/etc/palisade/state/akashnet-2.mark"));
        assert_eq!((config.signers.len(), config.passphrase), (2, None));
    }

    #[test]
    fn nobody_gets_in_by_default() {
        let text = include_str!("../../cosigner.example.toml");
        let parse = |text: &str| CosignerConfig::parse(text, Path::new("/"));
        let none = text.lines().map(|line| if line.starts_with("signers") { "signers = []" } else { line });
        assert!(matches!(parse(&none.collect::<Vec<_>>().join("\n")), Err(ConfigError::None("signer"))));
        let short = text.replacen("signers = [\"", "signers = [\"00", 1);
        assert!(matches!(parse(&short), Err(ConfigError::Pin(_))));
        assert!(parse(&format!("{text}\ninsecure = true")).is_err());
    }
}
