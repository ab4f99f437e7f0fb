//! Causes that are there are named, noise is not, and tables stay small.

use super::*;
use crate::flag::Flag;
use crate::set::{Member, Set};
use std::sync::Arc;

fn who(n: usize) -> Address {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    Address(bytes)
}

struct Dice(u64);

impl Dice {
    fn chance(&mut self, one_in: u64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).is_multiple_of(one_in)
    }
}

fn set(size: usize) -> Arc<Set> {
    let member = |n| Member { address: who(n), power: 10, key: vec![] };
    Arc::new(Set::new("A".into(), (0..size).map(member).collect()))
}

/// Feeds `heights` rows; `missed(validator, next proposer, height, dice)`.
fn watch(
    size: usize,
    heights: i64,
    seed: u64,
    mut missed: impl FnMut(usize, usize, i64, &mut Dice) -> bool,
) -> Diagnosis {
    let (set, mut dice, mut diagnosis) = (set(size), Dice(seed), Diagnosis::default());
    for height in 1..=heights {
        let at = usize::try_from(height).unwrap();
        let (proposer, next) = (at % size, (at + 1) % size);
        let flag = |v| if missed(v, next, height, &mut dice) { Flag::Absent } else { Flag::Commit };
        let flags = (0..size).map(flag).collect();
        let row = Row { height, time: 0, round: 0, proposer: Some(proposer), set: set.clone(), flags };
        diagnosis.saw(height, Some(usize::from(proposer != 3)));
        diagnosis.observe(&row, Some(&who(next)));
    }
    diagnosis
}

#[test]
fn a_proposer_that_leaves_votes_out_is_named() {
    let diagnosis =
        watch(20, 4000, 1, |v, next, _, dice| (v == 5 && next == 9 && dice.chance(3)) || dice.chance(100));
    let verdict = diagnosis.verdict();
    assert_eq!(verdict.excluded_by.len(), 1, "{verdict:?}");
    let pair = verdict.excluded_by[&who(5)][0];
    assert_eq!((pair.other, verdict.excluded_by[&who(5)].len()), (who(9), 1));
    assert!(pair.seen > 40 && pair.of == 200 && pair.expected < 10.0, "{pair:?}");
    assert!(verdict.misses_with.is_empty() && verdict.clusters.is_empty());
}

#[test]
fn who_fails_together_is_a_cluster() {
    let mut shared = false;
    let diagnosis = watch(20, 4000, 2, move |v, _, _, dice| {
        if v == 0 {
            shared = dice.chance(200);
        }
        (v < 3 && shared) || dice.chance(100)
    });
    let verdict = diagnosis.verdict();
    assert_eq!(verdict.clusters, [vec![who(0), who(1), who(2)]]);
    assert!(verdict.excluded_by.is_empty(), "{verdict:?}");
}

#[test]
fn noise_is_not_named() {
    for seed in 10..30 {
        let diagnosis = watch(30, 3000, seed, |v, _, _, dice| dice.chance(10 + 20 * v as u64));
        let verdict = diagnosis.verdict();
        assert!(verdict.excluded_by.is_empty() && verdict.clusters.is_empty(), "seed {seed}: {verdict:?}");
        assert!((0..30).all(|v| !diagnosis.of(&who(v)).unwrap().proposes_too_few(30)));
    }
}

#[test]
fn alone_or_with_the_network() {
    let diagnosis = watch(10, 100, 3, |v, _, height, _| {
        (v == 1 && (10..14).contains(&height)) || (v < 3 && height == 50) || (v == 2 && height == 60)
    });
    let one = diagnosis.of(&who(1)).unwrap();
    assert_eq!((one.solo, one.shared, one.outages, one.onsets), (4, 1, 1, 1));
    let two = diagnosis.of(&who(2)).unwrap();
    assert_eq!((two.solo, two.shared, two.outages), (1, 1, 0));
    assert_eq!((diagnosis.events, diagnosis.heights, diagnosis.empty_blocks), (1, 100, 10));
    let three = diagnosis.of(&who(3)).unwrap();
    assert_eq!((three.empty, three.empty_streak, three.proposed), (10, 10, 10));
    assert!((three.expected - 10.0).abs() < 1e-9);
}

#[test]
fn who_never_proposes_is_found() {
    let set = set(4);
    let mut diagnosis = Diagnosis::default();
    for height in 1..=200 {
        let proposer = Some(usize::try_from(height % 3).unwrap());
        let flags = vec![Flag::Commit; 4];
        diagnosis.observe(&Row { height, time: 0, round: 1, proposer, set: set.clone(), flags }, None);
    }
    assert!(diagnosis.of(&who(3)).unwrap().proposes_too_few(4));
    assert!(!diagnosis.of(&who(0)).unwrap().proposes_too_few(4));
    assert_eq!((diagnosis.late_rounds, diagnosis.failed_rounds), (200, 200));
}

#[test]
fn a_thousand_validators_stay_small() {
    let diagnosis = watch(1000, 600, 4, |_, _, _, dice| dice.chance(20));
    assert!(diagnosis.excluded.len() <= PAIRS + 1000 && diagnosis.together.len() <= PAIRS);
    assert!(diagnosis.verdict().excluded_by.is_empty());
}

#[test]
fn the_poisson_tail_is_right() {
    for (seen, mean, expected) in [(1, 1.0, 0.632_12), (5, 2.0, 0.052_65), (20, 5.0, 3.452e-7), (0, 3.0, 1.0)]
    {
        let found = verdict::chance(seen, mean);
        assert!((found - expected).abs() < 1e-3 * expected, "{seen} {mean}: {found}");
    }
    assert!((verdict::chance_of_few(2, 4.0) - 0.238_10).abs() < 1e-4);
}
