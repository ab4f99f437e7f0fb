//! `backend = "frost"`: a key of which this machine has nothing but the public half, and cosigners that sign together.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use comet::key::PublicKey;
use serde::Deserialize;

use crate::config::{ConfigError, cosigner::pin};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawFrost {
    pub(super) name: String,
    group: PathBuf,
    identity: PathBuf,
    cosigners: Vec<RawCosigner>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCosigner {
    id: u16,
    address: String,
    pin: String,
}

/// A threshold key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrostConfig {
    /// Its group file.
    pub group: PathBuf,
    /// This signer's TLS identity.
    pub identity: PathBuf,
    /// Who signs.
    pub cosigners: Vec<CosignerLink>,
}

/// Where a cosigner is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerLink {
    /// Its number in the group.
    pub id: u16,
    /// `host:port`.
    pub address: String,
    /// Its TLS identity.
    pub pin: PublicKey,
}

// === impl RawFrost ===

impl RawFrost {
    pub(super) fn resolve(self, dir: &Path) -> Result<(String, FrostConfig), ConfigError> {
        let Self { name, group, identity, cosigners } = self;
        let wrong = |what: String| ConfigError::Key { name: name.clone(), what };
        let mut ids = BTreeSet::new();
        let mut links = Vec::new();
        for RawCosigner { id, address, pin: text } in cosigners {
            if id == 0 || !ids.insert(id) {
                return Err(wrong(format!("cosigner {id}: they are numbered from 1, each once")));
            }
            let port = address
                .rsplit_once(':')
                .and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>().ok())?);
            if port.is_none_or(|port| port == 0) {
                return Err(wrong(format!("cosigner {id}: its address must be HOST:PORT")));
            }
            let pin = pin(&text).ok_or_else(|| ConfigError::Pin(text.clone()))?;
            links.push(CosignerLink { id, address, pin });
        }
        if links.len() < 2 {
            return Err(wrong("a threshold key has two cosigners or more".into()));
        }
        let config = FrostConfig { group: dir.join(group), identity: dir.join(identity), cosigners: links };
        Ok((name, config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<FrostConfig, String> {
        let raw: RawFrost = toml::from_str(text).map_err(|error| error.to_string())?;
        raw.resolve(Path::new("/etc")).map(|(_, config)| config).map_err(|error| error.to_string())
    }

    #[test]
    fn every_cosigner_is_pinned_and_has_its_number() {
        let pin = hex::encode(comet::key::PrivateKey::from_seed(&[7; 32]).public().as_bytes());
        let file = |first: &str| {
            resolve(&format!(
                "name = 'k'\ngroup = 'g.json'\nidentity = 'i.json'\ncosigners = [{first}, \
                 {{ id = 2, address = 'b:2', pin = '{pin}' }}]"
            ))
        };
        let good = file(&format!("{{ id = 1, address = '[::1]:1', pin = '{pin}' }}")).expect("good");
        assert_eq!((good.cosigners.len(), good.group), (2, "/etc/g.json".into()));
        for (bad, why) in [
            (format!("{{ id = 2, address = 'a:1', pin = '{pin}' }}"), "each once"),
            (format!("{{ id = 0, address = 'a:1', pin = '{pin}' }}"), "from 1"),
            (format!("{{ id = 1, address = 'a', pin = '{pin}' }}"), "HOST:PORT"),
            ("{ id = 1, address = 'a:1', pin = 'ff' }".into(), "frost identity"),
            ("{ id = 1, address = 'a:1' }".into(), "pin"),
        ] {
            let error = file(&bad).expect_err(&bad);
            assert!(error.contains(why), "{error}");
        }
    }
}
