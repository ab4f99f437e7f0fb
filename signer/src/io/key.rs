//! Key backends, one file each.

#[cfg(feature = "frost")]
pub mod frost;
pub mod pkcs11;
pub mod sealed;
pub mod softsign;
pub mod source;
pub mod yubihsm;

use comet::consensus::PublicKey;
use thiserror::Error;

use crate::{
    config::Backend,
    io::{
        key::{
            pkcs11::{Pkcs11Error, Pkcs11Key},
            sealed::SealedError,
            softsign::Softsign,
            yubihsm::{OpenHsmError, YubiHsm, inspect::inspect},
        },
        secret_file::SecretFileError,
    },
    key::Key,
    metrics::Metrics,
};

/// Text of the self-test. It is no delimited protobuf of any vote, proposal or extension.
const SELF_TEST: &[u8] = b"\xff palisade-signer self-test, signs nothing \xff";

/// Why a key could not be opened.
#[derive(Debug, Error)]
pub enum OpenKeyError {
    /// The file, or what it is encrypted with.
    #[error(transparent)]
    File(#[from] SealedError),
    /// Its content.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: comet::key_file::KeyFileError,
    },
    /// A token.
    #[error("PKCS#11: {0}")]
    Pkcs11(#[from] Pkcs11Error),
    /// It signs, but the signature does not verify.
    #[error("the key failed its self-test: a signature of its own does not verify")]
    SelfTest,
    /// A key in hardware.
    #[error(transparent)]
    Hsm(#[from] OpenHsmError),
    /// A threshold key.
    #[cfg(feature = "frost")]
    #[error(transparent)]
    Frost(#[from] frost::OpenFrostError),
}

/// What can be known of a key without using it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// The key.
    pub public_key: PublicKey,
    /// What is not as it should be, and what can be done.
    pub findings: Vec<(String, String)>,
    /// What an operator should know, and may want so.
    pub remarks: Vec<String>,
}

/// Opens the key of a backend to sign with; `name` is its name in metrics and logs.
pub fn open(name: &str, backend: &Backend, metrics: &Metrics) -> Result<Box<dyn Key>, OpenKeyError> {
    match backend {
        Backend::Softsign { source, passphrase } => {
            Ok(Box::new(Softsign::open(source, passphrase.as_ref())?))
        }
        Backend::Pkcs11(config) => Ok(Box::new(Pkcs11Key::open(config)?)),
        Backend::YubiHsm(config) => Ok(Box::new(YubiHsm::open(name, config, &metrics.hsm)?)),
        #[cfg(feature = "frost")]
        Backend::Frost(config) => Ok(Box::new(frost::FrostKey::open(name, config, &metrics.frost)?)),
    }
}

/// Looks at the key of a backend, also beside the signer that uses it.
pub fn glance(backend: &Backend) -> Result<Glance, OpenKeyError> {
    let of = |key: &dyn Key| {
        let (public_key, remarks) = (key.public_key().clone(), key.remarks());
        Glance { public_key, findings: Vec::new(), remarks }
    };
    match backend {
        Backend::Softsign { source, passphrase } => Ok(of(&Softsign::open(source, passphrase.as_ref())?)),
        Backend::Pkcs11(config) => Ok(of(&Pkcs11Key::open(config)?)),
        #[cfg(feature = "frost")]
        Backend::Frost(config) => Ok(of(&frost::FrostKey::open("", config, &Metrics::new("").frost)?)),
        Backend::YubiHsm(config) => {
            let seen = inspect(config)?;
            Ok(Glance { public_key: seen.public_key, findings: seen.findings, remarks: seen.remarks })
        }
    }
}

// === impl OpenKeyError ===

impl OpenKeyError {
    /// What the operator can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::File(SealedError::File(file @ SecretFileError::Io { path, .. })) if file.is_missing() => {
                Some(format!("palisade-signer key generate {}, or key import", path.display()))
            }
            Self::File(file) => file.remedy(),
            Self::Pkcs11(error) => error.remedy(),
            Self::Content { .. } | Self::SelfTest => None,
            Self::Hsm(hsm) => hsm.remedy(),
            #[cfg(feature = "frost")]
            Self::Frost(error) => error.remedy(),
        }
    }
}
