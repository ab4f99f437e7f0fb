//! Length-delimited frames: `uvarint(len) || body`, the form of every privval message on the wire.
//!
//! A frame may arrive in pieces and several may arrive at once, so the [`Decoder`] is fed bytes and asked for bodies.
//! It holds no more than one frame of the allowed size plus what was pushed in one go, whatever the peer sends
//! (spec/signer.md §3.3).

use thiserror::Error;

/// What the signer accepts: a 1 MiB vote extension, its vote, and room. Nodes write without a limit of their own.
pub const MAX_FROM_NODE: usize = 2 * 1024 * 1024;

/// What nodes before 0.40 read at most; an answer above it costs the connection.
pub const MAX_TO_NODE: usize = 10_240;

/// A uvarint has at most ten bytes.
const MAX_VARINT: usize = 10;

/// Why a stream of frames cannot go on. The connection has lost its framing: close it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// The peer announced more than we take.
    #[error("frame of {length} bytes, at most {max} are accepted")]
    TooLarge {
        /// Announced body length.
        length: u64,
        /// Our bound.
        max: usize,
    },
    /// The length is not a uvarint of 64 bits in its shortest form.
    #[error("frame length is not a valid varint")]
    BadLength,
}

/// Encodes a message as one frame.
pub fn encode<M: prost::Message>(message: &M) -> Vec<u8> {
    message.encode_length_delimited_to_vec()
}

/// Frames a body that is encoded already.
pub fn delimited(body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(MAX_VARINT + body.len());
    prost::encode_length_delimiter(body.len(), &mut framed).expect("a vector has room");
    framed.extend_from_slice(body);
    framed
}

/// Cuts a stream of bytes into frame bodies.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
    max: usize,
}

// === impl Decoder ===

impl Decoder {
    /// A decoder for bodies of up to `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, max }
    }

    /// Takes bytes as they came from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.start > self.max.min(64 * 1024) {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole body, or `None` until more bytes come. After an error the stream is lost.
    #[allow(clippy::should_implement_trait)] // fallible, and not an iterator: more bytes may follow a None
    pub fn next(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = &self.buffer[self.start..];
        let Some((length, head)) = read_uvarint(rest)? else { return Ok(None) };
        let body = match usize::try_from(length) {
            Ok(body) if body <= self.max => body,
            _ => return Err(FrameError::TooLarge { length, max: self.max }),
        };
        if rest.len() - head < body {
            return Ok(None);
        }
        let from = self.start + head;
        self.start = from + body;
        Ok(Some(&self.buffer[from..from + body]))
    }

    /// What follows the bodies taken so far.
    pub fn into_rest(mut self) -> Vec<u8> {
        self.buffer.split_off(self.start)
    }

    /// Whether bytes of an unfinished frame are waiting.
    pub fn is_mid_frame(&self) -> bool {
        self.start < self.buffer.len()
    }
}

/// Reads a uvarint at the front: value and its length in bytes, or `None` when it is cut off.
fn read_uvarint(bytes: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if index == MAX_VARINT - 1 && *byte > 1 {
            return Err(FrameError::BadLength);
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            // A last byte of zero after others is an overlong form of a shorter number.
            if *byte == 0 && index > 0 {
                return Err(FrameError::BadLength);
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= MAX_VARINT { Err(FrameError::BadLength) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(decoder: &mut Decoder) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut out = vec![];
        while let Some(body) = decoder.next()? {
            out.push(body.to_vec());
        }
        Ok(out)
    }

    #[test]
    fn two_frames_in_one_write_and_one_in_two() {
        let mut decoder = Decoder::new(100);
        decoder.push(&[1, 0xaa, 2, 0xbb, 0xcc, 3, 1]);
        assert_eq!(all(&mut decoder), Ok(vec![vec![0xaa], vec![0xbb, 0xcc]]));
        assert!(decoder.is_mid_frame());
        decoder.push(&[2, 3]);
        assert_eq!(all(&mut decoder), Ok(vec![vec![1, 2, 3]]));
        assert!(!decoder.is_mid_frame());
    }

    #[test]
    fn too_large_is_known_from_the_length_alone() {
        let mut decoder = Decoder::new(100);
        decoder.push(&[101]);
        assert_eq!(decoder.next(), Err(FrameError::TooLarge { length: 101, max: 100 }));
    }

    #[test]
    fn overlong_lengths_are_refused() {
        for bad in [&[0x80u8, 0x00][..], &[0x81, 0x80, 0x00], &[0xff; 10], &[0x80; 11]] {
            let mut decoder = Decoder::new(100);
            decoder.push(bad);
            assert_eq!(decoder.next(), Err(FrameError::BadLength), "{bad:02x?}");
        }
    }

    proptest! {
        #[test]
        fn frames_survive_any_cut(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), cut in 1usize..50) {
            let mut stream = vec![];
            for body in &bodies {
                prost::encode_length_delimiter(body.len(), &mut stream).expect("room");
                stream.extend_from_slice(body);
            }
            let mut decoder = Decoder::new(300);
            let mut got = vec![];
            for piece in stream.chunks(cut) {
                decoder.push(piece);
                got.extend(all(&mut decoder).expect("valid"));
            }
            prop_assert_eq!(got, bodies);
        }

        #[test]
        fn hostile_bytes_never_panic_nor_pile_up(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..64)) {
            let mut decoder = Decoder::new(128);
            for piece in pieces {
                decoder.push(&piece);
                if all(&mut decoder).is_err() { break }
                prop_assert!(decoder.buffer.len() - decoder.start <= 128 + MAX_VARINT);
                prop_assert!(decoder.buffer.len() <= 128 * 2 + MAX_VARINT + 64);
            }
        }
    }
}
