//! Reads secrets from where the configuration says they lie.

use crate::config::SecretSource;
use crate::secret::Secret;
use std::path::PathBuf;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is missing or closed to us.
    #[error("{path}: {source}\ntry: a file that only this user can read, with the secret and nothing else")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("{0}: is empty\ntry: write the secret into it")]
    Empty(PathBuf),
    /// No systemd unit gave us credentials.
    #[error("credential {0:?}: CREDENTIALS_DIRECTORY is not set\ntry: LoadCredential={0}:/path in the unit")]
    NoCredentials(String),
    /// A name that would leave the directory.
    #[error("credential {0:?} is not a plain name\ntry: the name after LoadCredential=")]
    Name(String),
}

/// Reads one secret.
pub fn read(source: &SecretSource) -> Result<Secret, SecretError> {
    let path = match source {
        SecretSource::File(path) => path.clone(),
        SecretSource::Credential(name) if name.contains('/') || name.is_empty() || name.starts_with('.') => {
            return Err(SecretError::Name(name.clone()));
        }
        SecretSource::Credential(name) => {
            let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
            PathBuf::from(directory.ok_or_else(|| SecretError::NoCredentials(name.clone()))?).join(name)
        }
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|source| SecretError::Unreadable { path: path.clone(), source })?;
    let secret = Secret::new(text);
    if secret.expose().is_empty() { Err(SecretError::Empty(path)) } else { Ok(secret) }
}
