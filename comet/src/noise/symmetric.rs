//! The running hash and key of a Noise handshake (noiseprotocol.org, revision 34, §5.1 and §5.2).
//!
//! Noise's HKDF is RFC 5869's with the chaining key as salt and no info.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::handshake::NoiseError;

/// Exactly as long as a hash, so it is the first hash itself.
const PROTOCOL: &[u8; 32] = b"Noise_XX_25519_ChaChaPoly_SHA256";

/// Bytes of an authentication tag.
pub(super) const TAG: usize = 16;

/// A key with its counter.
pub(super) struct Cipher {
    cipher: ChaCha20Poly1305,
    counter: Option<u64>,
}

/// Hash, chaining key and, after the first key agreement, a cipher.
pub(super) struct Symmetric {
    hash: [u8; 32],
    chaining: Zeroizing<[u8; 32]>,
    cipher: Option<Cipher>,
}

// === impl Cipher ===

impl Cipher {
    fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self { cipher: ChaCha20Poly1305::new(Key::from_slice(&**key)), counter: Some(0) }
    }

    /// Encrypts what `out` has from `from` on, in place, and appends the tag.
    pub(super) fn seal(&mut self, hash: &[u8], out: &mut Vec<u8>, from: usize) -> Result<(), NoiseError> {
        let nonce = self.nonce()?;
        let tag = self
            .cipher
            .encrypt_in_place_detached(&nonce, hash, &mut out[from..])
            .map_err(|_| NoiseError::Forged)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Decrypts a message and appends it to `out`.
    pub(super) fn open(&mut self, hash: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), NoiseError> {
        let nonce = self.nonce()?;
        let (data, tag) = sealed.split_last_chunk::<TAG>().ok_or(NoiseError::Forged)?;
        let from = out.len();
        out.extend_from_slice(data);
        let opened =
            self.cipher.decrypt_in_place_detached(&nonce, hash, &mut out[from..], Tag::from_slice(tag));
        opened.map_err(|_| {
            out.truncate(from);
            NoiseError::Forged
        })
    }

    /// Four zero bytes, then u64 little-endian. The last number is reserved for re-keying.
    fn nonce(&mut self) -> Result<Nonce, NoiseError> {
        let now = self.counter.filter(|now| *now < u64::MAX).ok_or(NoiseError::CounterUsedUp)?;
        self.counter = Some(now + 1);
        let mut nonce = Nonce::default();
        nonce[4..].copy_from_slice(&now.to_le_bytes());
        Ok(nonce)
    }
}

// === impl Symmetric ===

impl Symmetric {
    /// Before the first message, with an empty prologue.
    pub(super) fn new() -> Self {
        let mut new = Self { hash: *PROTOCOL, chaining: Zeroizing::new(*PROTOCOL), cipher: None };
        new.mix_hash(b"");
        new
    }

    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        self.hash = Sha256::new().chain_update(self.hash).chain_update(data).finalize().into();
    }

    pub(super) fn mix_key(&mut self, agreed: &[u8; 32]) {
        let (chaining, key) = self.derive(agreed);
        self.chaining = chaining;
        self.cipher = Some(Cipher::new(&key));
    }

    /// Encrypts (once there is a key) and hashes; appends to `out`.
    pub(super) fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), NoiseError> {
        let from = out.len();
        out.extend_from_slice(data);
        if let Some(cipher) = &mut self.cipher {
            cipher.seal(&self.hash, out, from)?;
        }
        self.mix_hash(&out[from..]);
        Ok(())
    }

    /// Decrypts (once there is a key) and hashes.
    pub(super) fn read(&mut self, sealed: &[u8]) -> Result<Vec<u8>, NoiseError> {
        let mut out = Vec::new();
        match &mut self.cipher {
            Some(cipher) => cipher.open(&self.hash, sealed, &mut out)?,
            None => out.extend_from_slice(sealed),
        }
        self.mix_hash(sealed);
        Ok(out)
    }

    /// The ciphers after the handshake: of what the dialling side sends, and of what it receives.
    pub(super) fn split(&self) -> (Cipher, Cipher) {
        let (first, second) = self.derive(b"");
        (Cipher::new(&first), Cipher::new(&second))
    }

    fn derive(&self, input: &[u8]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
        let mut both = Zeroizing::new([0; 64]);
        Hkdf::<Sha256>::new(Some(&*self.chaining), input)
            .expand(b"", &mut *both)
            .expect("64 bytes are within HKDF's bound");
        let half = |from: usize| Zeroizing::new(std::array::from_fn(|i| both[from + i]));
        (half(0), half(32))
    }
}
