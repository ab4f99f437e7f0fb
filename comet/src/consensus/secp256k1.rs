//! The two types on secp256k1. `secp256k1` hashes with SHA-256 and signs R || S; `secp256k1eth` hashes with Keccak-256 and
//! appends the recovery bit. Both take the low S only, both sign with the nonce of RFC 6979.
//!
//! Sources: CometBFT v0.40.0 `crypto/secp256k1/secp256k1.go`, `crypto/secp256k1eth/key.go`.

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};
use sha3::Keccak256;

use crate::consensus::KeyType;

/// The key of a scalar; `None` for zero and for what is not below the order.
pub(super) fn from_scalar(bytes: &[u8; 32]) -> Option<SigningKey> {
    SigningKey::from_slice(bytes).ok()
}

/// What ECDSA signs for a message; `None` for types that are not on this curve.
pub(super) fn digest(key_type: KeyType, message: &[u8]) -> Option<[u8; 32]> {
    match key_type {
        KeyType::Secp256k1 => Some(Sha256::digest(message).into()),
        KeyType::Secp256k1Eth => Some(Keccak256::digest(message).into()),
        KeyType::Ed25519 | KeyType::Bls12_381 | KeyType::MlDsa65 => None,
    }
}

/// 33 bytes, compressed.
pub(super) fn public(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_encoded_point(true).as_bytes().into()
}

pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    prehash(key, &Sha256::digest(message)).0.to_bytes().to_vec()
}

pub(super) fn sign_eth(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let (signature, recovery) = prehash(key, &Keccak256::digest(message));
    let mut bytes = signature.to_bytes().to_vec();
    bytes.push(recovery.to_byte());
    bytes
}

/// RFC 6979 with SHA-256, S made low.
fn prehash(key: &SigningKey, digest: &[u8]) -> (Signature, RecoveryId) {
    key.sign_prehash_recoverable(digest).expect("a 32-byte digest can be signed")
}

/// A point of either form in 33 bytes.
pub(super) fn compressed(point: &[u8]) -> Option<Vec<u8>> {
    Some(VerifyingKey::from_sec1_bytes(point).ok()?.to_encoded_point(true).as_bytes().into())
}

pub(super) fn is_public(bytes: &[u8]) -> bool {
    VerifyingKey::from_sec1_bytes(bytes).is_ok()
}

pub(super) fn verify(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    verify_prehash(public, &Sha256::digest(message), signature)
}

pub(super) fn verify_eth(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Some((recovery @ (0 | 1), signature)) = signature.split_last() else { return false };
    let digest = Keccak256::digest(message);
    let Some(recovery) = RecoveryId::from_byte(*recovery) else { return false };
    let Ok(parsed) = Signature::from_slice(signature) else { return false };
    let recovered = VerifyingKey::recover_from_prehash(&digest, &parsed, recovery);
    verify_prehash(public, &digest, signature)
        && recovered.is_ok_and(|key| key.to_encoded_point(true).as_bytes() == public)
}

/// The recovery bit of a signature that a device made without one.
pub(super) fn recovery_bit(public: &[u8], digest: &[u8; 32], signature: &[u8]) -> Option<u8> {
    let key = VerifyingKey::from_sec1_bytes(public).ok()?;
    let signature = Signature::from_slice(signature).ok()?;
    Some(RecoveryId::trial_recovery_from_prehash(&key, digest, &signature).ok()?.to_byte())
}

/// R || S with the lower of the two possible S; `None` for what is no signature.
pub(super) fn low_s(signature: &[u8]) -> Option<Vec<u8>> {
    let signature = Signature::from_slice(signature).ok()?;
    Some(signature.normalize_s().unwrap_or(signature).to_bytes().to_vec())
}

fn verify_prehash(public: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(public), Signature::from_slice(signature))
    else {
        return false;
    };
    signature.normalize_s().is_none() && key.verify_prehash(digest, &signature).is_ok()
}

/// Bitcoin's: RIPEMD-160 of SHA-256 of the compressed key.
pub(super) fn address(public: &[u8]) -> [u8; 20] {
    Ripemd160::digest(Sha256::digest(public)).into()
}

/// Ethereum's: the last 20 bytes of Keccak-256 of the uncompressed key without its leading 4.
pub(super) fn address_eth(public: &[u8]) -> [u8; 20] {
    let key = VerifyingKey::from_sec1_bytes(public).expect("checked when it was read");
    let digest = Keccak256::digest(&key.to_encoded_point(false).as_bytes()[1..]);
    std::array::from_fn(|i| digest[12 + i])
}
