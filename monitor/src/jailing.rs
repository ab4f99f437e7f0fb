//! x/slashing itself, as SDK 0.50 to 0.54 run it, for one validator: `handleValidatorSignature` of
//! `x/slashing/keeper/infractions.go`, told in spec/slashing.md §1.
//!
//! Integers and 18-digit decimals only: the limit is decided by banker's rounding, where a float is wrong for some
//! windows. Deliberately absent: slashing of tokens, and the SDK lines below 0.50, whose profiles differ (§2).

use crate::bitmap::Bitmap;
use comet::sdk::decimal::Dec;

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
    /// C: missed blocks, ghosts included.
    pub missed: i64,
    /// The bits; `None` when only the counter could be read, which makes `missed` an upper bound.
    pub bits: Option<Bitmap>,
}

/// What one handled block did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// The counter that the `liveness` event carries; `None` when signed.
    pub liveness: Option<i64>,
    /// The validator goes to jail in this block.
    pub jailed: bool,
}

impl Window {
    /// The window of a validator that bonds for the first time at `start_height`.
    pub fn fresh(start_height: i64) -> Self {
        Self { start_height, index_offset: 0, missed: 0, bits: Some(Bitmap::default()) }
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

    /// BeginBlock of `height`, for the flag of `height - 1`. The caller does not call it for a jailed validator (§1
    /// [A]). With a bitmap the answer is exact; without one a jailing is never concluded here.
    pub fn handle(&mut self, params: &Params, height: i64, missed: bool) -> Handled {
        let slot = self.slot(params);
        self.index_offset += 1;
        let Some(bits) = &mut self.bits else {
            self.missed += i64::from(missed);
            return Handled { liveness: missed.then_some(self.missed), jailed: false };
        };
        match (bits.replace(slot, missed), missed) {
            (false, true) => self.missed += 1,
            (true, false) => self.missed -= 1,
            _ => {}
        }
        let liveness = missed.then_some(self.missed);
        let Some(max_missed) = params.max_missed() else { return Handled { liveness, jailed: false } };
        // Outside `if missed`: after the limit fell, a validator over it is jailed even on a block it signed (§4).
        let jailed = height > self.start_height + params.window && self.missed > max_missed;
        if jailed {
            self.reset();
        }
        Handled { liveness, jailed }
    }

    /// A jailing clears the window; `start_height` stays until the validator bonds again.
    pub fn reset(&mut self) {
        self.missed = 0;
        self.index_offset = 0;
        if let Some(bits) = &mut self.bits {
            bits.clear();
        }
    }
}

#[cfg(test)]
mod tests;
