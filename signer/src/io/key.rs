//! Key backends, one file each.

pub mod pkcs11;
pub mod softsign;
pub mod source;

use thiserror::Error;

use crate::{
    config::Backend,
    io::{
        key::{
            pkcs11::{Pkcs11Error, Pkcs11Key},
            softsign::Softsign,
        },
        secret_file::SecretFileError,
    },
    key::Key,
};

/// Text of the self-test. It is no delimited protobuf of any vote, proposal or extension.
const SELF_TEST: &[u8] = b"\xff palisade-signer self-test, signs nothing \xff";

/// Why a key could not be opened.
#[derive(Debug, Error)]
pub enum OpenKeyError {
    /// The file.
    #[error(transparent)]
    File(#[from] SecretFileError),
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
}

/// Opens the key of a backend.
pub fn open(backend: &Backend) -> Result<Box<dyn Key>, OpenKeyError> {
    match backend {
        Backend::Softsign { source } => Ok(Box::new(Softsign::open(source)?)),
        Backend::Pkcs11(config) => Ok(Box::new(Pkcs11Key::open(config)?)),
    }
}

// === impl OpenKeyError ===

impl OpenKeyError {
    /// What the operator can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::File(file @ SecretFileError::Io { path, .. }) if file.is_missing() => {
                Some(format!("palisade-signer key generate {}, or key import", path.display()))
            }
            Self::File(file) => file.remedy(),
            Self::Pkcs11(error) => error.remedy(),
            Self::Content { .. } | Self::SelfTest => None,
        }
    }
}
