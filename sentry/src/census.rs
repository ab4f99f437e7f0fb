//! How much of a node's address book a number of PEX answers has shown.
//!
//! A node answers with a random choice of its book: all of it up to 32 entries, then 32, then 23 of a hundred, at most 250
//! (`p2p/pex/addrbook.go` `GetSelection`, spec p2p.md §3.5). So the size of an answer tells the size of a book up to
//! about 1,086 entries; above it only recapture does: how often an answer repeats what earlier ones gave.
//!
//! The chance that an entry was in none of the answers is what an audit must say beside "not found".

use std::collections::BTreeMap;

use comet::p2p::NetAddress;

/// A book of up to so many entries is given whole.
const WHOLE: usize = 32;
/// Answers have no more entries.
const MOST: usize = 250;
/// Share of a large book in one answer.
const SHARE: f64 = 0.23;
/// Distinct addresses that are remembered. Fifteen honest connections cannot bring so many.
const REMEMBERED: usize = 20_000;

/// What the answers so far have shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Census {
    seen: BTreeMap<NetAddress, u32>,
    answers: u32,
    /// Entries of the largest answer, each counted once.
    largest: usize,
    /// Entries of the smallest one.
    smallest: usize,
    invalid: usize,
    /// Σ size × entries known before, and Σ of those seen again: Schnabel's estimate.
    marked: f64,
    recaptured: f64,
}

/// The size of a book as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Best guess.
    pub likely: f64,
    /// It is hardly larger: 19 of 20 times where it was estimated, always where the size of the answers bounds it.
    pub at_most: f64,
}

impl Census {
    /// Takes an answer.
    pub fn add(&mut self, valid: &[NetAddress], invalid: usize) {
        let known = self.seen.len();
        let mut distinct: Vec<&NetAddress> = valid.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let mut again = 0u32;
        for address in &distinct {
            if let Some(times) = self.seen.get_mut(*address) {
                *times = times.saturating_add(1);
                again += 1;
            } else if self.seen.len() < REMEMBERED {
                self.seen.insert(**address, 1);
            }
        }
        if self.answers > 0 {
            self.marked += real(distinct.len()) * real(known);
            self.recaptured += f64::from(again);
        }
        let size = distinct.len() + invalid;
        self.smallest = if self.answers == 0 { size } else { self.smallest.min(size) };
        self.largest = self.largest.max(size);
        self.invalid = self.invalid.max(invalid);
        self.answers = self.answers.saturating_add(1);
    }

    /// Answers taken.
    pub fn answers(&self) -> u32 {
        self.answers
    }

    /// Every address that was given.
    pub fn addresses(&self) -> impl Iterator<Item = &NetAddress> {
        self.seen.keys()
    }

    /// How many distinct addresses were given.
    pub fn distinct(&self) -> usize {
        self.seen.len()
    }

    /// Entries of one answer that were no addresses.
    pub fn invalid(&self) -> usize {
        self.invalid
    }

    /// How large the book is; `None` before the first answer.
    pub fn size(&self) -> Option<Size> {
        let exact = |n: usize| Some(Size { likely: real(n), at_most: real(n) });
        match self.largest {
            _ if self.answers == 0 => None,
            n if n < WHOLE => exact(n.max(self.seen.len())),
            n if n > WHOLE && n < MOST => {
                // ⌊0.23 × book⌋ = n.
                let (low, high) = (real(n) / SHARE, (real(n) + 1.0) / SHARE);
                Some(Size { likely: self.recapture().0.clamp(low, high), at_most: high })
            }
            WHOLE => {
                let high = real(WHOLE + 1) / SHARE;
                let (likely, _) = self.recapture();
                Some(Size { likely: likely.clamp(real(self.seen.len()), high), at_most: high })
            }
            _ => {
                let (likely, at_most) = self.recapture();
                let low = (real(MOST) / SHARE).max(real(self.seen.len()));
                Some(Size { likely: likely.max(low), at_most: at_most.max(low) })
            }
        }
    }

