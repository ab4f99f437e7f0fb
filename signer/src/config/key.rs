//! `[[key]]`: which key, and where it lives.

#[cfg(feature = "frost")]
mod frost;
mod yubihsm;

use std::path::{Path, PathBuf};

use comet::consensus::KeyType;
use serde::Deserialize;

#[cfg(feature = "frost")]
use self::frost::RawFrost;
#[cfg(feature = "frost")]
pub use self::frost::{CosignerLink, FrostConfig};
use self::yubihsm::RawYubiHsm;
pub use self::yubihsm::{Connector, HsmConfig, YubiHsmConfig};
use crate::config::ConfigError;

#[derive(Debug, Deserialize)]
#[serde(tag = "backend", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum RawKey {
    Softsign {
        name: String,
        path: Option<PathBuf>,
        credential: Option<String>,
        encryption: Option<Encryption>,
        passphrase_file: Option<PathBuf>,
        passphrase_credential: Option<String>,
    },
    Pkcs11 {
        name: String,
        r#type: String,
        module: PathBuf,
        token: Option<String>,
        slot: Option<u64>,
        label: Option<String>,
        id: Option<String>,
        pin_file: Option<PathBuf>,
        pin_credential: Option<String>,
        paths: Option<Vec<PathBuf>>,
    },
    Yubihsm(Box<RawYubiHsm>),
    #[cfg(feature = "frost")]
    Frost(Box<RawFrost>),
}

/// How a key file is encrypted. Said, and not looked up in the file: a key that is meant to be encrypted and is not, is refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encryption {
    Age,
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
        source: SecretSource,
        /// Where it is encrypted with age: the passphrase.
        passphrase: Option<SecretSource>,
    },
    /// A YubiHSM 2.
    YubiHsm(Box<YubiHsmConfig>),
    /// A token behind a PKCS#11 module.
    Pkcs11(Pkcs11Config),
    /// A threshold key: cosigners elsewhere.
    #[cfg(feature = "frost")]
    Frost(FrostConfig),
}

/// Where a secret text comes from. Never from the command line or the environment, which others can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that only its owner can read.
    File(PathBuf),
    /// A systemd credential: a file of this name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// A key on a PKCS#11 token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkcs11Config {
    /// The vendor's shared object.
    pub module: PathBuf,
    /// Which token.
    pub token: TokenName,
    /// `CKA_LABEL` of private and public key.
    pub label: Option<String>,
    /// `CKA_ID` of private and public key.
    pub id: Option<Vec<u8>>,
    /// What consensus key it is; the token knows only its curve.
    pub key_type: KeyType,
    /// The user PIN.
    pub pin: SecretSource,
    /// Files and directories that the module uses, which only its vendor knows; `None` where nobody has said.
    pub paths: Option<Vec<PathBuf>>,
}

/// How a token is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenName {
    /// By its label, which has to be the only one.
    Label(String),
    /// By its slot's number, which some modules change at every start.
    Slot(u64),
}

// === impl Backend ===

impl Backend {
    /// As in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Softsign { .. } => "softsign",
            Self::YubiHsm(_) => "yubihsm",
            Self::Pkcs11(_) => "pkcs11",
            #[cfg(feature = "frost")]
            Self::Frost(_) => "frost",
        }
    }
}

// === impl RawKey ===

impl RawKey {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Softsign { name, .. } | Self::Pkcs11 { name, .. } => name,
            Self::Yubihsm(raw) => &raw.name,
            #[cfg(feature = "frost")]
            Self::Frost(raw) => &raw.name,
        }
    }

    pub(super) fn resolve(self, dir: &Path) -> Result<KeyConfig, ConfigError> {
        match self {
            Self::Softsign { name, path, credential, encryption, passphrase_file, passphrase_credential } => {
                let fields = ["passphrase_file", "passphrase_credential"];
                let passphrase = match encryption {
                    Some(Encryption::Age) => {
                        Some(source(&name, dir, fields, passphrase_file, passphrase_credential)?)
                    }
                    None if passphrase_file.is_some() || passphrase_credential.is_some() => {
                        let what = "a passphrase is for encryption = \"age\"".into();
                        return Err(ConfigError::Key { name, what });
                    }
                    None => None,
                };
                let source = source(&name, dir, ["path", "credential"], path, credential)?;
                Ok(KeyConfig { name, backend: Backend::Softsign { source, passphrase } })
            }
            Self::Yubihsm(raw) => {
                let (name, config) = raw.resolve(dir)?;
                Ok(KeyConfig { name, backend: Backend::YubiHsm(Box::new(config)) })
            }
            #[cfg(feature = "frost")]
            Self::Frost(raw) => {
                let (name, config) = raw.resolve(dir)?;
                Ok(KeyConfig { name, backend: Backend::Frost(config) })
            }
            Self::Pkcs11 {
                name,
                r#type,
                module,
                token,
                slot,
                label,
                id,
                pin_file,
                pin_credential,
                paths,
            } => {
                let wrong = |what| ConfigError::Key { name: name.clone(), what };
                let key_type = KeyType::from_name(&r#type)
                    .filter(|of| matches!(of, KeyType::Ed25519 | KeyType::Secp256k1 | KeyType::Secp256k1Eth))
                    .ok_or_else(|| {
                        wrong(format!(
                            "a pkcs11 backend cannot do type {type:?}, only ed25519, secp256k1, secp256k1eth"
                        ))
                    })?;
                let token = match (token, slot) {
                    (Some(label), None) => TokenName::Label(label),
                    (None, Some(number)) => TokenName::Slot(number),
                    _ => return Err(wrong("it needs one of token and slot".into())),
                };
                let id = id.map(hex::decode).transpose().map_err(|_| wrong("id is not hex".into()))?;
                if label.is_none() && id.is_none() {
                    return Err(wrong("it needs label, id or both".into()));
                }
                let pin = source(&name, dir, ["pin_file", "pin_credential"], pin_file, pin_credential)?;
                let paths = paths.map(|paths| paths.iter().map(|path| dir.join(path)).collect());
                let module = dir.join(module);
                let config = Pkcs11Config { module, token, label, id, key_type, pin, paths };
                Ok(KeyConfig { name, backend: Backend::Pkcs11(config) })
            }
        }
    }
}

