//! The established link: messages of up to 65,535 bytes, tag included, each behind its length as u16 big-endian.

use super::handshake::NoiseError;
use super::symmetric::{Cipher, TAG};

/// Data bytes in one message.
pub const DATA: usize = 0xffff - TAG;

/// The sending half.
pub struct Sealer(pub(super) Cipher);

/// The receiving half.
pub struct Opener(pub(super) Cipher);

/// Cuts a stream of bytes into messages, whatever is in them.
#[derive(Default)]
pub(super) struct Lengths {
    buffer: Vec<u8>,
}

// === impl Sealer ===

impl Sealer {
    /// Seals `data` into as many messages as it needs, appended to `out`.
    pub fn seal(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), NoiseError> {
        for piece in data.chunks(DATA) {
            let length = u16::try_from(piece.len() + TAG).expect("a piece has room for its tag");
            out.extend_from_slice(&length.to_be_bytes());
            let from = out.len();
            out.extend_from_slice(piece);
            self.0.seal(b"", out, from)?;
        }
        Ok(())
    }
}

// === impl Opener ===

impl Opener {
    /// Opens one message and appends its data to `out`.
    pub fn open(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), NoiseError> {
        self.0.open(b"", message, out)
    }
}

// === impl Lengths ===

impl Lengths {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message of at most `max` bytes; `None` until more bytes come.
    pub(super) fn next(&mut self, max: usize) -> Result<Option<Vec<u8>>, NoiseError> {
        let Some((length, rest)) = self.buffer.split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > max {
            return Err(NoiseError::TooLong { length, max });
        }
        if rest.len() < length {
            return Ok(None);
        }
        let message = rest[..length].to_vec();
        self.buffer.drain(..2 + length);
        Ok(Some(message))
    }
}
