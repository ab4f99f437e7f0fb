//! apply(): counting, gaps, rewinds, set changes, anchors and the chain's own word.

mod counters;

use super::*;
use crate::event::{Claims, Commit};
use crate::flag::Flag;
use crate::jailing::{Params, Window};
use crate::line::Line;
use crate::set::Member;
use crate::windows::{Entry, Source};
use proptest::prelude::*;

fn who(n: u8) -> Address {
    Address([n; 20])
}

fn set(hash: &str, members: &[u8]) -> Event {
    let member = |n: &u8| Member { address: who(*n), power: 10, key: vec![*n] };
    Event::Set(Set::new(hash.into(), members.iter().map(member).collect()))
}

/// Block `height` of set `hash`, proposed by the first member; `flags` of the height before, one digit a member of
/// `members`.
fn block(height: i64, hash: &str, members: &[u8], flags: &str) -> Block {
    let votes = flags
        .bytes()
        .zip(members)
        .map(|(digit, n)| (Flag::from_number(digit - b'0'), (digit != b'1').then(|| who(*n))))
        .collect();
    Block {
        height,
        time: height * 1_000_000_000,
        set_hash: hash.into(),
        proposer: members.first().map(|n| who(*n)),
        commit: Some(Commit { height: height - 1, round: 0, votes }),
        ..Block::default()
    }
}

fn feed(mut state: State, events: impl IntoIterator<Item = Event>) -> (State, Vec<Change>) {
    let mut all = Vec::new();
    for event in events {
        let (next, changes) = apply(state, event);
        state = next;
        all.extend(changes);
    }
    (state, all)
}

fn tally(state: &State, n: u8) -> Tally {
    state.tally(&who(n)).copied().unwrap_or_default()
}

const PARAMS: fn(i64) -> Params = |window| Params {
    window,
    min_signed: "0.5".parse().unwrap(),
    jail_duration: 60_000_000_000,
    slash_downtime: "0.01".parse().unwrap(),
};

fn anchor(height: i64, window: i64, members: &[u8]) -> Windows {
    let entry = |n: &u8| {
        let window = Window { index_offset: height - 1, ..Window::fresh(0) };
        (who(*n), Entry { window, jailed: false, jailed_since: 0, jailed_until: None, tombstoned: false })
    };
    Windows {
        height,
        params: PARAMS(window),
        source: Source::Store,
        rules: Line::V050.rules(),
        read_at: height,
        rotated: Vec::new(),
        entries: members.iter().map(entry).collect(),
    }
}

#[test]
fn counts_the_height_before_by_index() {
    let all = [1, 2, 3];
    let (state, changes) = feed(
        State::new(),
        [
            Event::Block(block(5, "A", &all, "222")),
            set("A", &all),
            Event::Block(block(6, "A", &all, "213")),
            Event::Block(block(7, "A", &all, "211")),
        ],
    );
    let heights: Vec<_> = changes
        .iter()
        .filter_map(|c| match c {
            Change::Counted(row) => Some((row.height, row.proposer)),
            _ => None,
        })
        .collect();
    assert_eq!(heights, [(5, Some(0)), (6, Some(0))], "the first block's commit has no known set");
    assert_eq!(tally(&state, 1), Tally { signed: 2, proposed: 2, ..Tally::default() });
    assert_eq!(tally(&state, 2), Tally { missed: 2, consecutive_missed: 2, ..Tally::default() });
    assert_eq!(
        tally(&state, 3),
        Tally { signed: 1, nil: 1, missed: 1, consecutive_missed: 1, ..Tally::default() }
    );
}

#[test]
fn blocks_seen_before_change_nothing() {
    let all = [1];
    let events =
        [Event::Block(block(5, "A", &all, "2")), set("A", &all), Event::Block(block(6, "A", &all, "1"))];
    let (state, _) = feed(State::new(), events);
    let (state, changes) = feed(state, [6, 5, 1].map(|h| Event::Block(block(h, "A", &all, "1"))));
    assert_eq!(changes, []);
    assert_eq!((tally(&state, 1).missed, state.head().unwrap().height), (1, 6));
}

#[test]
fn a_gap_is_unknown_not_missed() {
    let all = [1];
    let (state, changes) = feed(
        State::new(),
        [
            Event::Block(block(5, "A", &all, "2")),
            set("A", &all),
            Event::Anchor(anchor(5, 10, &all)),
            Event::Block(block(6, "A", &all, "2")),
            Event::Block(block(10, "A", &all, "1")),
            Event::Block(block(11, "A", &all, "1")),
        ],
    );
    assert!(changes.contains(&Change::Gap { from: 6, to: 9 }), "{changes:?}");
    assert_eq!(state.unknown_heights, 4);
    assert_eq!(tally(&state, 1), Tally { signed: 1, missed: 1, consecutive_missed: 1, proposed: 2, nil: 0 });
    assert!(state.windows().is_none(), "unknown heights make the windows unknown");
}

