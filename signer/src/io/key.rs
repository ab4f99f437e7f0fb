//! Key backends, one file each.

pub mod softsign;

use thiserror::Error;

use crate::{
    config::Backend,
    io::{key::softsign::Softsign, secret_file::SecretFileError},
    key::Key,
};

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
    /// It signs, but the signature does not verify.
    #[error("the key failed its self-test: a signature of its own does not verify")]
    SelfTest,
}

/// Opens the key of a backend.
pub fn open(backend: &Backend) -> Result<Box<dyn Key>, OpenKeyError> {
    match backend {
        Backend::Softsign { path } => Ok(Box::new(Softsign::open(path)?)),
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
            Self::Content { .. } | Self::SelfTest => None,
        }
    }
}
