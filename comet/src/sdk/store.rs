//! Keys and values of x/slashing's own store, as `abci_query path="/store/slashing/key"` serves them.
//!
//! This is the one place where the missed-blocks bitmap can be read: the module has no query for it (spec/slashing.md
//! §6.1). Since SDK 0.50 it lies in chunks of 1024 bits, before that in one key a slot: [`slot`].

pub mod slot;

/// `abci_query` path of the store.
pub const PATH: &str = "/store/slashing/key";
/// `abci_query` path of all keys with a prefix. The stores answer it from their newest state, whatever the height that is
/// asked for.
pub const SUBSPACE: &str = "/store/slashing/subspace";
/// Key of the parameters (SDK ≥ 0.47).
pub const PARAMS: [u8; 1] = [0x00];
/// Bits in a chunk of the bitmap.
pub const CHUNK_BITS: usize = 1024;
const CHUNK_WORDS: usize = CHUNK_BITS / 64;

/// Key of a signing info.
pub fn signing_info(address: &[u8; 20]) -> Vec<u8> {
    [&[0x01, 20][..], address].concat()
}

/// Key of a signing info up to SDK 0.42, without the length byte.
pub fn bare_signing_info(address: &[u8; 20]) -> Vec<u8> {
    [&[0x01][..], address].concat()
}

/// Key of chunk `index` of a validator's bitmap.
pub fn bitmap_chunk(address: &[u8; 20], index: u64) -> Vec<u8> {
    [&[0x02, 20][..], address, &index.to_le_bytes()].concat()
}

/// How many chunks a window takes.
pub fn chunks(window: usize) -> usize {
    window.div_ceil(CHUNK_BITS)
}

/// A value that is not a bitmap chunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes that say {bits} bits are not a bitmap chunk of 1024 bits")]
pub struct ChunkError {
    bytes: usize,
    bits: u64,
}

/// One chunk of a bitmap: bit set = missed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    words: [u64; CHUNK_WORDS],
}

impl Chunk {
    /// Reads a stored value: big-endian length in bits, then big-endian words, least significant bit first. An empty
    /// value is a chunk nobody has written, all zeros.
    pub fn decode(value: &[u8]) -> Result<Self, ChunkError> {
        let mut chunk = Self::default();
        if value.is_empty() {
            return Ok(chunk);
        }
        let words: Vec<u64> = value.chunks_exact(8).map(be).collect();
        let bits = words.first().copied().unwrap_or(0);
        if value.len() != 8 * (CHUNK_WORDS + 1) || bits != CHUNK_BITS as u64 {
            return Err(ChunkError { bytes: value.len(), bits });
        }
        chunk.words.copy_from_slice(&words[1..]);
        Ok(chunk)
    }

    /// Writes the stored value.
    pub fn encode(&self) -> Vec<u8> {
        let length = CHUNK_BITS as u64;
        std::iter::once(&length).chain(&self.words).flat_map(|w| w.to_be_bytes()).collect()
    }

    /// Bit `index`, below [`CHUNK_BITS`].
    pub fn get(&self, index: usize) -> bool {
        self.words[index / 64] >> (index % 64) & 1 == 1
    }

    /// Sets or clears bit `index`, below [`CHUNK_BITS`].
    pub fn set(&mut self, index: usize, missed: bool) {
        let mask = 1 << (index % 64);
        if missed {
            self.words[index / 64] |= mask;
        } else {
            self.words[index / 64] &= !mask;
        }
    }
}

fn be(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_chunk() {
        // spec/slashing.md §6.1: bits {0,1,63,64,1023} by bitset v1.8.0, v1.22.0 and v1.24.4
        let mut chunk = Chunk::default();
        for bit in [0, 1, 63, 64, 1023] {
            chunk.set(bit, true);
        }
        let expected = format!(
            "0000000000000400{}{}{}{}",
            "8000000000000003",
            "0000000000000001",
            "0".repeat(16 * 13),
            "8000000000000000"
        );
        assert_eq!(hex::encode(chunk.encode()), expected);
        assert_eq!(Chunk::decode(&chunk.encode()).unwrap(), chunk);
    }

    #[test]
    fn keys() {
        let address = [0xab; 20];
        assert_eq!(hex::encode(signing_info(&address)), format!("0114{}", "ab".repeat(20)));
        assert_eq!(
            hex::encode(bitmap_chunk(&address, 258)),
            format!("0214{}0201000000000000", "ab".repeat(20))
        );
        assert_eq!((chunks(1), chunks(1024), chunks(1025), chunks(30_000)), (1, 1, 2, 30));
    }

    #[test]
    fn foreign_values_are_refused() {
        assert_eq!(Chunk::decode(&[]).unwrap(), Chunk::default());
        assert!(Chunk::decode(&[0; 136]).is_err());
        assert!(Chunk::decode(&[0x08, 0x01]).is_err(), "a BoolValue of SDK 0.47");
        assert!(Chunk::decode(&[&1024u64.to_be_bytes()[..], &[0; 64]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_value_panics(value in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Chunk::decode(&value);
        }

        #[test]
        fn set_and_get(bits in proptest::collection::btree_set(0usize..CHUNK_BITS, 0..64)) {
            let mut chunk = Chunk::default();
            for bit in &bits {
                chunk.set(*bit, true);
            }
            for bit in 0..CHUNK_BITS {
                prop_assert_eq!(chunk.get(bit), bits.contains(&bit));
            }
        }
    }
}
