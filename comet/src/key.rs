//! Ed25519 keys, the addresses and node ids made from them.
//!
//! A private key is held as its expanded form (scalar and prefix), because tmkms keeps keys for which no seed exists
//! (spec/signer.md §4.4). The seed is remembered where there is one, since only a key with a seed can be written to
//! CometBFT's own file. Secrets are zeroed when dropped and have no `Debug` that shows them.

use std::fmt;

use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

/// Length of a signature.
pub const SIGNATURE: usize = 64;

/// An Ed25519 private key.
pub struct PrivateKey {
    origin: Origin,
    expanded: ExpandedSecretKey,
    verifying: VerifyingKey,
}

/// The bytes that a key was made from. `ExpandedSecretKey` cannot give them back: it holds the scalar reduced, and
/// reading clamps it anew.
enum Origin {
    Seed(Zeroizing<[u8; 32]>),
    Expanded(Zeroizing<[u8; 64]>),
}

/// An Ed25519 public key: 32 bytes that are a point on the curve.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A validator's consensus address: the first 20 bytes of SHA-256 of its public key. Shown in upper-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(pub [u8; 20]);

/// A node's identity on the P2P network, the same digest as an [`Address`]. Shown in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub [u8; 20]);

/// Bytes that are no key.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// A key or half of one has the wrong number of bytes.
    #[error("key has {got} bytes, {expected} are needed")]
    Length {
        /// Bytes found.
        got: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The public half is no point on the curve.
    #[error("public key is not a key: no such point on the curve")]
    NotAPoint,
    /// The private half is zero, or not below the order of the curve.
    #[error("private key is out of range")]
    OutOfRange,
    /// The public half stored beside the secret belongs to another secret.
    #[error("public key {stored} does not belong to the private key beside it, which has {derived}")]
    Mismatch {
        /// Hex of the public key that was stored.
        stored: String,
        /// Hex of the one that the secret yields.
        derived: String,
    },
}

// === impl PrivateKey ===

