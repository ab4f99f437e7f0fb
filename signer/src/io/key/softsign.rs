//! A key in a file, in CometBFT's own `priv_validator_key.json`, or in one that is encrypted ([`sealed`]).
//!
//! Keys without a seed (from tmkms) are in the same file under the type `palisade/PrivKeyEd25519Expanded`. The key proves
//! itself once when it is opened; [`crate::keeper`] proves each signature.

use comet::consensus::{PublicKey, SecretKey, Signature};

use crate::{
    config::SecretSource,
    io::{
        key::{OpenKeyError, SELF_TEST, sealed, source},
        memory::Locked,
    },
    key::{Key, KeyError},
    raw_bytes::RawPermit,
    store::{ExtensionPermit, Permit},
};

/// A key in this process's memory, in pages that are not swapped out.
pub struct Softsign {
    key: Locked<SecretKey>,
}

// === impl Softsign ===

impl Softsign {
    /// Reads and proves a key. A file must have mode 0600 or stricter; with a passphrase it must be encrypted.
    pub fn open(from: &SecretSource, passphrase: Option<&SecretSource>) -> Result<Self, OpenKeyError> {
        let json = sealed::read(from, passphrase)?;
        let key: SecretKey = comet::key_file::read_priv_validator_key(&json).map_err(|error| {
            OpenKeyError::Content { path: source::path(from).unwrap_or_default(), source: error }
        })?;
        if !key.public().verify(SELF_TEST, key.sign(SELF_TEST).as_bytes()) {
            return Err(OpenKeyError::SelfTest);
        }
        Ok(Self { key: Locked::new(key) })
    }
}

impl Key for Softsign {
    fn public_key(&self) -> &PublicKey {
        self.key.public()
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        Ok(self.key.sign(permit.sign_bytes()))
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(self.key.sign(permit.sign_bytes()))
    }

    fn sign_raw(&mut self, permit: RawPermit) -> Result<Signature, KeyError> {
        Ok(self.key.sign(permit.sign_bytes()))
    }
}
