//! A validator's missed-blocks bitmap: one bit per slot of the window, set = missed.
//!
//! It keeps every slot ever written, also those beyond a window that was lowered, because the chain's store does: they
//! count again when the window is raised, and until then they are the "ghost" misses of spec/slashing.md §4.

use std::ops::Range;

/// Bits by slot; slots never written are clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    /// Set bits in all of them: counted once, because they are asked for with every block.
    ones: usize,
}

impl Bitmap {
    /// The bit of `slot`.
    pub fn get(&self, slot: usize) -> bool {
        self.words.get(slot / 64).is_some_and(|w| w >> (slot % 64) & 1 == 1)
    }

    /// Writes the bit of `slot` and returns the old one.
    pub fn replace(&mut self, slot: usize, missed: bool) -> bool {
        let old = self.get(slot);
        if old == missed {
            return old;
        }
        if self.words.len() <= slot / 64 {
            self.words.resize(slot / 64 + 1, 0);
        }
        self.words[slot / 64] ^= 1 << (slot % 64);
        if missed {
            self.ones += 1;
        } else {
            self.ones -= 1;
        }
        old
    }

    /// Clears all slots.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Set bits below `window`.
    pub fn count(&self, window: usize) -> usize {
        let above = self.select(window..self.words.len() * 64, true, usize::MAX);
        self.ones - above.unwrap_or_else(|found| found)
    }

    /// Set bits of all slots ever written.
    pub fn total(&self) -> usize {
        self.ones
    }

    /// Walks the ring of `window` slots once, starting at `from`, and returns the 1-based position of the `nth` slot
    /// whose bit is `bit`. `None` when the ring has fewer.
    pub fn position(&self, window: usize, from: usize, bit: bool, nth: usize) -> Option<usize> {
        let from = from % window.max(1);
        let ones = self.count(window);
        let all = if bit { ones } else { window - ones };
        // From whichever end is nearer: who misses little is jailed at the far one, and its last miss falls out there.
        if nth > all / 2 {
            let back = all.checked_sub(nth)? + 1;
            return match self.select_back(0..from, bit, back) {
                Ok(slot) => Some(window - from + slot + 1),
                Err(found) => {
                    self.select_back(from..window, bit, back - found).ok().map(|slot| slot - from + 1)
                }
            };
        }
        match self.select(from..window, bit, nth) {
            Ok(slot) => Some(slot - from + 1),
            Err(found) => self.select(0..from, bit, nth - found).ok().map(|slot| window - from + slot + 1),
        }
    }

    /// The bits of `width` slots from `slot` on, none of them beyond its word, as ones where they are `bit`.
    fn part(&self, slot: usize, width: usize, bit: bool) -> u64 {
        let word = self.words.get(slot / 64).copied().unwrap_or(0);
        let matching = if bit { word } else { !word };
        (matching >> (slot % 64)) & (u64::MAX >> (64 - width))
    }

    /// The slot of the `nth` (1-based) `bit` in `range`, or how many there are.
    fn select(&self, range: Range<usize>, bit: bool, nth: usize) -> Result<usize, usize> {
        let mut found = 0;
        let mut slot = range.start;
        while slot < range.end {
            let width = (64 - slot % 64).min(range.end - slot);
            let part = self.part(slot, width, bit);
            let ones = part.count_ones() as usize;
            if found + ones >= nth {
                return Ok(slot + nth_one(part, nth - found));
            }
            found += ones;
            slot += width;
        }
        Err(found)
    }

    /// The same, counted from the end of `range`.
    fn select_back(&self, range: Range<usize>, bit: bool, nth: usize) -> Result<usize, usize> {
        let mut found = 0;
        let mut end = range.end;
        while end > range.start {
            let slot = ((end - 1) / 64 * 64).max(range.start);
            let part = self.part(slot, end - slot, bit);
            let ones = part.count_ones() as usize;
            if found + ones >= nth {
                return Ok(slot + nth_one(part, ones - (nth - found) + 1));
            }
            found += ones;
            end = slot;
        }
        Err(found)
    }
}

/// Index of the `nth` (1-based) set bit of `word`, which has that many.
fn nth_one(mut word: u64, nth: usize) -> usize {
    for _ in 1..nth {
        word &= word - 1;
    }
    word.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn position_equals_a_walk(
            bits in proptest::collection::vec(any::<bool>(), 1..300),
            from in 0usize..600,
            bit: bool,
            nth in 1usize..200,
        ) {
            let mut map = Bitmap::default();
            for (slot, missed) in bits.iter().enumerate() {
                map.replace(slot, *missed);
            }
            let window = bits.len();
            let walk = (0..window).filter(|j| bits[(from + j) % window] == bit).nth(nth - 1).map(|j| j + 1);
            prop_assert_eq!(map.position(window, from, bit, nth), walk);
            let set = bits.iter().filter(|b| **b).count();
            prop_assert_eq!((map.count(window), map.total()), (set, set));
        }

        /// A window that was lowered: slots beyond it are kept, and counted only by `total`.
        #[test]
        fn slots_beyond_the_window_do_not_count(
            bits in proptest::collection::vec(any::<bool>(), 1..300),
            window in 1usize..400,
            from in 0usize..600,
            bit: bool,
            nth in 1usize..200,
        ) {
            let mut map = Bitmap::default();
            for (slot, missed) in bits.iter().enumerate() {
                map.replace(slot, !missed);
                map.replace(slot, *missed);
            }
            let at = |slot: usize| bits.get(slot).copied().unwrap_or(false);
            let walk = (0..window).filter(|j| at((from + j) % window) == bit).nth(nth - 1).map(|j| j + 1);
            prop_assert_eq!(map.position(window, from, bit, nth), walk);
            prop_assert_eq!(map.count(window), (0..window).filter(|slot| at(*slot)).count());
            prop_assert_eq!(map.total(), bits.iter().filter(|b| **b).count());
            map.clear();
            prop_assert_eq!((map.total(), map.count(window)), (0, 0));
        }
    }

    #[test]
    fn replace_returns_the_old_bit() {
        let mut map = Bitmap::default();
        assert!(!map.replace(70, true));
        assert!(map.replace(70, true));
        assert!(map.replace(70, false));
        assert!(!map.get(70) && !map.get(100_000));
    }
}