#[test]
fn a_commit_that_does_not_fit_its_set_is_refused() {
    let all = [1, 2];
    let (state, _) = feed(State::new(), [Event::Block(block(5, "A", &all, "22")), set("A", &[2, 1])]);
    let (state, changes) = apply(state, Event::Block(block(6, "A", &all, "22")));
    assert_eq!(changes, [Change::Misaligned { height: 5, members: 2, entries: 2 }]);
    assert_eq!((state.head().unwrap().height, state.wanted_set()), (5, Some((5, "A"))));
    let (state, changes) = apply(state, Event::Block(block(6, "A", &all, "22")));
    assert_eq!(changes, [Change::SetMissing { height: 5 }]);
    let (state, _) = feed(state, [set("A", &all), Event::Block(block(6, "A", &all, "22"))]);
    assert_eq!(tally(&state, 2).signed, 1);
    let short = block(7, "A", &[1], "2");
    assert!(matches!(apply(state, Event::Block(short)).1[..], [Change::Misaligned { entries: 1, .. }]));
}

#[test]
fn jailing_leaving_and_bonding_again_follow_the_timeline() {
    // W=4, M=2: validator 2 misses from height 10 on, third miss handled in block 13. Its updates of block 13 apply at
    // height 15. It bonds again at the end of block 20, is in the set from 22, first handled in block 23.
    let (both, one) = ([1, 2], [1]);
    let mut events = vec![Event::Block(block(10, "AB", &both, "22")), set("AB", &both), set("A", &one)];
    events.push(Event::Anchor(anchor(10, 4, &both)));
    for h in 11..=15 {
        events.push(Event::Block(block(h, if h >= 15 { "A" } else { "AB" }, &both, "21")));
    }
    for h in 16..=22 {
        events.push(Event::Block(block(h, if h >= 22 { "AB" } else { "A" }, &one, "2")));
    }
    let (state, changes) = feed(State::new(), events);
    let jailed: Vec<_> = changes.iter().filter(|c| matches!(c, Change::Jailed { .. })).collect();
    assert_eq!(jailed, [&Change::Jailed { address: who(2), height: 13 }]);
    assert!(changes.contains(&Change::Left { address: who(2), height: 15 }));
    let entry = &state.windows().unwrap().entries[&who(2)];
    assert_eq!(
        (entry.window.missed, entry.window.index_offset, entry.jailed),
        (0, 0, true),
        "not counted while jailed"
    );
    assert_eq!(entry.jailed_until, Some(13_000_000_000 + 60_000_000_000));

    let (state, changes) =
        feed(state, [23, 24].map(|h| Event::Block(block(h, "AB", &both, if h == 23 { "22" } else { "21" }))));
    assert!(changes.contains(&Change::Entered { address: who(2), height: 22 }));
    let entry = &state.windows().unwrap().entries[&who(2)];
    assert_eq!((entry.window.start_height, entry.window.index_offset, entry.window.missed), (20, 2, 1));
    assert!(!entry.jailed);
    assert_eq!(tally(&state, 2).consecutive_missed, 1, "5 misses before, then one signed");
}

#[test]
fn an_anchor_of_the_past_or_future_is_joined() {
    let all = [1, 2];
    let blocks =
        |range: std::ops::RangeInclusive<i64>| range.map(|h| Event::Block(block(h, "A", &all, "21")));
    let (state, _) = feed(State::new(), [Event::Block(block(100, "A", &all, "22")), set("A", &all)]);
    let (state, _) = feed(state, blocks(101..=110));
    let (past, changes) = apply(state.clone(), Event::Anchor(anchor(104, 50, &all)));
    assert_eq!(changes, [Change::Anchored { height: 104 }]);
    let windows = past.windows().unwrap();
    assert_eq!((windows.height, windows.entries[&who(2)].window.missed), (110, 6));
    let (future, changes) = apply(state.clone(), Event::Anchor(anchor(112, 50, &all)));
    assert_eq!((changes.len(), future.windows()), (0, None));
    let (future, changes) = feed(future, blocks(111..=113));
    assert!(changes.contains(&Change::Anchored { height: 112 }));
    assert_eq!(future.windows().unwrap().entries[&who(2)].window.missed, 1);
    let (_, changes) = apply(state, Event::Anchor(anchor(90, 50, &all)));
    assert_eq!(changes, [Change::AnchorLost { height: 90 }]);
}

/// Blocks 101 to 103 with validator 2 missing; the chain contradicts in 102 (another counter) and 103 (no event).
fn contradicted() -> State {
    let all = [1, 2];
    let (state, _) = feed(State::new(), [Event::Block(block(100, "A", &all, "22")), set("A", &all)]);
    let (state, _) = apply(state, Event::Anchor(anchor(100, 50, &all)));
    let claims =
        |liveness: Vec<(Address, i64)>| Some(Claims { liveness, jailed: vec![], ..Claims::default() });
    let agree = Block { claims: claims(vec![(who(2), 1)]), ..block(101, "A", &all, "21") };
    let (state, changes) = apply(state, Event::Block(agree));
    assert!(!changes.iter().any(|c| matches!(c, Change::Contradicted { .. })), "{changes:?}");
    let other = Block { claims: claims(vec![(who(2), 7)]), ..block(102, "A", &all, "21") };
    let (state, changes) = apply(state, Event::Block(other));
    assert!(changes.contains(&Change::Contradicted {
        address: who(2),
        height: 102,
        own: Some(2),
        chain: Some(7)
    }));
    let silent = Block { claims: claims(vec![]), ..block(103, "A", &all, "21") };
    let (state, changes) = apply(state, Event::Block(silent));
    assert!(changes.contains(&Change::Contradicted {
        address: who(2),
        height: 103,
        own: Some(3),
        chain: None
    }));
    state
}

