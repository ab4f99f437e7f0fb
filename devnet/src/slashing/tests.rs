//! The cases of spec/slashing.md §1 to §4.

use super::*;

fn params(window: i64, min_signed: &str) -> Params {
    Params {
        window,
        min_signed: min_signed.parse().unwrap(),
        jail_duration: Duration::from_secs(600),
        fraction_downtime: "0.0001".parse().unwrap(),
        fraction_double_sign: "0.05".parse().unwrap(),
    }
}

const NOW: Timestamp = Timestamp { seconds: 1_000, nanos: 0 };

struct One(SigningInfo, Bitmap, Params);

impl One {
    fn new(start: i64, params: Params) -> Self {
        Self(SigningInfo::new(start), Bitmap::default(), params)
    }

    fn handle(&mut self, height: i64, missed: bool) -> Handled {
        self.0.handle(&mut self.1, &self.2, (height, NOW), false, missed, Line::default())
    }
}

#[test]
fn the_limit_is_rounded_half_to_even() {
    for (window, min, limit) in
        [(10_000, "0.05", 9_500), (10_001, "0.5", 5_001), (10_003, "0.5", 5_001), (100, "0", 100)]
    {
        assert_eq!(params(window, min).max_missed(), limit, "{window} x {min}");
    }
}

#[test]
fn always_absent_since_genesis_is_jailed_at_start_plus_window_plus_1() {
    let mut one = One::new(0, params(100, "0.5"));
    let jailed = (2..).find(|h| matches!(one.handle(*h, true), Handled::Counted { punished: true, .. }));
    assert_eq!(jailed, Some(101));
    // Not a block earlier, although the limit of 50 was passed at block 52.
    assert_eq!((one.0.missed, one.0.index_offset, one.1.count()), (0, 0, 0));
    assert_eq!(one.0.start_height, 0, "kept until it bonds again");
    assert_eq!(one.0.jailed_until.seconds, 1_600);
}

#[test]
fn later_the_miss_after_the_limit_jails() {
    let mut one = One::new(0, params(100, "0.5"));
    for height in 2..=500 {
        one.handle(height, false);
    }
    for miss in 1..=50 {
        assert_eq!(one.handle(500 + miss, true), Handled::Counted { liveness: Some(miss), punished: false });
    }
    assert_eq!(one.handle(551, true), Handled::Counted { liveness: Some(51), punished: true });
}

#[test]
fn a_miss_falls_out_of_the_window_when_its_index_comes_round() {
    let mut one = One::new(0, params(10, "0.5"));
    one.handle(2, true);
    for height in 3..=11 {
        assert_eq!(one.handle(height, false), Handled::Counted { liveness: None, punished: false });
        assert_eq!(one.0.missed, 1);
    }
    one.handle(12, false);
    assert_eq!((one.0.missed, one.0.index_offset), (0, 11));
}

#[test]
fn a_miss_in_a_missed_slot_counts_once() {
    let mut one = One::new(0, params(10, "0"));
    for height in 2..=31 {
        one.handle(height, true);
    }
    assert_eq!((one.0.missed, one.1.count()), (10, 10));
}

#[test]
fn nothing_is_counted_in_jail() {
    let mut one = One::new(0, params(10, "0.5"));
    let before = one.0;
    assert_eq!(one.0.handle(&mut one.1, &one.2, (50, NOW), true, true, Line::V047), Handled::Skipped);
    assert_eq!(one.0, before);
}

#[test]
fn a_lowered_limit_jails_one_that_signs() {
    // The test for too many is outside `if missed`.
    let mut one = One::new(0, params(10, "0"));
    for height in 2..=20 {
        one.handle(height, height < 10);
    }
    one.2 = params(10, "0.9");
    one.0.missed = 5;
    assert!(matches!(one.handle(21, false), Handled::Counted { liveness: None, punished: true }));
}

#[test]
fn a_shrunk_window_leaves_ghosts_in_the_counter() {
    let mut one = One::new(0, params(2000, "0"));
    for height in 2..=1601 {
        one.handle(height, height > 1501);
    }
    assert_eq!(one.0.missed, 100);
    one.2 = params(1000, "0");
    for height in 1602..=3601 {
        one.handle(height, false);
    }
    assert_eq!((one.0.missed, one.1.count()), (100, 100));
}