    /// The chance that one particular entry of the book was in none of the answers; 1 before the first.
    ///
    /// It takes the book to be as large as it may be and the answers as small as they were, so the truth is better.
    pub fn miss(&self) -> f64 {
        let Some(size) = self.size() else { return 1.0 };
        if self.largest < WHOLE {
            return 0.0;
        }
        let share = (real(self.smallest) / size.at_most).clamp(0.0, 1.0);
        (1.0 - share).powf(f64::from(self.answers))
    }

    /// Schnabel's estimate as Chapman corrects it, and its upper bound at 97.5 % by the normal form of Poisson.
    fn recapture(&self) -> (f64, f64) {
        let least = self.recaptured - 1.96 * self.recaptured.sqrt();
        let at_most = if least > 0.0 { self.marked / least } else { f64::INFINITY };
        (self.marked / (self.recaptured + 1.0), at_most)
    }
}

/// Counts here stay far below 2^32.
fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use comet::key::NodeId;
    use proptest::prelude::*;

    use super::*;

    fn address(n: usize) -> NetAddress {
        let mut id = [0; 20];
        id[..8].copy_from_slice(&(n as u64).to_le_bytes());
        NetAddress { id: NodeId(id), ip: [203, 0, 113, 7].into(), port: 26656 }
    }

    /// Small and good enough to choose: xorshift.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % n as u64).unwrap()
        }
    }

    /// What a node with a book of `n` answers.
    fn answer(n: usize, dice: &mut Dice) -> Vec<NetAddress> {
        let take = n.min(WHOLE).max(n * 23 / 100).min(MOST);
        let mut book: Vec<usize> = (0..n).collect();
        (0..take)
            .map(|i| {
                let j = i + dice.below(n - i);
                book.swap(i, j);
                address(book[i])
            })
            .collect()
    }

    #[test]
    fn a_small_book_is_read_at_once() {
        let mut census = Census::default();
        assert_eq!((census.miss(), census.size()), (1.0, None));
        census.add(&answer(31, &mut Dice(1)), 0);
        assert_eq!((census.miss(), census.distinct()), (0.0, 31));
        assert_eq!(census.size().unwrap().at_most, 31.0);
    }

    #[test]
    fn an_empty_book_is_read_at_once() {
        let mut census = Census::default();
        census.add(&[], 0);
        assert_eq!((census.miss(), census.size().unwrap().likely), (0.0, 0.0));
    }

    #[test]
    fn the_requests_of_the_spec_suffice() {
        // n, requests for a miss of 1e-3 (spec p2p.md §3.5); one or two more because the bound is careful.
        for (n, requests) in [(1000, 28), (500, 28), (200, 29)] {
            let mut census = Census::default();
            for _ in 0..requests {
                census.add(&answer(n, &mut Dice(7)), 0);
            }
            assert!(census.miss() <= 1e-3, "{n}: {}", census.miss());
        }
    }

    proptest! {
        #[test]
        fn the_estimate_holds_the_truth(n in 1usize..4000, seed in 1u64..u64::MAX) {
            let (mut census, mut dice) = (Census::default(), Dice(seed));
            for _ in 0..30 {
                census.add(&answer(n, &mut dice), 0);
            }
            let size = census.size().unwrap();
            prop_assert!(size.likely > 0.9 * n as f64 && size.likely < 1.1 * n as f64 + 1.0, "{n}: {size:?}");
            // 1.96 deviations of some thousand recaptures: a tenth is far outside.
            prop_assert!(size.at_most >= 0.97 * n as f64, "{n}: {size:?}");
            let missed = n - census.distinct();
            prop_assert!(missed as f64 <= 10.0 + 10.0 * n as f64 * census.miss(), "{n}: missed {missed}, {}", census.miss());
        }
    }
}
