//! How far a validator is from jail, and from a clean window: spec/slashing.md §9.
//!
//! Others report `M - C`, which is a lower bound: a miss that falls on a slot already missed changes nothing. The exact
//! answer walks the ring from the next slot and looks for the `(M - C + 1)`-th slot that is still clean.

pub mod habit;
pub mod outlook;
pub mod walk;

use crate::jailing::{Params, Partial, Window};

/// The distance to jail of a validator that misses every block from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToJail {
    /// Jailed at block `h + blocks`, exactly.
    Exact {
        /// k*, 1 = the very next block.
        blocks: i64,
    },
    /// Not before block `h + blocks`: only the counter is known.
    AtLeast {
        /// Lower bound of k*.
        blocks: i64,
    },
    /// The parameters jail nobody for downtime.
    Never,
}

impl ToJail {
    /// Blocks, where there is a number.
    pub fn blocks(self) -> Option<i64> {
        match self {
            Self::Exact { blocks } | Self::AtLeast { blocks } => Some(blocks),
            Self::Never => None,
        }
    }
}

/// k* after block `height` has been handled. For a validator that is in the set and not in jail.
pub fn to_jail(window: &Window, params: &Params, height: i64) -> ToJail {
    let Some(max_missed) = params.max_missed() else { return ToJail::Never };
    let guard = window.start_height + params.window + 1 - height;
    let needed = max_missed - window.missed + 1;
    let Some(bits) = &window.bits else {
        // Unknown slots count as clear: the earliest block that what is known allows.
        let known = window.partial.as_ref().filter(|_| needed > 0).map(Partial::bits);
        let nth = usize::try_from(needed.max(1)).unwrap_or(usize::MAX);
        let walked = known.and_then(|bits| bits.position(params.slots(), window.slot(params), false, nth));
        let walked = walked.and_then(|k| i64::try_from(k).ok()).unwrap_or(needed);
        return ToJail::AtLeast { blocks: walked.max(guard).max(1) };
    };
    let Ok(needed) = usize::try_from(needed.max(1)) else { return ToJail::Never };
    // Over the limit already (a grace period, or the limit fell): the next handled block decides, missed or not.
    if window.missed > max_missed {
        return ToJail::Exact { blocks: guard.max(1) };
    }
    match bits
        .position(params.slots(), window.slot(params), false, needed)
        .and_then(|k| i64::try_from(k).ok())
    {
        Some(k) => ToJail::Exact { blocks: k.max(guard) },
        None => ToJail::Never,
    }
}

/// Blocks to sign in a row until the counter is at most `level`; 0 = it is already, `None` = it stays above (ghosts) or
/// the bits are not known.
pub fn to_recover(window: &Window, params: &Params, level: i64) -> Option<i64> {
    let surplus = window.missed - level;
    if surplus <= 0 {
        return Some(0);
    }
    let nth = usize::try_from(surplus).ok()?;
    let k = window.bits.as_ref()?.position(params.slots(), window.slot(params), true, nth)?;
    i64::try_from(k).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitmap::Bitmap;
    use comet::sdk::decimal::Dec;
    use proptest::prelude::*;

    fn params(window: i64, percent: i64) -> Params {
        let min_signed = Dec::from_units(i128::from(percent) * 10_000_000_000_000_000);
        Params { window, min_signed, jail_duration: 0, slash_downtime: Dec::default() }
    }

    #[test]
    fn a_miss_on_a_missed_slot_is_free() {
        // W=10, M=5, C=5 in slots 0..5, next slot 0: five free misses, the sixth jails.
        let params = params(10, 50);
        let mut window = Window { index_offset: 100, ..Window::fresh(0) };
        for h in 0..10 {
            window.handle(&params, 200 + h, h < 5);
        }
        assert_eq!(to_jail(&window, &params, 209), ToJail::Exact { blocks: 6 });
        let counter = Window { bits: None, ..window.clone() };
        assert_eq!(to_jail(&counter, &params, 209), ToJail::AtLeast { blocks: 1 }, "what others would say");
        assert_eq!(to_recover(&window, &params, 5), Some(0));
        assert_eq!(to_recover(&window, &params, 3), Some(2));
        assert_eq!(to_recover(&window, &params, 0), Some(5));
    }

    #[test]
    fn the_guard_delays() {
        let params = params(100, 50);
        let window = Window::fresh(1000);
        assert_eq!(to_jail(&window, &params, 1002), ToJail::Exact { blocks: 99 });
    }

    #[test]
    fn never_when_the_minimum_rounds_to_zero() {
        assert_eq!(to_jail(&Window::fresh(0), &params(9, 5), 50), ToJail::Never);
    }

    proptest! {
        /// k* against a simulation that misses every block, over random histories, windows that were lowered or
        /// raised, and the grace period of young validators.
        #[test]
        fn k_star_is_exact(
            before in 1i64..60,
            now in 1i64..60,
            percent in 0i64..=100,
            history in proptest::collection::vec(any::<bool>(), 0..150),
            start in 0i64..200,
        ) {
            let (wide, params) = (params(before, percent), params(now, percent));
            let mut window = Window::fresh(start);
            let mut height = start + 2;
            for missed in history {
                height += 1;
                window.handle(&wide, height, missed);
            }
            let forecast = to_jail(&window, &params, height);
            let mut simulated = window.clone();
            let jailed = (1..=400).find(|k| simulated.handle(&params, height + k, true).jailed);
            prop_assert_eq!(forecast.blocks(), jailed);
            let lower = to_jail(&Window { bits: None, ..window.clone() }, &params, height).blocks().unwrap();
            prop_assert!(jailed.is_none_or(|k| lower <= k), "the bound {} is above {:?}", lower, jailed);
        }

        #[test]
        fn recovery_is_exact(
            size in 1i64..60,
            history in proptest::collection::vec(any::<bool>(), 0..150),
            level in 0i64..30,
            ghosts in 0i64..3,
        ) {
            let params = params(size, 0);
            let mut window = Window { bits: Some(Bitmap::default()), ..Window::fresh(0) };
            for (h, missed) in (3..).zip(history) {
                window.handle(&params, h, missed);
            }
            window.missed += ghosts;
            let forecast = to_recover(&window, &params, level);
            let recovered = (0..=size).find(|k| {
                let mut signing = window.clone();
                (1..=*k).for_each(|j| { signing.handle(&params, 10_000 + j, false); });
                signing.missed <= level
            });
            // Signing under M = W never jails, so the walk is undisturbed unless ghosts lift C over W.
            if window.missed <= size {
                prop_assert_eq!(forecast, recovered);
            }
        }
    }
}
