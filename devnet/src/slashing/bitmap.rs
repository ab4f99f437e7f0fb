//! The window of missed blocks, in the chunks and the bytes that the SDK stores since 0.50; before, it stores slot by slot.
//!
//! A chunk holds 1,024 bits and is stored as bits-and-blooms' bitset writes itself: the length as a big-endian u64,
//! then sixteen big-endian words, bit `j` in word `j / 64`, lowest bit first. Chunks never written do not exist.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Bits in a chunk.
pub const CHUNK_BITS: i64 = 1024;
const WORDS: usize = 16;

/// Missed blocks of one validator. Clones share chunks until one of them writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    chunks: BTreeMap<i64, Arc<[u64; WORDS]>>,
}

impl Bitmap {
    /// Whether the block at `index` of the window was missed.
    pub fn get(&self, index: i64) -> bool {
        let (chunk, word, bit) = place(index);
        self.chunks.get(&chunk).is_some_and(|words| words[word] >> bit & 1 == 1)
    }

    /// Notes the block at `index` as missed or signed.
    pub fn set(&mut self, index: i64, missed: bool) {
        let (chunk, word, bit) = place(index);
        let words = Arc::make_mut(self.chunks.entry(chunk).or_default());
        if missed {
            words[word] |= 1 << bit;
        } else {
            words[word] &= !(1 << bit);
        }
    }

    /// Forgets everything, as a jailing does.
    pub fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Number of missed blocks, also beyond the window.
    pub fn count(&self) -> u32 {
        self.chunks.values().flat_map(|words| words.iter()).map(|word| word.count_ones()).sum()
    }

    /// Every missed slot, in order.
    pub fn missed(&self) -> impl Iterator<Item = i64> {
        self.chunks.iter().flat_map(|(chunk, words)| {
            let start = chunk * CHUNK_BITS;
            (start..start + CHUNK_BITS).filter(|index| {
                let (_, word, bit) = place(*index);
                words[word] >> bit & 1 == 1
            })
        })
    }

    /// A chunk's stored bytes, if it was ever written.
    pub fn stored(&self, chunk: i64) -> Option<Vec<u8>> {
        self.chunks.get(&chunk).map(|words| bytes_of(words))
    }

    /// Every stored chunk with its number.
    pub fn all_stored(&self) -> impl Iterator<Item = (i64, Vec<u8>)> {
        self.chunks.iter().map(|(chunk, words)| (*chunk, bytes_of(words)))
    }
}

fn place(index: i64) -> (i64, usize, u32) {
    let bit = index.rem_euclid(CHUNK_BITS);
    let word = usize::try_from(bit / 64).expect("below 16");
    (index.div_euclid(CHUNK_BITS), word, u32::try_from(bit % 64).expect("below 64"))
}

fn bytes_of(words: &[u64; WORDS]) -> Vec<u8> {
    let length = CHUNK_BITS.unsigned_abs().to_be_bytes();
    length.into_iter().chain(words.iter().flat_map(|word| word.to_be_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_chunk() {
        // spec/slashing.md §6: bits 0, 1, 63, 64, 1023.
        let mut bits = Bitmap::default();
        for index in [0, 1, 63, 64, 1023, 5000] {
            bits.set(index, true);
        }
        bits.set(5000, false);
        let golden = ["0000000000000400", "8000000000000003", "0000000000000001"].concat()
            + &"0".repeat(16 * 13)
            + "8000000000000000";
        assert_eq!(hex::encode(bits.stored(0).unwrap()), golden);
        assert_eq!(bits.stored(1), None, "never written");
        assert_eq!(bits.stored(4).map(|b| b.len()), Some(136), "written and cleared again");
        assert_eq!(bits.count(), 5);
    }

    #[test]
    fn a_clone_keeps_what_it_saw() {
        let mut bits = Bitmap::default();
        bits.set(3, true);
        let before = bits.clone();
        bits.set(3, false);
        assert!(before.get(3) && !bits.get(3));
    }
}
