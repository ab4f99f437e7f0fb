//! Private consensus keys of every type, in this process's memory. Zeroed when dropped; never shown.

use std::fmt;

use fips204::{ml_dsa_65, traits::SerDes as _};
use k256::ecdsa::SigningKey;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::{
    consensus::{KeyType, PublicKey, Signature, bls, ml_dsa, secp256k1},
    key::{self, KeyError},
};

/// A private key of any type.
pub struct SecretKey {
    inner: Inner,
    public: PublicKey,
}

/// All of it is in the value itself, nothing is behind a pointer: whoever locks the pages of the value has locked the key.
#[allow(clippy::large_enum_variant, reason = "a box of ML-DSA's 17 KiB would lie outside of what is locked")]
enum Inner {
    Ed25519(key::PrivateKey),
    Secp256k1(SigningKey),
    Secp256k1Eth(SigningKey),
    Bls12_381(Zeroizing<bls12_381_plus::Scalar>),
    MlDsa65(ml_dsa_65::PrivateKey),
}

// === impl SecretKey ===

impl SecretKey {
    /// A fresh key from the given source of randomness.
    pub fn generate(key_type: KeyType, rng: &mut impl CryptoRngCore) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        loop {
            rng.fill_bytes(&mut *seed);
            let inner = match key_type {
                KeyType::Ed25519 => Some(Inner::Ed25519(key::PrivateKey::from_seed(&seed))),
                // Once in 2^127 a scalar is out of range; then the next one.
                KeyType::Secp256k1 => secp256k1::from_scalar(&seed).map(Inner::Secp256k1),
                KeyType::Secp256k1Eth => secp256k1::from_scalar(&seed).map(Inner::Secp256k1Eth),
                KeyType::Bls12_381 => Some(Inner::Bls12_381(bls::key_gen(&seed))),
                KeyType::MlDsa65 => Some(Inner::MlDsa65(ml_dsa::from_seed(&seed))),
            };
            if let Some(inner) = inner {
                return Self::of(inner);
            }
        }
    }

    /// Reads the bytes of CometBFT's JSON for this type.
    pub fn from_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self, KeyError> {
        let length = || KeyError::Length { got: bytes.len(), expected: key_type.private_size() };
        let scalar = || <&[u8; 32]>::try_from(bytes).map_err(|_| length());
        let inner = match key_type {
            KeyType::Ed25519 => Inner::Ed25519(key::PrivateKey::from_seed_and_public(bytes)?),
            KeyType::Secp256k1 => {
                Inner::Secp256k1(secp256k1::from_scalar(scalar()?).ok_or(KeyError::OutOfRange)?)
            }
            KeyType::Secp256k1Eth => {
                Inner::Secp256k1Eth(secp256k1::from_scalar(scalar()?).ok_or(KeyError::OutOfRange)?)
            }
            KeyType::Bls12_381 => Inner::Bls12_381(bls::from_scalar(scalar()?).ok_or(KeyError::OutOfRange)?),
            KeyType::MlDsa65 => {
                let packed = bytes.try_into().map_err(|_| length())?;
                Inner::MlDsa65(ml_dsa::from_packed(packed).ok_or(KeyError::OutOfRange)?)
            }
        };
        Ok(Self::of(inner))
    }

    /// CometBFT's bytes for this type; `None` for an Ed25519 key without a seed.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(match &self.inner {
            Inner::Ed25519(key) => key.to_seed_and_public()?.to_vec(),
            Inner::Secp256k1(key) | Inner::Secp256k1Eth(key) => key.to_bytes().to_vec(),
            Inner::Bls12_381(scalar) => scalar.to_be_bytes().to_vec(),
            Inner::MlDsa65(key) => key.clone().into_bytes().to_vec(),
        }))
    }

    /// The key as an Ed25519 one, if it is.
    pub fn as_ed25519(&self) -> Option<&key::PrivateKey> {
        match &self.inner {
            Inner::Ed25519(key) => Some(key),
            _ => None,
        }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message. Deterministic: the same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        match &self.inner {
            Inner::Ed25519(key) => key.sign(message).into(),
            Inner::Secp256k1(key) => secp256k1::sign(key, message).into(),
            Inner::Secp256k1Eth(key) => secp256k1::sign_eth(key, message).into(),
            Inner::Bls12_381(scalar) => bls::sign(scalar, message).into(),
            Inner::MlDsa65(key) => ml_dsa::sign(key, message).into(),
        }
    }

    fn of(inner: Inner) -> Self {
        let (key_type, bytes) = match &inner {
            Inner::Ed25519(key) => (KeyType::Ed25519, key.public().as_bytes().to_vec()),
            Inner::Secp256k1(key) => (KeyType::Secp256k1, secp256k1::public(key)),
            Inner::Secp256k1Eth(key) => (KeyType::Secp256k1Eth, secp256k1::public(key)),
            Inner::Bls12_381(scalar) => (KeyType::Bls12_381, bls::public(scalar)),
            Inner::MlDsa65(key) => (KeyType::MlDsa65, ml_dsa::public(key)),
        };
        let public = PublicKey { key_type, bytes };
        Self { inner, public }
    }
}

impl From<key::PrivateKey> for SecretKey {
    fn from(key: key::PrivateKey) -> Self {
        Self::of(Inner::Ed25519(key))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public)
    }
}
