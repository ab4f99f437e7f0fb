//! The established SecretConnection: frames of 1,024 bytes of data, sealed with ChaCha20-Poly1305.
//!
//! A plain frame is `u32 LE length || data padded with zeros to 1024`; sealed it has 16 bytes more. Each direction has
//! its own key and a counter as nonce, so a frame that is lost, repeated or reordered fails to open.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use thiserror::Error;
use zeroize::Zeroizing;

/// Data bytes in one frame.
pub const DATA: usize = 1024;
/// Data with its length.
const PLAIN: usize = 4 + DATA;
/// A frame as it travels.
pub const SEALED: usize = PLAIN + 16;

/// The link is broken or attacked: close it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ChannelError {
    /// Forged, damaged, repeated or reordered.
    #[error("a frame did not authenticate")]
    Forged,
    /// A length above [`DATA`] inside an authentic frame.
    #[error("frame claims {0} bytes of data, at most {DATA} fit")]
    Length(u32),
    /// 2^64 frames in one direction.
    #[error("frame counter is used up")]
    CounterUsedUp,
}

/// Counter nonce: four zero bytes, then u64 little-endian.
struct Counter(Option<u64>);

impl Counter {
    fn take(&mut self) -> Result<Nonce, ChannelError> {
        let now = self.0.ok_or(ChannelError::CounterUsedUp)?;
        self.0 = now.checked_add(1);
        let mut nonce = Nonce::default();
        nonce[4..].copy_from_slice(&now.to_le_bytes());
        Ok(nonce)
    }
}

/// The sending half.
pub struct Sealer {
    cipher: ChaCha20Poly1305,
    counter: Counter,
}

/// The receiving half, with what has arrived of the next frame.
pub struct Opener {
    cipher: ChaCha20Poly1305,
    counter: Counter,
    sealed: Vec<u8>,
}

// === impl Sealer ===

impl Sealer {
    pub(super) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self { cipher: ChaCha20Poly1305::new(Key::from_slice(&**key)), counter: Counter(Some(0)) }
    }

    /// Seals `data` into as many frames as it needs, appended to `out`.
    pub fn seal(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        for piece in data.chunks(DATA) {
            let nonce = self.counter.take()?;
            let from = out.len();
            let length = u32::try_from(piece.len()).expect("a piece has at most 1024 bytes");
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(piece);
            out.resize(from + PLAIN, 0);
            let tag = self
                .cipher
                .encrypt_in_place_detached(&nonce, b"", &mut out[from..])
                .map_err(|_| ChannelError::Forged)?;
            out.extend_from_slice(&tag);
        }
        Ok(())
    }
}

// === impl Opener ===

impl Opener {
    pub(super) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self {
            cipher: ChaCha20Poly1305::new(Key::from_slice(&**key)),
            counter: Counter(Some(0)),
            sealed: Vec::new(),
        }
    }

    /// Takes bytes from the stream and appends the data of every whole frame to `out`.
    pub fn open(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        self.sealed.extend_from_slice(bytes);
        let whole = self.sealed.len() / SEALED * SEALED;
        for start in (0..whole).step_by(SEALED) {
            let nonce = self.counter.take()?;
            let (plain, tag) = self.sealed[start..start + SEALED].split_at_mut(PLAIN);
            self.cipher
                .decrypt_in_place_detached(&nonce, b"", plain, Tag::from_slice(tag))
                .map_err(|_| ChannelError::Forged)?;
            let length = u32::from_le_bytes([plain[0], plain[1], plain[2], plain[3]]);
            match usize::try_from(length) {
                Ok(length) if length <= DATA => out.extend_from_slice(&plain[4..4 + length]),
                _ => return Err(ChannelError::Length(length)),
            }
        }
        self.sealed.drain(..whole);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Sealer, Opener) {
        let key = Zeroizing::new([3; 32]);
        (Sealer::new(&key), Opener::new(&key))
    }

    #[test]
    fn long_data_in_any_cut() {
        let (mut sealer, mut opener) = pair();
        let data: Vec<u8> = (0..5000u32).map(|i| i.to_le_bytes()[0]).collect();
        let mut wire = vec![];
        sealer.seal(&data, &mut wire).expect("counter is fresh");
        assert_eq!(wire.len(), 5 * SEALED);
        let mut out = vec![];
        for piece in wire.chunks(777) {
            opener.open(piece, &mut out).expect("authentic");
        }
        assert_eq!(out, data);
    }

    #[test]
    fn repeated_or_damaged_frames_do_not_open() {
        let (mut sealer, mut opener) = pair();
        let mut wire = vec![];
        sealer.seal(b"once", &mut wire).expect("seals");
        let mut out = vec![];
        opener.open(&wire, &mut out).expect("first time");
        assert_eq!(opener.open(&wire, &mut out), Err(ChannelError::Forged), "replayed");
        let (_, mut opener) = pair();
        wire[100] ^= 1;
        assert_eq!(opener.open(&wire, &mut out), Err(ChannelError::Forged));
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        let (mut sealer, mut opener) = pair();
        let mut frame = vec![0; PLAIN];
        frame[..4].copy_from_slice(&1025u32.to_le_bytes());
        let nonce = sealer.counter.take().expect("fresh");
        let tag = sealer.cipher.encrypt_in_place_detached(&nonce, b"", &mut frame).expect("seals");
        frame.extend_from_slice(&tag);
        assert_eq!(opener.open(&frame, &mut vec![]), Err(ChannelError::Length(1025)));
    }

    #[test]
    fn the_counter_ends() {
        let mut counter = Counter(Some(u64::MAX));
        assert!(counter.take().is_ok());
        assert_eq!(counter.take(), Err(ChannelError::CounterUsedUp));
    }
}