impl PrivateKey {
    /// A fresh key from the given source of randomness.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(&seed)
    }

    /// The key of a 32-byte seed (RFC 8032's private key).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        Self {
            origin: Origin::Seed(Zeroizing::new(*seed)),
            expanded: ExpandedSecretKey::from(seed),
            verifying: signing.verifying_key(),
        }
    }

    /// CometBFT's form: seed and public key, 64 bytes, which must belong together.
    pub fn from_seed_and_public(bytes: &[u8]) -> Result<Self, KeyError> {
        let length = || KeyError::Length { got: bytes.len(), expected: 64 };
        let (seed, public) = bytes.split_first_chunk::<32>().ok_or_else(length)?;
        let public: &[u8; 32] = public.try_into().map_err(|_| length())?;
        let key = Self::from_seed(seed);
        if bool::from(key.public().as_bytes().ct_eq(public)) {
            Ok(key)
        } else {
            Err(KeyError::Mismatch { stored: hex::encode(public), derived: key.public().to_string() })
        }
    }

    /// tmkms' expanded form: scalar and prefix, 64 bytes. There is no seed and none can be found.
    pub fn from_expanded(bytes: &[u8; 64]) -> Self {
        let expanded = ExpandedSecretKey::from_bytes(bytes);
        let origin = Origin::Expanded(Zeroizing::new(*bytes));
        Self { origin, verifying: VerifyingKey::from(&expanded), expanded }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.verifying)
    }

    /// Signs a message. Deterministic: the same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE] {
        raw_sign::<Sha512>(&self.expanded, message, &self.verifying).to_bytes()
    }

    /// CometBFT's 64 bytes of seed and public key; `None` for an expanded key.
    pub fn to_seed_and_public(&self) -> Option<Zeroizing<[u8; 64]>> {
        let Origin::Seed(seed) = &self.origin else { return None };
        let mut bytes = Zeroizing::new([0; 64]);
        bytes[..32].copy_from_slice(&**seed);
        bytes[32..].copy_from_slice(self.public().as_bytes());
        Some(bytes)
    }

    /// Scalar and prefix, which every key has.
    pub fn to_expanded(&self) -> Zeroizing<[u8; 64]> {
        match &self.origin {
            Origin::Expanded(bytes) => bytes.clone(),
            Origin::Seed(seed) => {
                let mut bytes: Zeroizing<[u8; 64]> = Zeroizing::new(Sha512::digest(**seed).into());
                bytes[0] &= 0b1111_1000;
                bytes[31] = (bytes[31] & 0b0111_1111) | 0b0100_0000;
                bytes
            }
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public())
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// Reads 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] =
            bytes.try_into().map_err(|_| KeyError::Length { got: bytes.len(), expected: 32 })?;
        VerifyingKey::from_bytes(bytes).map(Self).map_err(|_| KeyError::NotAPoint)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Strict check of a signature: no small-order keys, no second form of the same signature.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = signature.try_into().map(|bytes| ed25519_dalek::Signature::from_bytes(&bytes))
        else {
            return false;
        };
        self.0.verify_strict(message, &signature).is_ok()
    }

    /// The consensus address.
    pub fn address(&self) -> Address {
        Address(digest20(self.as_bytes()))
    }

    /// The node id, for keys that identify nodes.
    pub fn node_id(&self) -> NodeId {
        NodeId(digest20(self.as_bytes()))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// First 20 bytes of SHA-256.
fn digest20(bytes: &[u8]) -> [u8; 20] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    std::array::from_fn(|i| digest[i])
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

// === impl Address, NodeId ===

impl Address {
    /// Reads 20 bytes; `None` for any other number, such as the empty address of an absent validator.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads 40 hex digits of either case.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl NodeId {
    /// Reads 40 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [7; 32];

    #[test]
    fn seed_and_expanded_sign_alike() {
        let seeded = PrivateKey::from_seed(&SEED);
        let expanded = PrivateKey::from_expanded(&seeded.to_expanded());
        assert_eq!(seeded.public(), expanded.public());
        assert_eq!(seeded.sign(b"vote"), expanded.sign(b"vote"));
        assert!(seeded.public().verify(b"vote", &expanded.sign(b"vote")));
        assert!(expanded.to_seed_and_public().is_none());
    }

    #[test]
    fn rfc8032_test_1() {
        let seed =
            hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").expect("hex");
        let key = PrivateKey::from_seed(&seed.try_into().expect("32 bytes"));
        assert_eq!(
            key.public().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert!(hex::encode(key.sign(b"")).starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974"));
    }

    #[test]
    fn halves_that_do_not_belong_together_are_refused() {
        let mut bytes = *PrivateKey::from_seed(&SEED).to_seed_and_public().expect("seeded");
        bytes[40] ^= 1;
        assert!(matches!(PrivateKey::from_seed_and_public(&bytes), Err(KeyError::Mismatch { .. })));
        assert_eq!(
            PrivateKey::from_seed_and_public(&bytes[..32]).err(),
            Some(KeyError::Length { got: 32, expected: 64 })
        );
    }

    #[test]
    fn address_of_the_priv_validator_key_in_the_spec() {
        // spec/signer.md §4.2.
        let public =
            hex::decode("0e2723af5eebc2dd96332f96a3f84b19cdaa3e9c74de4bf25090891aa8753173").expect("hex");
        let key = PublicKey::from_bytes(&public).expect("a point");
        assert_eq!(key.address().to_string(), "275184F7F3BB2D1EB56FB91F0DC9E0FE6FB64097");
    }

    #[test]
    fn nothing_secret_is_shown() {
        let key = PrivateKey::from_seed(&SEED);
        let shown = format!("{key:?}");
        assert!(!shown.contains(&hex::encode(SEED)) && shown.contains(&key.public().to_string()));
    }
}
