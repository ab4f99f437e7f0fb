//! Anchors that are counters only: where the raw store is refused, or for a moment.

use super::*;

/// An anchor of height 100 that says only how many were missed then.
fn counters(members: &[u8], missed: i64) -> Windows {
    let mut counters = anchor(100, 50, members);
    counters.source = Source::Counter;
    for entry in counters.entries.values_mut() {
        entry.window = Window { missed, bits: None, ..entry.window.clone() };
    }
    counters
}

#[test]
fn with_counters_only_the_events_correct_the_counter() {
    let all = [1, 2];
    let (state, _) = feed(State::new(), [Event::Block(block(100, "A", &all, "22")), set("A", &all)]);
    let (state, _) = apply(state, Event::Anchor(counters(&all, 20)));
    let claims = Some(Claims { liveness: vec![(who(2), 20)], jailed: vec![], ..Claims::default() });
    let (state, changes) = apply(state, Event::Block(Block { claims, ..block(101, "A", &all, "21") }));
    assert!(!changes.iter().any(|c| matches!(c, Change::Contradicted { .. })));
    assert_eq!(state.windows().unwrap().entries[&who(2)].window.missed, 20, "the miss fell on a missed slot");
}

#[test]
fn counters_of_some_blocks_ago_are_no_disagreement() {
    let all = [1, 2];
    let (state, _) = feed(State::new(), [Event::Block(block(100, "A", &all, "22")), set("A", &all)]);
    // All is known of 1 and 2: they missed the block that falls out next.
    let mut exact = anchor(100, 50, &all);
    for entry in exact.entries.values_mut() {
        let slot = entry.window.slot(&exact.params);
        entry.window.missed = 1;
        entry.window.bits.as_mut().unwrap().replace(slot, true);
    }
    let (state, _) = apply(state, Event::Anchor(exact));
    let (state, _) = apply(state, Event::Block(block(101, "A", &all, "21")));
    // The store is refused meanwhile: the counter of 100 and one miss more could be two by now.
    let (state, changes) = apply(state, Event::Anchor(counters(&all, 1)));
    assert_eq!(changes, [Change::Anchored { height: 100 }]);
    let windows = &state.windows().unwrap().entries;
    assert_eq!((windows[&who(1)].window.missed, windows[&who(2)].window.missed), (0, 1), "as it was known");
    let (state, changes) = apply(state, Event::Anchor(counters(&all, 9)));
    let of = |n| Change::Disagreement {
        address: who(n),
        height: 100,
        own: Some(i64::from(n) - 1),
        chain: Some(8 + i64::from(n)),
    };
    assert_eq!(changes, [of(1), of(2), Change::Anchored { height: 100 }]);
    assert_eq!(state.disagreements, 2);
}

#[test]
fn what_the_chain_alone_knows_of_those_outside_the_set_is_no_disagreement() {
    let (all, left) = ([1, 2], [1]);
    let (state, _) = feed(State::new(), [Event::Block(block(100, "A", &all, "22")), set("A", &all)]);
    let (state, _) = apply(state, Event::Anchor(anchor(100, 50, &all)));
    let events = [
        Event::Block(block(101, "B", &all, "22")),
        set("B", &left),
        Event::Block(block(102, "B", &left, "2")),
    ];
    let (state, _) = feed(state, events);
    let mut read = counters(&all, 0);
    read.entries.get_mut(&who(2)).unwrap().window.missed = 3;
    let (state, changes) = apply(state, Event::Anchor(read));
    assert_eq!((changes, state.disagreements), (vec![Change::Anchored { height: 100 }], 0));
}

#[test]
fn counters_from_before_a_jailing_do_not_undo_it() {
    let all = [1, 2];
    let (state, _) = feed(State::new(), [Event::Block(block(100, "A", &all, "22")), set("A", &all)]);
    let mut exact = anchor(100, 50, &all);
    // At its limit, by misses that do not fall out next.
    let window = &mut exact.entries.get_mut(&who(2)).unwrap().window;
    let first = window.slot(&exact.params) + 1;
    for slot in first..first + 25 {
        window.bits.as_mut().unwrap().replace(slot % 50, true);
    }
    window.missed = 25;
    let (state, _) = apply(state, Event::Anchor(exact));
    let (state, changes) = apply(state, Event::Block(block(101, "A", &all, "21")));
    assert!(changes.contains(&Change::Jailed { address: who(2), height: 101 }));
    let mut read = counters(&all, 0);
    read.entries.get_mut(&who(2)).unwrap().window.missed = 25;
    let (state, changes) = apply(state, Event::Anchor(read));
    assert_eq!(changes, [Change::Anchored { height: 100 }]);
    let entry = &state.windows().unwrap().entries[&who(2)];
    assert!(entry.jailed && entry.window.missed == 0 && entry.window.bits.is_some());
}
