//! The key with which links authenticate to nodes. It signs nothing else.
//!
//! Nodes accept any signer identity today, but one that stays the same lets a firewall or a newer node pin it. It is made on
//! first use, in `state_dir`, as CometBFT's `node_key.json`.

use std::path::Path;

use comet::{
    key::{PrivateKey, PublicKey},
    key_file::{self, KeyFileError},
};
use rand_core::OsRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::io::secret_file::{self, SecretFileError};

/// The link identity, from which each link makes its own copy.
#[derive(Clone)]
pub(crate) struct LinkIdentity(Zeroizing<[u8; 64]>);

/// Why there is none.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// Its content.
    #[error("link identity: {0}")]
    Content(#[from] KeyFileError),
}

/// The public key of a node's `node_key.json`.
pub(crate) fn public_of(node_key: &Path) -> Result<PublicKey, IdentityError> {
    Ok(key_file::read_node_key(&secret_file::read_to_import(node_key)?)?.public())
}

// === impl LinkIdentity ===

impl LinkIdentity {
    /// Reads `link_identity.json`, or makes it.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, IdentityError> {
        let path = state_dir.join("link_identity.json");
        match secret_file::read(&path) {
            Err(error) if error.is_missing() => {
                let key = PrivateKey::generate(&mut OsRng);
                secret_file::create(&path, key_file::write_node_key(&key).as_bytes())?;
                Ok(Self(key.to_expanded()))
            }
            json => Ok(Self(key_file::read_node_key(&json?)?.to_expanded())),
        }
    }

    /// The identity with this key.
    #[cfg(test)]
    pub(crate) fn of(key: &PrivateKey) -> Self {
        Self(key.to_expanded())
    }

    /// A copy for one handshake.
    pub(crate) fn key(&self) -> PrivateKey {
        PrivateKey::from_expanded(&self.0)
    }
}
