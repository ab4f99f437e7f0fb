//! The rule, line by line.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{key::PrivateKey, rpc::CommitSig};

use super::*;

const DEPTH: u32 = 4;

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[5; 32])
}

fn mark(height: i64, round: i32, step: Step, sign_bytes: &[u8]) -> Mark {
    Mark { hrs: Hrs { height, round, step }, sign_bytes: sign_bytes.into() }
}

/// A commit in which this key signed these bytes, or is absent, beside another validator.
fn commit(height: i64, round: i32, signed: Option<&[u8]>) -> Commit {
    let sig = |key: &PrivateKey, bytes: &[u8]| CommitSig {
        block_id_flag: 2,
        validator_address: key.public().address().to_string(),
        timestamp: "2026-01-02T03:04:05Z".into(),
        signature: Some(BASE64_STANDARD.encode(key.sign(bytes))),
    };
    let other = sig(&PrivateKey::from_seed(&[6; 32]), b"other");
    let mine = signed.map_or_else(CommitSig::absent, |bytes| sig(&key(), bytes));
    Commit { height, round, signatures: vec![other, mine], ..Commit::default() }
}

fn look(commits: Vec<Commit>) -> Look {
    Look { tip: commits.iter().map(|commit| commit.height).max().unwrap_or(0), base: 1, commits }
}

fn judge_it(mark: &Mark, look: &Look) -> Finding {
    judge(mark, &key().public().into(), DEPTH, look)
}

fn foreign_at(finding: &Finding) -> Option<(i64, i32)> {
    match finding {
        Finding::Foreign(sighting) => Some((sighting.hrs.height, sighting.hrs.round)),
        _ => None,
    }
}

#[test]
fn what_lies_above_the_mark_is_foreign() {
    let mine = mark(10, 1, Step::Precommit, b"mine");
    for (height, round) in [(10, 2), (11, 0), (13, 0)] {
        let commits: Vec<_> = (10..=13)
            .map(|at| commit(at, if at == height { round } else { 0 }, (at == height).then_some(b"x")))
            .collect();
        assert_eq!(foreign_at(&judge_it(&mine, &look(commits))), Some((height, round)));
    }
    // Also a vote for nil, and also in the round and height of a mark that is not a precommit yet.
    let mut nil = commit(11, 0, Some(b"x"));
    nil.signatures[1].block_id_flag = 3;
    assert_eq!(foreign_at(&judge_it(&mine, &look(vec![commit(10, 0, None), nil]))), Some((11, 0)));
    let prevote = mark(10, 1, Step::Prevote, b"mine");
    assert_eq!(foreign_at(&judge_it(&prevote, &look(vec![commit(10, 1, Some(b"x"))]))), Some((10, 1)));
}

#[test]
fn at_the_mark_only_its_own_bytes_are_ours() {
    let mine = mark(10, 1, Step::Precommit, b"mine");
    let judged = |mark: &Mark, bytes: &[u8]| judge_it(mark, &look(vec![commit(10, 1, Some(bytes))]));
    assert!(matches!(judged(&mine, b"mine"), Finding::Nothing(_)));
    assert_eq!(foreign_at(&judged(&mine, b"other timestamp")), Some((10, 1)));
    // A floor does not know, and nothing can be signed at it.
    assert!(matches!(judged(&mark(10, 1, Step::Precommit, b""), b"x"), Finding::Nothing(_)));
    // Garbage for a signature proves nothing good.
    let mut garbage = commit(10, 1, Some(b"mine"));
    for bad in [None, Some("?".into()), Some(String::new())] {
        garbage.signatures[1].signature = bad;
        assert_eq!(foreign_at(&judge_it(&mine, &look(vec![garbage.clone()]))), Some((10, 1)));
    }
}

#[test]
fn what_lies_below_the_mark_is_not_asked_about() {
    let mine = mark(10, 1, Step::Precommit, b"mine");
    assert!(matches!(judge_it(&mine, &look(vec![commit(10, 0, Some(b"x"))])), Finding::Nothing(_)));
    assert_eq!(heights(&mine, 11, DEPTH), 10..=11);
    assert_eq!(heights(&mine, 100, DEPTH), 97..=100);
    assert!(heights(&mine, 9, DEPTH).is_empty());
    assert_eq!(heights(&Mark::floor(Hrs::whole_height(0)), 2, DEPTH), 1..=2);
    assert!(heights(&Mark::floor(Hrs::whole_height(0)), 0, DEPTH).is_empty());
}

#[test]
fn a_look_clears_one_height_beyond_what_it_saw() {
    let Finding::Nothing(clear) = judge_it(
        &mark(10, 0, Step::Precommit, b"mine"),
        &look(vec![commit(10, 0, Some(b"mine")), commit(11, 0, None)]),
    ) else {
        panic!("clear")
    };
    let cleared = Standing::Cleared(clear);
    assert!(cleared.leave(11).is_some() && cleared.leave(12).is_some() && cleared.leave(13).is_none());
    assert!(cleared.needs_look(13));
    assert_eq!(cleared.leave(12).map(|leave| leave.height()), Some(12));
}

/// After a halt every validator waits for the others: no look may ask for a block that is not there.
#[test]
fn a_halted_chain_is_cleared_as_it_stands() {
    let mine = mark(12, 7, Step::Prevote, b"mine");
    let Finding::Nothing(clear) = judge_it(&mine, &look(vec![commit(11, 0, Some(b"x"))])) else {
        panic!("clear")
    };
    assert!(Standing::Cleared(clear).leave(12).is_some());
}

#[test]
fn a_chain_may_begin_at_any_height() {
    let fresh = Mark::floor(Hrs::whole_height(0));
    let Finding::Nothing(clear) = judge_it(&fresh, &Look::default()) else { panic!("clear") };
    assert!(Standing::Cleared(clear).leave(5_200_791).is_some());
    // A key that has signed does not take a node without blocks for a new chain.
    let mine = mark(100, 0, Step::Precommit, b"mine");
    let Finding::Nothing(clear) = judge_it(&mine, &Look::default()) else { panic!("clear") };
    assert!(Standing::Cleared(clear).leave(101).is_none());
}

#[test]
fn a_look_with_holes_clears_nothing() {
    let mine = mark(10, 0, Step::Precommit, b"mine");
    let holes = look(vec![commit(10, 0, None), commit(12, 0, None)]);
    assert_eq!(judge_it(&mine, &holes), Finding::Incomplete(11));
    // What the node has pruned cannot be looked at.
    assert!(matches!(judge_it(&mine, &Look { base: 12, ..holes }), Finding::Nothing(_)));
    // But one foreign signature is enough.
    let foreign = look(vec![commit(12, 0, Some(b"x"))]);
    assert_eq!(foreign_at(&judge_it(&mine, &foreign)), Some((12, 0)));
}

#[test]
fn nothing_but_a_look_or_the_operator_gives_leave() {
    let sighting = Sighting { hrs: Hrs::whole_height(5), signature: String::new() };
    for held in [Standing::Unproven("no look yet".into()), Standing::Foreign(sighting.clone())] {
        assert!(held.leave(1).is_none(), "{held:?}");
    }
    assert!(!Standing::Foreign(sighting).needs_look(1));
    for settled in [Settled::NotGuarded, Settled::Signed, Settled::GaveUp] {
        assert!(Standing::Settled(settled).leave(i64::MAX).is_some());
    }
}
