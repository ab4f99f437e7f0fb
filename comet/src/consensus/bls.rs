//! `bls12_381`: public keys on G1 (96 bytes, uncompressed), signatures on G2 (96 bytes, compressed), the basic scheme.
//!
//! Sources: CometBFT v0.40.0 and v1.0.1 `crypto/bls12381/key_bls12381.go`, which call blst. Pure Rust here, slower than blst
//! by some factor, which a signer of one vote a second does not feel. No aggregation: no node line asks a signer for it.

use bls12_381_plus::{
    G1Affine, G2Affine, G2Prepared, G2Projective, Gt, Scalar, elliptic_curve::hash2curve::ExpandMsgXmd,
    multi_miller_loop,
};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The scheme's domain, `dstMinPk` of the Go code.
const DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";

/// The scalar of 32 big-endian bytes; `None` for zero and for what is not below the order.
pub(super) fn from_scalar(bytes: &[u8; 32]) -> Option<Zeroizing<Scalar>> {
    let scalar = Option::<Scalar>::from(Scalar::from_be_bytes(bytes)).map(Zeroizing::new)?;
    (*scalar != Scalar::ZERO).then_some(scalar)
}

/// `KeyGen` of the BLS signature draft, version 4 and later, as blst has it.
pub(super) fn key_gen(seed: &[u8; 32]) -> Zeroizing<Scalar> {
    let ikm = Zeroizing::new([&seed[..], &[0]].concat());
    let mut salt: [u8; 32] = Sha256::digest(b"BLS-SIG-KEYGEN-SALT-").into();
    loop {
        let mut okm = Zeroizing::new([0; 48]);
        Hkdf::<Sha256>::new(Some(&salt), &ikm).expand(&[0, 48], &mut *okm).expect("48 bytes are few");
        let scalar = Zeroizing::new(Scalar::from_okm(&okm));
        if *scalar != Scalar::ZERO {
            return scalar;
        }
        salt = Sha256::digest(salt).into();
    }
}

pub(super) fn public(secret: &Scalar) -> Vec<u8> {
    G1Affine::from(G1Affine::generator() * secret).to_uncompressed().into()
}

pub(super) fn sign(secret: &Scalar, message: &[u8]) -> Vec<u8> {
    G2Affine::from(hash(message) * secret).to_compressed().into()
}

pub(super) fn is_public(bytes: &[u8]) -> bool {
    parse_public(bytes).is_some()
}

pub(super) fn verify(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Some(public), Ok(signature)) = (parse_public(public), signature.try_into()) else { return false };
    // Checks curve and subgroup.
    let Some(signature) = Option::<G2Affine>::from(G2Affine::from_compressed(signature)) else {
        return false;
    };
    // e(public, H(m)) = e(g1, signature), as one product that must be 1.
    let terms = [
        (&public, &G2Prepared::from(G2Affine::from(hash(message)))),
        (&-G1Affine::generator(), &G2Prepared::from(signature)),
    ];
    multi_miller_loop(&terms).final_exponentiation() == Gt::IDENTITY
}

fn hash(message: &[u8]) -> G2Projective {
    G2Projective::hash::<ExpandMsgXmd<Sha256>>(message, DST)
}

/// On the curve, in the subgroup, and not the point at infinity.
fn parse_public(bytes: &[u8]) -> Option<G1Affine> {
    let point = Option::<G1Affine>::from(G1Affine::from_uncompressed(bytes.try_into().ok()?))?;
    (!bool::from(point.is_identity())).then_some(point)
}
