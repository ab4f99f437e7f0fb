//! A consensus key: something that signs permits.
//!
//! There is no method that takes bytes, so nothing outside of [`crate::store`] decides what gets signed. Backends live
//! in `io/key/`, one file each.

use thiserror::Error;

use crate::store::{ExtensionPermit, Permit};

/// A consensus key, wherever it lives.
pub trait Key: Send {
    /// The ed25519 public key.
    fn public_key(&self) -> [u8; 32];
    /// Signs what the permit allows.
    fn sign(&mut self, permit: Permit<'_>) -> Result<[u8; 64], KeyError>;
    /// Signs a vote extension.
    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<[u8; 64], KeyError>;
}

/// The key did not sign. The mark is durable, so asking again repeats it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("key cannot sign: {0}")]
pub struct KeyError(pub String);