#[test]
fn under_the_same_parameters_a_contradiction_is_a_disagreement_and_the_chain_wins() {
    let mut truth = anchor(103, 50, &[1, 2]);
    truth.entries.get_mut(&who(2)).unwrap().window.missed = 9;
    let (state, changes) = apply(contradicted(), Event::Anchor(truth));
    assert!(changes.contains(&Change::Disagreement {
        address: who(2),
        height: 103,
        own: Some(3),
        chain: Some(9)
    }));
    assert_eq!((state.windows().unwrap().entries[&who(2)].window.missed, state.disagreements), (9, 2 + 1));
}

#[test]
fn other_parameters_explain_a_contradiction() {
    let (state, changes) = apply(contradicted(), Event::Anchor(anchor(103, 40, &[1, 2])));
    assert_eq!(changes, [Change::Params { height: 103 }, Change::Anchored { height: 103 }]);
    assert_eq!((state.disagreements, state.suspicions.len()), (0, 0));
    let (state, changes) = apply(contradicted(), Event::Anchor(anchor(101, 40, &[1, 2])));
    assert_eq!(
        changes,
        [Change::Params { height: 101 }, Change::Anchored { height: 101 }],
        "explains the later one as well"
    );
    assert_eq!((state.disagreements, state.suspicions.len()), (0, 0));
}

#[test]
fn an_anchor_from_before_the_contradiction_settles_nothing() {
    let (state, _) = apply(contradicted(), Event::Anchor(anchor(100, 50, &[1, 2])));
    assert_eq!((state.disagreements, state.suspicions.len()), (0, 2));
}

#[test]
fn double_signing_is_jailed_by_the_chain_alone() {
    let all = [1, 2];
    let (state, _) = feed(State::new(), [Event::Block(block(100, "A", &all, "22")), set("A", &all)]);
    let (state, _) = apply(state, Event::Anchor(anchor(100, 50, &all)));
    let claims = Some(Claims { liveness: vec![], jailed: vec![who(1)], ..Claims::default() });
    let (state, changes) =
        apply(state, Event::Block(Block { claims, evidence: 1, ..block(101, "A", &all, "22") }));
    assert!(changes.contains(&Change::Evidence { height: 101 }));
    assert!(changes.contains(&Change::Jailed { address: who(1), height: 101 }));
    let (state, _) = apply(state, Event::Block(block(102, "A", &all, "12")));
    let window = &state.windows().unwrap().entries[&who(1)].window;
    assert_eq!((window.missed, window.index_offset), (0, 100), "kept, and not counted any more");
    // An anchor of before the jailing is brought to the same state, and is no disagreement.
    let (state, changes) = apply(state, Event::Anchor(anchor(100, 50, &all)));
    assert_eq!(changes, [Change::Anchored { height: 100 }]);
    assert!(state.windows().unwrap().entries[&who(1)].jailed);
}

#[test]
fn restored_counters_go_on() {
    let all = [1];
    let (state, changes) = feed(
        State::new(),
        [Event::Block(block(5, "A", &all, "2")), set("A", &all), Event::Block(block(6, "A", &all, "1"))],
    );
    let rows = changes.into_iter().filter_map(|c| match c {
        Change::Counted(row) => Some(Row::clone(&row)),
        _ => None,
    });
    let saved = Saved {
        head: state.head.clone(),
        rows: rows.collect(),
        tallies: state.tallies.clone(),
        head_set: state.set().cloned(),
    };
    let (state, _) = apply(State::restore(saved), Event::Block(block(7, "A", &all, "1")));
    assert_eq!(tally(&state, 1), Tally { missed: 2, consecutive_missed: 2, proposed: 2, ..Tally::default() });
}

proptest! {
    /// Whatever order and however often blocks arrive, each height is counted at most once, and heights never go back.
    #[test]
    fn no_height_is_counted_twice(heights in proptest::collection::vec((1i64..20, any::<bool>()), 1..120)) {
        let all = [1, 2];
        let mut state = State::new();
        let mut counted = Vec::new();
        for (height, with_set) in heights {
            if with_set {
                state = apply(state, set("A", &all)).0;
            }
            let (next, changes) = apply(state, Event::Block(block(height, "A", &all, "21")));
            state = next;
            counted.extend(changes.iter().filter_map(|c| match c { Change::Counted(r) => Some(r.height), _ => None }));
        }
        prop_assert!(counted.windows(2).all(|w| w[0] < w[1]), "{:?}", counted);
        prop_assert_eq!(tally(&state, 2).missed, counted.len() as u64);
    }
}
