//! The table of spec/slashing.md §1–§4, rule by rule.

use super::*;

fn params(window: i64, min_signed: &str) -> Params {
    Params {
        window,
        min_signed: min_signed.parse().unwrap(),
        jail_duration: 600_000_000_000,
        slash_downtime: Dec::default(),
    }
}

#[test]
fn limit_uses_bankers_rounding() {
    for (window, min, limit) in [
        (10_000, "0.05", 9500),
        (10_001, "0.5", 5001),
        (10_003, "0.5", 5001),
        (30_000, "0.05", 28_500),
        (100, "0.5", 50),
        (20, "0.5", 10),
        (9, "0.05", 9),
        (1, "1", 0),
    ] {
        assert_eq!(params(window, min).max_missed(), Some(limit), "{window} x {min}");
    }
    assert_eq!(params(0, "0.5").max_missed(), None);
    assert_eq!(params(-5, "0.5").max_missed(), None);
}

/// Handles `flags` from `height` on; the height of the first jailing.
fn run(
    window: &mut Window,
    params: &Params,
    height: i64,
    flags: impl IntoIterator<Item = bool>,
) -> Option<i64> {
    (height..).zip(flags).find(|(h, missed)| window.handle(params, *h, *missed).jailed).map(|(h, _)| h)
}

#[test]
fn a_genesis_validator_that_never_signs_is_jailed_by_the_guard() {
    // W=10, M=5: six misses at height 7 (first handled at 2), but the guard wants H > 0 + 10.
    let params = params(10, "0.5");
    let mut window = Window::fresh(0);
    assert_eq!(run(&mut window, &params, 2, std::iter::repeat(true)), Some(11));
    assert_eq!((window.missed, window.index_offset, window.start_height), (0, 0, 0), "reset, start kept");
    assert_eq!(window.bits, Some(Bitmap::default()));
}

#[test]
fn a_new_validator_has_offset_window_minus_one_at_the_guard() {
    // Bonded at U=50: first handled at 53, jailed at U+W+1 at the earliest (§3).
    let params = params(10, "0.5");
    let mut window = Window::fresh(50);
    let mut before = window.clone();
    for h in 53.. {
        before = window.clone();
        if window.handle(&params, h, true).jailed {
            assert_eq!(h, 61);
            break;
        }
    }
    assert_eq!(before.index_offset + 1, 9);
}

#[test]
fn old_misses_fall_out() {
    let params = params(10, "0.5");
    let mut window = Window::fresh(0);
    let flags = |missed: [usize; 5]| (0..10).map(move |i| missed.contains(&i));
    assert_eq!(run(&mut window, &params, 102, flags([0, 1, 2, 3, 4])), None);
    assert_eq!(window.missed, 5, "at the limit, not over it");
    assert_eq!(
        run(&mut window, &params, 112, [true, true, true, true, true]),
        None,
        "each one replaces an old one"
    );
    assert_eq!(window.missed, 5);
    assert_eq!(run(&mut window, &params, 117, [true]), Some(117), "slot 5 was signed");
}

#[test]
fn liveness_carries_the_counter_after_the_update() {
    let params = params(4, "0.25");
    let mut window = Window::fresh(0);
    assert_eq!(window.handle(&params, 2, true).liveness, Some(1..=1));
    assert_eq!(window.handle(&params, 3, false).liveness, None);
    assert_eq!(window.handle(&params, 4, true).liveness, Some(2..=2));
    assert_eq!(window.handle(&params, 5, true).liveness, Some(3..=3), "M = 3");
    assert_eq!(window.handle(&params, 6, true).liveness, Some(3..=3), "slot 0 again: no change");
    let last = window.handle(&params, 7, true);
    assert_eq!(last, Handled { liveness: Some(4..=4), jailed: true }, "the event precedes the reset");
}

#[test]
fn a_lowered_window_leaves_ghosts_that_jail() {
    let wide = params(20, "0.5");
    let mut window = Window::fresh(0);
    run(&mut window, &wide, 102, (0..20).map(|i| i >= 12));
    assert_eq!((window.missed, window.ghosts(&wide)), (8, Some(0)));
    let narrow = params(10, "0.5");
    assert_eq!(window.ghosts(&narrow), Some(8), "all misses sit above the new window");
    assert_eq!(
        run(&mut window, &narrow, 122, [false]),
        Some(122),
        "over the new limit, jailed on a signed block"
    );
    assert_eq!(window.ghosts(&narrow), Some(0), "the jailing clears them");
}

#[test]
fn a_raised_window_counts_orphaned_slots_again() {
    let narrow = params(4, "0.25");
    let mut window = Window::fresh(0);
    window.bits = Some({
        let mut bits = Bitmap::default();
        bits.replace(6, true);
        bits
    });
    window.missed = 1;
    assert_eq!(window.ghosts(&narrow), Some(1));
    let wide = params(8, "0.25");
    assert_eq!(window.ghosts(&wide), Some(0));
    run(&mut window, &wide, 101, (0..7).map(|_| false));
    assert_eq!(window.missed, 0);
}

#[test]
fn nobody_is_jailed_when_the_minimum_rounds_to_zero() {
    let params = params(9, "0.05");
    let mut window = Window::fresh(0);
    assert_eq!(run(&mut window, &params, 100, (0..500).map(|_| true)), None);
    assert_eq!(window.missed, 9);
}

/// A window of which only the counter is known.
fn counter(index_offset: i64, missed: i64) -> Window {
    Window { index_offset, missed, bits: None, ..Window::fresh(0) }
}

