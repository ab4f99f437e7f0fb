//! What is kept, and in which order it is sent.

use super::*;
use crate::alert::message::example;
use crate::alert::{Phase, Told};

fn fired(rule: &str, count: u32, kind: Kind) -> Transition {
    let mut t = example(kind);
    t.at = 1000;
    t.alert.key.rule = rule.into();
    t.alert.told = Some(Told { first: 1000, last: 1000, tier: 0, count });
    t
}

fn with(t: &Transition) -> State {
    State { alerts: [(t.alert.key.clone(), t.alert.clone())].into(), ..State::default() }
}

#[test]
fn state_and_outbox_survive_together() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let t = fired("A", 0, Kind::Fired);
    let mut state = with(&t);
    state.silences.push(Silence {
        id: 9,
        matcher: Default::default(),
        maintenance: false,
        until: 5,
        by: "x".into(),
        note: String::new(),
    });
    store.commit(&State::default(), &state, &[("a".into(), &t), ("b".into(), &t)]).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse(_))));
    drop(store);
    let mut store = Store::open(dir.path()).unwrap();
    assert_eq!(store.load().unwrap(), state);
    assert_eq!(store.next("a", 1000).unwrap().unwrap().transition, t);
    assert_eq!(store.waiting("b").unwrap(), (1, Some(1000)));
    assert_eq!(store.forget_others(&["a".into()]).unwrap(), 1);
    // Value and words alone are not worth a write; a phase is.
    let mut later = state.clone();
    later.alerts.values_mut().for_each(|a| a.value = Some(3.0));
    store.commit(&state, &later, &[]).unwrap();
    assert_eq!(store.load().unwrap(), state);
    later.alerts.values_mut().for_each(|a| a.phase = Phase::Pending { since: 7 });
    store.commit(&state, &later, &[]).unwrap();
    assert_eq!(store.load().unwrap(), later);
    store.commit(&later, &State::default(), &[]).unwrap();
    assert_eq!(store.load().unwrap(), State::default());
}

#[test]
fn an_end_never_overtakes_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let (begin, remind, end) =
        (fired("A", 0, Kind::Fired), fired("A", 1, Kind::Reminded), fired("A", 2, Kind::Resolved));
    let other = fired("B", 0, Kind::Fired);
    let none = State::default();
    for t in [&begin, &remind, &end, &other] {
        store.commit(&none, &none, &[("c".into(), t)]).unwrap();
    }
    let first = store.next("c", 1000).unwrap().unwrap();
    assert_eq!(first.transition, begin);
    store.later(first.id, 5000).unwrap();
    assert_eq!(store.next("c", 1000).unwrap().unwrap().transition, other, "another incident does not wait");
    let first = store.next("c", 5000).unwrap().unwrap();
    store.done(first.id).unwrap();
    assert_eq!(
        store.next("c", 5000).unwrap().unwrap().transition,
        end,
        "no reminder of what was not told yet"
    );
}
