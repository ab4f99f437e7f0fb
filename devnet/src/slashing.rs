//! x/slashing of the chain's SDK line: when a miss is counted, and when it jails (spec/slashing.md §1, §2).
//!
//! One call for each entry of the last commit, in set order. What a jailing does to stake and set is x/staking's matter
//! and lives in [`crate::app`]. This is a second implementation on purpose: the monitor has its own, and the two
//! must agree on every counter.

mod bitmap;

pub use bitmap::{Bitmap, CHUNK_BITS};

use std::time::Duration;

use comet::privval::Timestamp;
use comet::sdk::decimal::Dec;

use crate::line::Line;

/// Parameters of x/slashing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Blocks in the window, W.
    pub window: i64,
    /// Share of the window that must be signed.
    pub min_signed: Dec,
    /// Shortest stay in jail.
    pub jail_duration: Duration,
    /// Share of the stake lost by a jailing for downtime.
    pub fraction_downtime: Dec,
    /// Share of the stake lost by signing twice.
    pub fraction_double_sign: Dec,
}

/// What x/slashing remembers of a validator besides the bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningInfo {
    /// Height of the block that bonded it last.
    pub start_height: i64,
    /// Blocks handled since it was last reset; modulo the window it is the next index.
    pub index_offset: i64,
    /// Set bits, as far as the counter knows.
    pub missed: i64,
    /// May unjail from then on.
    pub jailed_until: Timestamp,
    /// Out for ever.
    pub tombstoned: bool,
}

/// What one entry of the last commit led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// The validator is in jail: nothing is counted (since SDK 0.47).
    Skipped,
    /// Counted.
    Counted {
        /// For a miss: the counter after it, which the `liveness` event carries.
        liveness: Option<i64>,
        /// Too many: slash and jail. Counter, offset and bits are reset already.
        punished: bool,
    },
}

// === impl Params ===

impl Params {
    /// Blocks that may be missed within the window; one more jails.
    pub fn max_missed(&self) -> i64 {
        self.window - self.min_signed.mul_round(self.window).unwrap_or(0)
    }
}

// === impl SigningInfo ===

impl SigningInfo {
    /// The info of a validator that bonds for the first time in block `height` (0 at genesis).
    pub fn new(height: i64) -> Self {
        let jailed_until = Timestamp { seconds: 0, nanos: 0 };
        Self { start_height: height, index_offset: 0, missed: 0, jailed_until, tombstoned: false }
    }

    /// Handles this validator's entry of the last commit in block `height` of `time`; `missed` is the flag ABSENT, and
    /// a vote for nil is not a miss. In jail a validator is still counted by SDKs before 0.47, for the two blocks in which the
    /// set still has it, but not punished again.
    pub fn handle(
        &mut self,
        bits: &mut Bitmap,
        params: &Params,
        (height, time): (i64, Timestamp),
        jailed: bool,
        missed: bool,
        line: Line,
    ) -> Handled {
        if jailed && line.skips_jailed() {
            return Handled::Skipped;
        }
        let index = self.index_offset.rem_euclid(params.window);
        self.index_offset += 1;
        if bits.get(index) != missed {
            bits.set(index, missed);
            self.missed += if missed { 1 } else { -1 };
        }
        let liveness = missed.then_some(self.missed);
        let punished =
            !jailed && height > self.start_height + params.window && self.missed > params.max_missed();
        if punished {
            self.jailed_until = crate::moment::plus(time, params.jail_duration);
            self.missed = 0;
            self.index_offset = 0;
            bits.clear();
        }
        Handled::Counted { liveness, punished }
    }
}

#[cfg(test)]
mod tests;
