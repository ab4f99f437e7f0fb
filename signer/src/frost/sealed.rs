//! How a secret number of a ceremony travels: sealed to its receiver's X25519 key, in a file that anybody may carry.
//!
//! A fresh key for each box (X25519 with a key of its own, HKDF-SHA256, ChaCha20-Poly1305), and the context goes into the key: a
//! box that was made for another ceremony, sender or receiver does not open. Nobody signs boxes: that the receiver's key is
//! the receiver's is what the people compare fingerprints for.

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, aead::Aead as _};
use hkdf::Hkdf;
use rand_core::CryptoRngCore;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// What a box is for: ceremony, sender, receiver.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) transcript: &'a [u8; 32],
    pub(super) from: u16,
    pub(super) to: u16,
}

/// Seals 32 bytes to whoever has the secret half of `to`.
pub(super) fn seal(
    to: &[u8; 32],
    context: Context<'_>,
    secret: &[u8; 32],
    rng: &mut impl CryptoRngCore,
) -> Option<Vec<u8>> {
    let mine = StaticSecret::random_from_rng(rng);
    let public = PublicKey::from(&mine);
    let shared = mine.diffie_hellman(&PublicKey::from(*to));
    // An all-zero secret would be everybody's.
    let cipher =
        shared.was_contributory().then(|| cipher(shared.as_bytes(), public.as_bytes(), to, context))?;
    let sealed = cipher.encrypt(&Nonce::default(), &secret[..]).ok()?;
    Some([public.as_bytes(), &sealed[..]].concat())
}

/// Opens what was sealed to `mine`.
pub(super) fn open(mine: &StaticSecret, context: Context<'_>, sealed: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let (public, sealed) = sealed.split_first_chunk::<32>()?;
    let shared = mine.diffie_hellman(&PublicKey::from(*public));
    let to = PublicKey::from(mine);
    let cipher =
        shared.was_contributory().then(|| cipher(shared.as_bytes(), public, to.as_bytes(), context))?;
    let opened = Zeroizing::new(cipher.decrypt(&Nonce::default(), sealed).ok()?);
    opened.as_slice().try_into().ok().map(Zeroizing::new)
}

fn cipher(shared: &[u8; 32], ephemeral: &[u8; 32], to: &[u8; 32], context: Context<'_>) -> ChaCha20Poly1305 {
    let Context { transcript, from, to: receiver } = context;
    let mut key = Zeroizing::new([0; 32]);
    let info: [&[u8]; 6] =
        [b"palisade frost sealed 1", ephemeral, to, transcript, &from.to_le_bytes(), &receiver.to_le_bytes()];
    Hkdf::<Sha256>::new(None, shared).expand_multi_info(&info, &mut *key).expect("32 bytes are not too many");
    ChaCha20Poly1305::new((&*key).into())
}