pub(super) fn source(
    key: &str,
    dir: &Path,
    [file_field, credential_field]: [&str; 2],
    file: Option<PathBuf>,
    credential: Option<String>,
) -> Result<SecretSource, ConfigError> {
    match (file, credential) {
        (Some(file), None) => Ok(SecretSource::File(dir.join(file))),
        (None, Some(name)) if !name.is_empty() && !name.contains('/') && !name.starts_with('.') => {
            Ok(SecretSource::Credential(name))
        }
        (None, Some(_)) => Err(ConfigError::Key {
            name: key.into(),
            what: format!("{credential_field} must be a bare file name"),
        }),
        _ => {
            let what = format!("it needs one of {file_field} and {credential_field}");
            Err(ConfigError::Key { name: key.into(), what })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<KeyConfig, String> {
        let raw: RawKey = toml::from_str(text).map_err(|error| error.to_string())?;
        raw.resolve(Path::new("/etc/palisade")).map_err(|error| error.to_string())
    }

    const PKCS11: &str = "name = 'k'\nbackend = 'pkcs11'\nmodule = '/lib/p11.so'\n";

    #[test]
    fn a_key_comes_from_exactly_one_place() {
        let file = resolve("name = 'k'\nbackend = 'softsign'\npath = 'k.json'").expect("good");
        let source = SecretSource::File("/etc/palisade/k.json".into());
        assert_eq!(file.backend, Backend::Softsign { source, passphrase: None });
        let credential = resolve("name = 'k'\nbackend = 'softsign'\ncredential = 'k'").expect("good");
        let source = SecretSource::Credential("k".into());
        assert_eq!(credential.backend, Backend::Softsign { source, passphrase: None });
        for bad in ["", "path = 'k'\ncredential = 'k'", "credential = '../k'", "path = 'k'\nslot = 1"] {
            resolve(&format!("name = 'k'\nbackend = 'softsign'\n{bad}")).expect_err(bad);
        }
    }

    #[test]
    fn encryption_and_passphrase_come_together() {
        let key = |rest: &str| resolve(&format!("name = 'k'\nbackend = 'softsign'\npath = 'k.age'\n{rest}"));
        for (rest, expected) in [
            ("passphrase_file = 'p'", SecretSource::File("/etc/palisade/p".into())),
            ("passphrase_credential = 'p'", SecretSource::Credential("p".into())),
        ] {
            let key_config = key(&format!("encryption = 'age'\n{rest}")).expect("good");
            let Backend::Softsign { passphrase, .. } = key_config.backend else { panic!("other backend") };
            assert_eq!(passphrase, Some(expected));
            assert!(key(rest).expect_err(rest).contains("encryption = \"age\""));
        }
        assert!(key("encryption = 'age'").expect_err("no passphrase").contains("passphrase_file"));
        assert!(key("encryption = 'gpg'\npassphrase_file = 'p'").expect_err("other").contains("gpg"));
        assert!(key("passphrase = 'horse'").expect_err("never in the file").contains("unknown field"));
    }

    #[test]
    fn a_token_s_key_is_named_wholly() {
        let good = "type = 'ed25519'\ntoken = 't'\nid = '01ff'\npin_file = 'pin'";
        let Backend::Pkcs11(config) = resolve(&format!("{PKCS11}{good}")).expect("good").backend else {
            panic!("other backend")
        };
        assert_eq!((config.id, config.token), (Some(vec![1, 255]), TokenName::Label("t".into())));
        for (bad, why) in [
            ("token = 't'\nid = '01'\npin_file = 'p'", "type"),
            ("type = 'bls12_381'\ntoken = 't'\nid = '01'\npin_file = 'p'", "cannot do type \"bls12_381\""),
            ("type = 'ml_dsa_65'\ntoken = 't'\nid = '01'\npin_file = 'p'", "cannot do type \"ml_dsa_65\""),
            ("type = 'ed25519'\nid = '01'\npin_file = 'p'", "one of token and slot"),
            ("type = 'ed25519'\ntoken = 't'\npin_file = 'p'", "label, id or both"),
            ("type = 'ed25519'\ntoken = 't'\nid = 'x'\npin_file = 'p'", "not hex"),
            ("type = 'ed25519'\ntoken = 't'\nid = '01'", "pin_file and pin_credential"),
        ] {
            let error = resolve(&format!("{PKCS11}{bad}")).expect_err(bad);
            assert!(error.contains(why), "{error}");
        }
    }
}
