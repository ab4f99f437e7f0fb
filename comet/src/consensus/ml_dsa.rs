//! `ml_dsa_65`: FIPS 204 in its pure form with an empty context, deterministic.
//!
//! Source: CometBFT v0.40.0 `crypto/mldsa65/key.go`, which calls circl with `randomized = false`.

use fips204::{
    ml_dsa_65::{KG, PrivateKey, PublicKey},
    traits::{KeyGen as _, SerDes as _, Signer as _, Verifier as _},
};

/// FIPS 204's `rnd` of the deterministic variant.
const DETERMINISTIC: [u8; 32] = [0; 32];

/// The key of a 32-byte seed (FIPS 204's xi).
pub(super) fn from_seed(seed: &[u8; 32]) -> PrivateKey {
    KG::keygen_from_seed(seed).1
}

/// The key of its packed 4,032 bytes.
pub(super) fn from_packed(bytes: &[u8; 4032]) -> Option<PrivateKey> {
    PrivateKey::try_from_bytes(*bytes).ok()
}

pub(super) fn public(key: &PrivateKey) -> Vec<u8> {
    key.get_public_key().into_bytes().into()
}

pub(super) fn sign(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    key.try_sign_with_seed(&DETERMINISTIC, message, &[]).expect("an empty context is short enough").into()
}

pub(super) fn is_public(bytes: &[u8]) -> bool {
    parse(bytes).is_some()
}

pub(super) fn verify(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Some(public), Ok(signature)) = (parse(public), signature.try_into()) else { return false };
    public.verify(message, &signature, &[])
}

fn parse(bytes: &[u8]) -> Option<PublicKey> {
    PublicKey::try_from_bytes(bytes.try_into().ok()?).ok()
}
