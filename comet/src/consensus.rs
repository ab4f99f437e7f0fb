//! Consensus keys of every type that a node line accepts.
//!
//! The types are a closed list: CometBFT's registry (spec/signer.md §1.3), where each name, size and address rule is that of
//! the Go code. [`crate::key`] keeps its own Ed25519 types, because links, node ids and most validators are Ed25519 and
//! nothing else; here are the types for the place where the kind of key is only known at run time.
//!
//! Every signature scheme here is deterministic: RFC 8032, RFC 6979, BLS, and ML-DSA with its 32 zero bytes.

mod bls;
mod key_type;
mod ml_dsa;
mod secp256k1;
mod secret;

use std::fmt;

use sha2::{Digest, Sha256};

pub use self::{key_type::KeyType, secret::SecretKey};
use crate::{
    key::{self, Address, KeyError},
    privval::{self, PublicKeySum},
};

/// A consensus public key: a type and bytes that are a key of that type.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    key_type: KeyType,
    bytes: Vec<u8>,
}

/// A signature of any type; its length is the type's.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

// === impl PublicKey ===

impl PublicKey {
    /// Reads the bytes of a key in the form that this type has in genesis files and on the wire.
    pub fn from_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != key_type.public_size() {
            return Err(KeyError::Length { got: bytes.len(), expected: key_type.public_size() });
        }
        let good = match key_type {
            KeyType::Ed25519 => key::PublicKey::from_bytes(bytes).is_ok(),
            KeyType::Secp256k1 | KeyType::Secp256k1Eth => secp256k1::is_public(bytes),
            KeyType::Bls12_381 => bls::is_public(bytes),
            KeyType::MlDsa65 => ml_dsa::is_public(bytes),
        };
        if good { Ok(Self { key_type, bytes: bytes.into() }) } else { Err(KeyError::NotAPoint) }
    }

    /// Reads the `CKA_EC_POINT` of a PKCS#11 token: the point, inside an octet string or bare, compressed or not. `None` for what
    /// is no key of this type, and for types without points.
    pub fn from_ec_point(key_type: KeyType, bytes: &[u8]) -> Option<Self> {
        let point = match bytes {
            [4, length, point @ ..] if usize::from(*length) == point.len() => point,
            bare => bare,
        };
        match key_type {
            KeyType::Ed25519 => Self::from_bytes(key_type, point).ok(),
            KeyType::Secp256k1 | KeyType::Secp256k1Eth => {
                Some(Self { key_type, bytes: secp256k1::compressed(point)? })
            }
            KeyType::Bls12_381 | KeyType::MlDsa65 => None,
        }
    }

    /// Reads the typed oneof of the wire.
    pub fn from_proto(key: &privval::PublicKey) -> Option<Result<Self, KeyError>> {
        let (key_type, bytes) = match key.sum.as_ref()? {
            PublicKeySum::Ed25519(bytes) => (KeyType::Ed25519, bytes),
            PublicKeySum::Secp256k1(bytes) => (KeyType::Secp256k1, bytes),
            PublicKeySum::Bls12381(bytes) => (KeyType::Bls12_381, bytes),
            PublicKeySum::MlDsa65(bytes) => (KeyType::MlDsa65, bytes),
            PublicKeySum::Secp256k1Eth(bytes) => (KeyType::Secp256k1Eth, bytes),
        };
        Some(Self::from_bytes(key_type, bytes))
    }

    /// The typed oneof of the wire.
    pub fn to_proto(&self) -> privval::PublicKey {
        let bytes = self.bytes.clone();
        let sum = match self.key_type {
            KeyType::Ed25519 => PublicKeySum::Ed25519(bytes),
            KeyType::Secp256k1 => PublicKeySum::Secp256k1(bytes),
            KeyType::Secp256k1Eth => PublicKeySum::Secp256k1Eth(bytes),
            KeyType::Bls12_381 => PublicKeySum::Bls12381(bytes),
            KeyType::MlDsa65 => PublicKeySum::MlDsa65(bytes),
        };
        privval::PublicKey { sum: Some(sum) }
    }

    /// What kind of key it is.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// Its bytes, as many as [`KeyType::public_size`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key as an Ed25519 one, if it is.
    pub fn as_ed25519(&self) -> Option<key::PublicKey> {
        match self.key_type {
            KeyType::Ed25519 => key::PublicKey::from_bytes(&self.bytes).ok(),
            _ => None,
        }
    }

    /// Whether a node would accept this signature of a message under this key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        if signature.len() != self.key_type.signature_size() {
            return false;
        }
        match self.key_type {
            KeyType::Ed25519 => self.as_ed25519().is_some_and(|key| key.verify(message, signature)),
            KeyType::Secp256k1 => secp256k1::verify(&self.bytes, message, signature),
            KeyType::Secp256k1Eth => secp256k1::verify_eth(&self.bytes, message, signature),
            KeyType::Bls12_381 => bls::verify(&self.bytes, message, signature),
            KeyType::MlDsa65 => ml_dsa::verify(&self.bytes, message, signature),
        }
    }

    /// What a device that signs digests has to sign for this message; `None` for types that sign messages.
    pub fn ecdsa_digest(&self, message: &[u8]) -> Option<[u8; 32]> {
        secp256k1::digest(self.key_type, message)
    }

    /// A device's R || S made what the type wants: the lower S, and for secp256k1eth the recovery bit. `None` where it is no
    /// signature of this message under this key.
    pub fn ecdsa_signature(&self, message: &[u8], r_s: &[u8]) -> Option<Signature> {
        let digest = self.ecdsa_digest(message)?;
        let mut bytes = secp256k1::low_s(r_s)?;
        if self.key_type == KeyType::Secp256k1Eth {
            bytes.push(secp256k1::recovery_bit(&self.bytes, &digest, &bytes)?);
        }
        self.verify(message, &bytes).then(|| bytes.into())
    }

    /// The consensus address: 20 bytes, made in the way of the type (`crypto/*/key.go`, method `Address`).
    pub fn address(&self) -> Address {
        match self.key_type {
            KeyType::Ed25519 | KeyType::Bls12_381 | KeyType::MlDsa65 => {
                let digest = Sha256::digest(&self.bytes);
                Address(std::array::from_fn(|i| digest[i]))
            }
            KeyType::Secp256k1 => Address(secp256k1::address(&self.bytes)),
            KeyType::Secp256k1Eth => Address(secp256k1::address_eth(&self.bytes)),
        }
    }
}

impl From<key::PublicKey> for PublicKey {
    fn from(key: key::PublicKey) -> Self {
        Self { key_type: KeyType::Ed25519, bytes: key.as_bytes().into() }
    }
}

/// Hex without the type, as people compare it.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {self})", self.key_type)
    }
}

// === impl Signature ===

impl Signature {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Signature {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Signature {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.into())
    }
}

impl From<&Signature> for Vec<u8> {
    fn from(signature: &Signature) -> Self {
        signature.0.clone()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(&self.0))
    }
}
