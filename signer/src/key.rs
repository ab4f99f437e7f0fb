//! A consensus key: something that signs permits.
//!
//! There is no method that takes bytes, so nothing outside of [`crate::store`] and [`crate::raw_bytes`] decides what gets
//! signed. Backends live in `io/key/`, one file each.
//!
//! Who checks a signature is not the backend but [`crate::keeper`], with the public key: a device, its driver or this very
//! processor may compute wrongly, and a wrong deterministic signature gives the private key away.

use std::sync::Arc;

use comet::consensus::{PublicKey, Signature};
use thiserror::Error;

use crate::{
    raw_bytes::RawPermit,
    store::{ExtensionPermit, Permit},
};

/// A consensus key, wherever it lives.
pub trait Key: Send {
    /// The public key, with its type.
    fn public_key(&self) -> &PublicKey;

    /// Whether the same bytes always get the same signature. Where they do not (ECDSA in most devices), the signature is made
    /// durable beside its mark before it leaves, so that a repeat can return it; it must then fit a record
    /// ([`crate::record::MAX_SIGNATURE`]).
    fn is_deterministic(&self) -> bool;

    /// What an operator should know about this key, although it signs.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Signs what the permit allows. As many bytes as the key's type has ([`comet::consensus::KeyType::signature_size`]).
    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError>;

    /// Whether this is the signature of these bytes. Backends leave it as it is; tests that sign a million times do not.
    fn verify(&self, sign_bytes: &[u8], signature: &Signature) -> bool {
        self.public_key().verify(sign_bytes, signature.as_bytes())
    }

    /// Signs a vote extension.
    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError>;

    /// Signs raw bytes that a chain allows. A backend says that it can by doing it.
    fn sign_raw(&mut self, permit: RawPermit) -> Result<Signature, KeyError> {
        drop(permit);
        Err(KeyError("this backend does not sign raw bytes".into()))
    }

    /// Says what keeps the key from signing, to whoever asks while it is in use. Keys in memory have nothing to say.
    fn health(&self) -> Option<Health> {
        None
    }
}

/// What keeps a key from signing, a line each.
pub type Health = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// The key did not sign. The mark is durable, so asking again repeats it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("key cannot sign: {0}")]
pub struct KeyError(pub String);
