//! Key files under a passphrase, as `age -p` and `key encrypt` make them.
//!
//! The passphrase is another secret in another place; both in one directory protect from nothing but a lost backup of it. It
//! comes from a private file, a systemd credential or, for the verbs, a terminal: never from arguments or the environment,
//! which others can read.

use std::path::{Path, PathBuf};

use comet::age::{self, AgeError};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    config::SecretSource,
    io::{
        key::source,
        secret_file::{self, SecretFileError},
    },
};

/// Why an encrypted key file cannot be read.
#[derive(Debug, Error)]
pub enum SealedError {
    /// The key file.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The file of the passphrase.
    #[error("passphrase: {0}")]
    PassphraseFile(SecretFileError),
    /// It does not open.
    #[error("{}: {source}", path.display())]
    Age {
        /// The file.
        path: PathBuf,
        /// Why.
        source: AgeError,
    },
    /// Nobody said with what to open it.
    #[error("{}: it is encrypted with age, and nothing says with what to open it", path.display())]
    NoPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// A verb that got no passphrase, where nobody can be asked.
    #[error("{}: there is no terminal to ask for its passphrase on", path.display())]
    NobodyToAsk {
        /// The file.
        path: PathBuf,
    },
    /// Somebody believes it to be protected, and it is not.
    #[error("{}: it is not encrypted", path.display())]
    Plain {
        /// The file.
        path: PathBuf,
    },
    /// Not a passphrase.
    #[error("{}: a passphrase is one line of text", path.display())]
    Lines {
        /// Where it was to be.
        path: PathBuf,
    },
}

/// The passphrase in a place, without the end of its line.
pub fn passphrase(from: &SecretSource) -> Result<Zeroizing<String>, SealedError> {
    let mut text = source::read(from).map_err(SealedError::PassphraseFile)?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    if text.is_empty() || text.contains(['\n', '\r']) {
        return Err(SealedError::Lines { path: source::path(from)? });
    }
    Ok(text)
}

/// The text of the key file in an encrypted one that was read from `path`.
pub fn open(path: &Path, file: &[u8], passphrase: &str) -> Result<Zeroizing<String>, SealedError> {
    if !age::is_age(file) && file.trim_ascii_start().starts_with(b"{") {
        return Err(SealedError::Plain { path: path.into() });
    }
    let content = age::decrypt(file, passphrase.as_bytes())
        .map_err(|source| SealedError::Age { path: path.into(), source })?;
    Ok(secret_file::text(path, content)?)
}

/// The text of a key file, encrypted or not, as the configuration says that it is.
pub fn read(from: &SecretSource, with: Option<&SecretSource>) -> Result<Zeroizing<String>, SealedError> {
    let path = source::path(from)?;
    let file = source::read_bytes(from)?;
    match with {
        Some(with) => open(&path, &file, &passphrase(with)?),
        None if age::is_age(&file) => Err(SealedError::NoPassphrase { path }),
        None => Ok(secret_file::text(&path, file)?),
    }
}

// === impl SealedError ===

impl SealedError {
    /// What the operator can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::File(error) | Self::PassphraseFile(error) => error.remedy(),
            Self::NoPassphrase { .. } => Some(
                "encryption = \"age\" in its [[key]], with passphrase_file or passphrase_credential".into(),
            ),
            Self::NobodyToAsk { .. } => Some("--passphrase-file FILE".into()),
            Self::Plain { path } => Some(format!("palisade-signer key encrypt {} NEW_FILE", path.display())),
            Self::Age { source: AgeError::Recipient(_), .. } => {
                Some("age -d with the identity that it is encrypted to, then palisade-signer key encrypt".into())
            }
            Self::Age { source: AgeError::Work(_), .. } => {
                Some("age -d, then palisade-signer key encrypt, which chooses 2^18".into())
            }
            Self::Age { source: AgeError::Passphrase, .. } => {
                Some("the passphrase that it was encrypted with; one end of line in a passphrase file does not count".into())
            }
            Self::Age {
                source: AgeError::CutShort(_) | AgeError::Damaged { .. } | AgeError::Mac | AgeError::Armor,
                ..
            } => Some("a copy of the file that is whole".into()),
            Self::Age { .. } | Self::Lines { .. } => None,
        }
    }
}
