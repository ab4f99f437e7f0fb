//! What is known of a window whose slots could not all be read: the newest ones, from a replay of blocks or from having
//! watched, and bounds for the counter.
//!
//! A slot nobody has seen written may hold a miss or not, so each handled block that writes over one widens the bounds by
//! one, until the chain says what the counter is. After one round, or after a jailing, nothing is unknown any more.

use super::{Params, Window};
use crate::bitmap::Bitmap;

/// Partial knowledge of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Known slots; the others are clear here.
    bits: Bitmap,
    /// What was written at this index offset or later is known.
    known_from: i64,
    /// The counter may be this much lower.
    slack: i64,
    /// W that the slots belong to.
    window: i64,
}

impl Partial {
    /// Nothing is known of a window whose next index offset is `index`.
    pub(super) fn unknown(index: i64, params: &Params) -> Self {
        Self { bits: Bitmap::default(), known_from: index, slack: 0, window: params.window }
    }

    /// How much lower than its upper bound the counter may be.
    pub fn slack(&self) -> i64 {
        self.slack
    }

    /// The known bits; unknown slots are clear, which is the earliest jailing they allow.
    pub fn bits(&self) -> &Bitmap {
        &self.bits
    }

    /// How many of the newest slots are known in a window whose next index offset is `index`.
    pub fn known(&self, index: i64) -> i64 {
        (index - self.known_from).clamp(0, self.window)
    }

    /// The counter is known again.
    pub(super) fn settle(&mut self) {
        self.slack = 0;
    }

    /// Writes a flag at `index`; from the counter before, the upper bound of the counter after.
    pub(super) fn write(
        &mut self,
        params: &Params,
        index: i64,
        slot: usize,
        missed: bool,
        counter: i64,
    ) -> i64 {
        if self.window != params.window {
            // Slots of another window size mean nothing in this one.
            *self = Self { slack: self.slack, ..Self::unknown(index, params) };
        }
        let overwritten = index - params.window;
        let known = overwritten < 0 || overwritten >= self.known_from;
        let unseen = counter - self.set_bits(params);
        let old = self.bits.replace(slot, missed);
        match (known || unseen <= 0, old, missed) {
            (true, false, true) => counter + 1,
            (true, true, false) => counter - 1,
            (true, _, _) => counter,
            (false, ..) => {
                // All that can be wrong is what no known slot accounts for.
                self.slack = (self.slack + 1).min(unseen);
                counter + i64::from(missed)
            }
        }
    }

    /// The bits, once every slot is known: all were written since, or no miss is left for those that were not.
    pub(super) fn complete(self, params: &Params, index: i64, counter: i64) -> Result<Bitmap, Self> {
        let all = index - self.window >= self.known_from || self.known_from == 0;
        let nothing_left = counter == self.set_bits(params);
        if self.slack == 0 && self.window == params.window && (all || nothing_left) {
            Ok(self.bits)
        } else {
            Err(self)
        }
    }

    fn set_bits(&self, params: &Params) -> i64 {
        i64::try_from(self.bits.count(params.slots())).unwrap_or(i64::MAX)
    }
}

impl Window {
    /// Fills in what replayed blocks say: `newest_first` are the flags of the last handled blocks, without a gap. Only
    /// for a window whose bits are not known and whose counter is.
    pub fn recall(&mut self, params: &Params, newest_first: impl IntoIterator<Item = bool>) {
        if self.bits.is_some() {
            return;
        }
        let mut partial = Partial::unknown(self.index_offset, params);
        let oldest = (self.index_offset - params.window).max(0);
        for missed in newest_first {
            if partial.known_from <= oldest {
                break;
            }
            partial.known_from -= 1;
            let slot = usize::try_from(partial.known_from.rem_euclid(params.window.max(1))).unwrap_or(0);
            partial.bits.replace(slot, missed);
        }
        self.partial = Some(partial);
        self.complete(params);
    }

    /// Joins another account of the same window, with the same parameters and at the same height: what both allow is what
    /// is known. `false`, and nothing is taken over, where they exclude one another.
    pub fn agree(&mut self, params: &Params, other: &Self) -> bool {
        let least = self.at_least().max(other.at_least());
        let most = self.missed.min(other.missed);
        if self.index_offset != other.index_offset || least > most {
            return false;
        }
        let known = |window: &Self| window.partial.as_ref().map_or(i64::MAX, |p| p.known_from);
        if other.bits.is_some() || (self.bits.is_none() && known(other) <= known(self)) {
            self.bits.clone_from(&other.bits);
            self.partial.clone_from(&other.partial);
        }
        self.missed = most;
        if let Some(partial) = &mut self.partial {
            partial.slack = most - least;
        }
        self.complete(params);
        true
    }
}
