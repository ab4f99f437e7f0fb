//! x/slashing itself for one validator: `handleValidatorSignature` of `x/slashing/keeper/infractions.go`, told in
//! spec/slashing.md §1.
//!
//! Integers and 18-digit decimals only: the limit is decided by banker's rounding, where a float is wrong for some
//! windows. What differs between SDK lines is decided in [`crate::windows`]. Deliberately absent: slashing of tokens.

mod partial;

pub use partial::Partial;

use crate::bitmap::Bitmap;
use comet::sdk::decimal::Dec;
use std::ops::RangeInclusive;

/// The parameters of x/slashing that decide about jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// W, in blocks.
    pub window: i64,
    /// Share of W that must be signed.
    pub min_signed: Dec,
    /// How long a jailing lasts at least, nanoseconds.
    pub jail_duration: i64,
    /// Share of the stake that a jailing burns.
    pub slash_downtime: Dec,
}

impl Params {
    /// M: misses in the window that are still allowed; one more jails. `None` for parameters the SDK itself would
    /// not accept.
    pub fn max_missed(&self) -> Option<i64> {
        let required = self.min_signed.mul_round(self.window)?;
        (self.window > 0).then(|| self.window - required)
    }

    /// W as an index.
    pub fn slots(&self) -> usize {
        usize::try_from(self.window).unwrap_or(0).max(1)
    }
}

/// What x/slashing stores for one validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height of the last bonding.
    pub start_height: i64,
    /// Handled blocks since the last reset.
    pub index_offset: i64,
    /// C: missed blocks, ghosts included; an upper bound where `partial` says so.
    pub missed: i64,
    /// The bits, where all of them are known.
    pub bits: Option<Bitmap>,
    /// What is known where the bits are not; `None` there means nothing.
    pub partial: Option<Partial>,
}

/// What one handled block did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// The counter that the `liveness` event carries, or its bounds; `None` when signed.
    pub liveness: Option<RangeInclusive<i64>>,
    /// The validator goes to jail in this block.
    pub jailed: bool,
}

impl Window {
    /// The window of a validator that bonds for the first time at `start_height`.
    pub fn fresh(start_height: i64) -> Self {
        let bits = Some(Bitmap::default());
        Self { start_height, index_offset: 0, missed: 0, bits, partial: None }
    }

    /// The slot the next handled block writes.
    pub fn slot(&self, params: &Params) -> usize {
        usize::try_from(self.index_offset.rem_euclid(params.window.max(1))).unwrap_or(0)
    }

    /// Misses in the counter that belong to no slot of the window any more (the window was lowered).
    pub fn ghosts(&self, params: &Params) -> Option<i64> {
        let counted = i64::try_from(self.bits.as_ref()?.count(params.slots())).ok()?;
        Some(self.missed - counted)
    }

    /// BeginBlock of `height`, for the flag of `height - 1`, of a validator that is not in jail. With all bits the
    /// answer is exact; without them a jailing is concluded only where it is certain.
    pub fn handle(&mut self, params: &Params, height: i64, missed: bool) -> Handled {
        let liveness = self.count(params, missed).map(|counter| self.at_least()..=counter);
        let Some(max_missed) = params.max_missed() else { return Handled { liveness, jailed: false } };
        // Outside `if missed`: after the limit fell, a validator over it is jailed even on a block it signed (§4).
        let jailed = height > self.start_height + params.window && self.at_least() > max_missed;
        if jailed {
            self.reset();
        }
        Handled { liveness, jailed }
    }

    /// Counts one flag without any consequence: all that SDK lines up to 0.46 do with a validator in jail. The counter
    /// that the `liveness` event carries, when missed.
    pub fn count(&mut self, params: &Params, missed: bool) -> Option<i64> {
        let (slot, index) = (self.slot(params), self.index_offset);
        self.index_offset += 1;
        if let Some(bits) = &mut self.bits {
            match (bits.replace(slot, missed), missed) {
                (false, true) => self.missed += 1,
                (true, false) => self.missed -= 1,
                _ => {}
            }
        } else {
            let partial = self.partial.get_or_insert_with(|| Partial::unknown(index, params));
            self.missed = partial.write(params, index, slot, missed, self.missed);
            self.complete(params);
        }
        missed.then_some(self.missed)
    }

    /// The least that C can be.
    pub fn at_least(&self) -> i64 {
        self.missed - self.partial.as_ref().map_or(0, Partial::slack)
    }

    /// Whether C is known exactly.
    pub fn is_counted(&self) -> bool {
        self.at_least() == self.missed
    }

    /// The chain says what C is.
    pub fn told(&mut self, params: &Params, missed: i64) {
        self.missed = missed;
        if let Some(partial) = &mut self.partial {
            partial.settle();
            self.complete(params);
        }
    }

    /// Takes the place of `partial` by the bits when nothing is unknown any more.
    fn complete(&mut self, params: &Params) {
        let Some(partial) = self.partial.take() else { return };
        match partial.complete(params, self.index_offset, self.missed) {
            Ok(bits) => self.bits = Some(bits),
            Err(partial) => self.partial = Some(partial),
        }
    }

    /// A jailing clears the window; `start_height` stays until the validator bonds again.
    pub fn reset(&mut self) {
        *self = Self::fresh(self.start_height);
    }
}

#[cfg(test)]
mod tests;