#[test]
fn without_bits_the_counter_is_an_interval() {
    let params = params(6, "0.5");
    let mut window = counter(100, 2);
    window.handle(&params, 200, true);
    assert_eq!(
        (window.missed, window.at_least(), window.is_counted()),
        (3, 2, false),
        "the slot may have been missed"
    );
    window.handle(&params, 201, false);
    assert_eq!((window.missed, window.at_least()), (3, 1));
    window.told(&params, 2);
    assert_eq!((window.missed, window.at_least(), window.ghosts(&params)), (2, 2, None));
}

#[test]
fn a_window_without_bits_is_whole_after_one_round() {
    let params = params(6, "0.01");
    let mut window = counter(100, 2);
    for h in 0..6 {
        window.handle(&params, 200 + h, h == 3);
    }
    assert!(window.bits.is_none(), "the counter is an upper bound still");
    window.told(&params, 1);
    assert_eq!((window.bits.is_some(), window.ghosts(&params)), (true, Some(0)));
    let mut clean = counter(100, 0);
    clean.handle(&params, 200, false);
    assert!(clean.bits.is_some(), "with a counter of 0 every bit is clear");
}

#[test]
fn a_certain_jailing_needs_no_bits() {
    // M = 3. Four misses are certain as soon as the chain has said so.
    let params = params(6, "0.5");
    let mut window = counter(100, 3);
    assert!(!window.handle(&params, 200, true).jailed, "perhaps on a missed slot");
    window.told(&params, 3);
    assert!(!window.handle(&params, 201, true).jailed);
    window.told(&params, 4);
    assert!(window.handle(&params, 202, false).jailed || window.at_least() <= 3);
    let mut over = counter(100, 9);
    assert!(over.handle(&params, 200, true).jailed, "9 or 10, both over 3");
    assert_eq!(over, Window::fresh(0), "and after it everything is known");
}

proptest::proptest! {
    /// Whatever is not known: C is within its bounds, a jailing is never invented, and once the bits are whole they are
    /// those of the window that always knew them.
    #[test]
    fn partial_knowledge_is_never_wrong(
        size in 1i64..40,
        percent in 0i64..=100,
        before in proptest::collection::vec(proptest::prelude::any::<bool>(), 0..80),
        known in 0usize..80,
        after in proptest::collection::vec((proptest::prelude::any::<bool>(), 0u8..4), 0..120),
    ) {
        let min_signed = Dec::from_units(i128::from(percent) * 10_000_000_000_000_000);
        let params = Params { window: size, min_signed, jail_duration: 0, slash_downtime: Dec::default() };
        let mut truth = Window::fresh(0);
        let mut flags = Vec::new();
        let mut height = 1;
        for missed in before {
            height += 1;
            flags.push(missed);
            if truth.handle(&params, height, missed).jailed {
                flags.clear();
            }
        }
        let recent: Vec<bool> = flags.iter().rev().take(known).copied().collect();
        let mut seen = Window { bits: None, partial: None, ..truth.clone() };
        seen.recall(&params, recent);
        for (missed, told) in after {
            height += 1;
            let (a, b) = (truth.handle(&params, height, missed), seen.handle(&params, height, missed));
            proptest::prop_assert!(a.jailed || !b.jailed, "invented at {}", height);
            if a.jailed && !b.jailed {
                seen.reset();
            }
            if told == 0 {
                seen.told(&params, truth.missed);
            }
            proptest::prop_assert!(seen.at_least() <= truth.missed && truth.missed <= seen.missed);
            proptest::prop_assert_eq!(seen.index_offset, truth.index_offset);
            if let Some(bits) = &seen.bits {
                proptest::prop_assert_eq!(seen.missed, truth.missed);
                for slot in 0..params.slots() {
                    proptest::prop_assert_eq!(bits.get(slot), truth.bits.as_ref().unwrap().get(slot));
                }
            }
        }
    }

    /// The chain's counter, read some blocks ago, and what was watched: joined, C is within both bounds, and what was known
    /// exactly stays so. The counter of then is an upper bound by now, and no contradiction.
    #[test]
    fn an_old_counter_does_not_contradict(
        size in 1i64..40,
        flags in proptest::collection::vec(proptest::prelude::any::<bool>(), 2..200),
        watched_from in 0usize..200,
        read_at in 0usize..200,
        recalled in 0usize..80,
    ) {
        let params = Params { window: size, min_signed: Dec::default(), jail_duration: 0, slash_downtime: Dec::default() };
        let (watched_from, read_at) = (watched_from.min(flags.len()), read_at.min(flags.len()));
        let after = |n: usize| {
            let mut window = Window::fresh(0);
            run(&mut window, &params, 2, flags[..n].iter().copied());
            window
        };
        let to_the_end = |from: usize, window: &mut Window| {
            run(window, &params, 2, flags[from..].iter().copied());
        };
        let truth = after(flags.len());
        let mut own = after(watched_from);
        if watched_from > 0 {
            own = Window { bits: None, ..own };
        }
        to_the_end(watched_from, &mut own);
        let mut chain = Window { bits: None, partial: None, ..after(read_at) };
        chain.recall(&params, flags[..read_at].iter().rev().take(recalled).copied());
        to_the_end(read_at, &mut chain);

        proptest::prop_assert!(chain.agree(&params, &own));
        proptest::prop_assert!(chain.at_least() <= truth.missed && truth.missed <= chain.missed);
        proptest::prop_assert!(own.bits.is_none() || chain.bits == truth.bits);
        let mut other = chain.clone();
        other.index_offset += 1;
        proptest::prop_assert!(!other.agree(&params, &own));
    }
}
