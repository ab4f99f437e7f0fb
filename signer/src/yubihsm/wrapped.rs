//! A key as the device carries it under wrap: made here where the device has no other way in, for a key without a seed.
//!
//! `PUT ASYMMETRIC KEY` takes the seed of Ed25519 and nothing else. An expanded key (scalar and prefix, as tmkms stores it)
//! comes in by `IMPORT WRAPPED` only: a header of 59 bytes, the scalar with its bytes reversed, the prefix, the public key,
//! under AES-256-CCM with a nonce of 13 bytes in front and a tag of 16 behind (yubihsm-shell, `yhwrap`).

use aes::Aes256;
use ccm::{
    Ccm,
    aead::{Aead as _, KeyInit as _},
    consts::{U13, U16},
};
use zeroize::Zeroizing;

use crate::yubihsm::object::{Algorithm, LABEL, ObjectType};
use crate::yubihsm::{capability::Capabilities, object::Domains};

/// Bytes of the nonce in front.
pub const NONCE: usize = 13;
/// Bytes of a wrap key.
pub const WRAP_KEY: usize = 32;
const IMPORTED: u8 = 2;

/// Metadata of the object under wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its id.
    pub id: u16,
    /// Made by [`crate::yubihsm::object::label`].
    pub label: [u8; LABEL],
    /// Where it will be seen.
    pub domains: Domains,
    /// What it may do.
    pub capabilities: Capabilities,
}

/// Wraps an expanded Ed25519 key for a device that holds the same wrap key (AES-256).
pub fn wrap_ed25519(
    header: &Header,
    expanded: &[u8; 64],
    public: &[u8; 32],
    wrap_key: &[u8; WRAP_KEY],
    nonce: [u8; NONCE],
) -> Vec<u8> {
    let mut plain = Zeroizing::new(Vec::with_capacity(59 + 96));
    plain.push(Algorithm::AES256_CCM_WRAP.0);
    plain.extend(header.capabilities.0.to_be_bytes());
    plain.extend(header.id.to_be_bytes());
    plain.extend(96_u16.to_be_bytes());
    plain.extend(header.domains.0.to_be_bytes());
    plain.extend([ObjectType::ASYMMETRIC_KEY.0, Algorithm::ED25519.0, 0, IMPORTED]);
    plain.extend(header.label);
    plain.extend(expanded[..32].iter().rev());
    plain.extend(&expanded[32..]);
    plain.extend(public);
    let sealed = Ccm::<Aes256, U16, U13>::new(wrap_key.into())
        .encrypt(&nonce.into(), plain.as_slice())
        .expect("CCM takes messages of up to 64 kB");
    [nonce.as_slice(), &sealed].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use comet::key::PrivateKey;

    #[test]
    fn the_plaintext_is_that_of_the_vendors_tool() {
        let key = PrivateKey::from_seed(&[7; 32]);
        let header = Header {
            id: 0x0102,
            label: [b'l'; LABEL],
            domains: Domains(0x8001),
            capabilities: Capabilities::SIGN_EDDSA,
        };
        let wrapped =
            wrap_ed25519(&header, &key.to_expanded(), key.public().as_bytes(), &[3; 32], [9; NONCE]);
        let plain = Ccm::<Aes256, U16, U13>::new(&[3; 32].into())
            .decrypt(&[9; NONCE].into(), &wrapped[NONCE..])
            .expect("own ciphertext");
        assert_eq!(plain.len(), 59 + 96);
        assert_eq!(plain[..19], [42, 0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 0, 96, 0x80, 1, 3, 46, 0, 2]);
        assert_eq!(plain[59..91].iter().rev().copied().collect::<Vec<_>>(), key.to_expanded()[..32]);
        assert_eq!(plain[123..], *key.public().as_bytes());
    }
}
