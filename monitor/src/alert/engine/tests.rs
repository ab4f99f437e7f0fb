//! Scripted histories, and the property that whatever happens and wherever it crashes, who is told hears of each beginning
//! and each end once and in order.

use super::super::command::{self, Command};
use super::super::policy::{Matcher, Silence, Window};
use super::super::{Severity, Words};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn key(subject: &str) -> Key {
    Key { rule: "PalisadeValidatorDown".into(), chain: "c-1".into(), subject: subject.into() }
}

fn reading(subject: &str, holds: Holds) -> Reading {
    Reading {
        key: key(subject),
        holds,
        value: Some(1.0),
        severity: Severity::Critical,
        labels: BTreeMap::from([("valoper".into(), subject.into())]),
        words: Words { what: format!("{subject} is down"), ..Words::default() },
        hold: 10,
        clear: 20,
        hidden: false,
    }
}

fn readings(list: Vec<Reading>) -> Readings {
    Readings { list, undecided: BTreeSet::new() }
}

fn policy(remind: Millis, escalate: Millis, tiers: u8) -> Policy {
    Policy { rhythm: Rhythm { remind, escalate, tiers }, ..Policy::default() }
}

/// Letters for one subject each millisecond: `y`es, `n`o, `?`, `h`idden and holding, `-` no longer asked. Gives out what was
/// sent, as `time kind`.
fn play(policy: &Policy, from: State, start: Millis, script: &str) -> (State, Vec<String>) {
    let mut state = from;
    let mut said = Vec::new();
    for (i, letter) in script.chars().enumerate() {
        let now = start + Millis::try_from(i).unwrap();
        let holds = match letter {
            'y' | 'h' => Holds::Yes,
            'n' => Holds::No,
            _ => Holds::Unknown,
        };
        let mut one = reading("v", holds);
        one.hidden = letter == 'h';
        let list = if letter == '-' { vec![] } else { vec![one] };
        let out;
        (state, out) = evaluate(state, readings(list), policy, now);
        said.extend(out.iter().map(|t| format!("{now} {:?}", t.kind)));
    }
    (state, said)
}

fn fresh(policy: &Policy, script: &str) -> Vec<String> {
    play(policy, State::default(), 0, script).1
}

fn times(letter: &str, n: usize) -> String {
    letter.repeat(n)
}

#[test]
fn what_does_not_hold_for_long_is_not_told() {
    let quiet = policy(0, 0, 0);
    assert!(fresh(&quiet, &(times("y", 10) + "nnn" + &times("y", 10))).is_empty(), "nine milliseconds twice");
    assert_eq!(fresh(&quiet, &times("y", 12)), ["10 Fired"]);
}

#[test]
fn a_flap_is_one_alert() {
    let script = times("y", 11) + &(times("n", 19) + "y").repeat(5) + &times("n", 21);
    let said = fresh(&policy(0, 0, 0), &script);
    assert_eq!(said, ["10 Fired", "131 Resolved"]);
}

#[test]
fn what_is_not_known_neither_raises_nor_clears() {
    assert!(fresh(&policy(0, 0, 0), &("y".to_owned() + &times("?", 100))).is_empty());
    let script = times("y", 11) + &times("n", 19) + "?" + &times("n", 19) + &times("?", 50) + &times("n", 21);
    assert_eq!(fresh(&policy(0, 0, 0), &script), ["10 Fired", "120 Resolved"]);
}

#[test]
fn a_subject_that_is_gone_is_over_and_an_undecided_one_stays() {
    let quiet = policy(0, 0, 0);
    let (state, said) = play(&quiet, State::default(), 0, &(times("y", 11) + "-"));
    assert_eq!(said, ["10 Fired", "11 Resolved"]);
    assert!(state.alerts.is_empty());
    let (state, _) = play(&quiet, State::default(), 0, &times("y", 11));
    let undecided = BTreeSet::from([("PalisadeValidatorDown".into(), "c-1".into())]);
    let (state, out) = evaluate(state, Readings { list: vec![], undecided }, &quiet, 50);
    assert!(out.is_empty() && state.alerts.len() == 1);
}

#[test]
fn what_another_alert_says_is_not_said_twice() {
    let quiet = policy(5, 0, 0);
    assert!(fresh(&quiet, &times("h", 50)).is_empty());
    // Told before it was hidden: not reminded of while it is, and its end is told.
    let script = times("y", 11) + &times("h", 30) + &times("n", 21);
    assert_eq!(fresh(&quiet, &script), ["10 Fired", "61 Resolved"]);
    // Hidden while it waited: begins anew afterwards.
    assert_eq!(fresh(&policy(0, 0, 0), &(times("y", 9) + "h" + &times("y", 11))), ["20 Fired"]);
}

#[test]
fn reminders_and_escalation_end_with_the_acknowledgement() {
    let loud = policy(10, 25, 2);
    let (mut state, said) = play(&loud, State::default(), 0, &times("y", 62));
    assert_eq!(
        said,
        [
            "10 Fired",
            "20 Reminded",
            "30 Reminded",
            "35 Escalated",
            "45 Reminded",
            "55 Reminded",
            "60 Escalated"
        ]
    );
    let ack = Command::Ack {
        matcher: Matcher { rule: Some("PalisadeValidatorDown".into()), ..Matcher::default() },
        by: "ann".into(),
        note: String::new(),
    };
    assert_eq!(command::apply(&mut state, ack, 62).unwrap(), "1 acknowledged");
    // A restart in the middle: the state goes through its own JSON.
    let text = serde_json::to_string(state.alerts.values().next().unwrap()).unwrap();
    let alert: Alert = serde_json::from_str(&text).unwrap();
    let restored = State { alerts: BTreeMap::from([(alert.key.clone(), alert)]), silences: vec![] };
    assert_eq!(restored, state);
    let (_, said) = play(&loud, restored, 62, &(times("y", 500) + &times("n", 21)));
    assert_eq!(said, ["582 Resolved"]);
}

#[test]
fn a_restart_in_the_middle_neither_repeats_nor_forgets() {
    let quiet = policy(0, 0, 0);
    let (state, said) = play(&quiet, State::default(), 0, &times("y", 11));
    assert_eq!(said, ["10 Fired"]);
    // Nothing is known at first, then it still holds, then no longer.
    let (state, said) = play(&quiet, state, 100, &(times("?", 30) + &times("y", 30)));
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(play(&quiet, state, 1000, &times("n", 21)).1, ["1020 Resolved"]);
}

fn silence(rule: Option<&str>, maintenance: bool, until: Millis) -> Silence {
    let matcher = Matcher { chain: Some("c-1".into()), rule: rule.map(Into::into), subject: None };
    Silence { id: 1, matcher, maintenance, until, by: "ann".into(), note: String::new() }
}

#[test]
fn after_a_silence_what_still_holds_is_told() {
    let quiet = policy(0, 0, 0);
    let muted = State { silences: vec![silence(None, false, 50)], ..State::default() };
    assert_eq!(play(&quiet, muted.clone(), 0, &times("y", 60)).1, ["50 Fired"]);
    assert!(play(&quiet, muted, 0, &(times("y", 20) + &times("n", 60))).1.is_empty(), "over before its end");
    // Told before the silence: its end is told, for somebody's pager waits for it.
    let (mut state, _) = play(&quiet, State::default(), 0, &times("y", 11));
    state.silences.push(silence(None, false, 1000));
    assert_eq!(play(&quiet, state, 11, &times("n", 21)).1, ["31 Resolved"]);
}

#[test]
fn maintenance_hides_no_double_sign() {
    let window = Window {
        matcher: Matcher { chain: Some("c-1".into()), ..Matcher::default() },
        from: 0,
        until: 1000,
        every: 0,
    };
    let plan = Policy { maintenance: vec![window], ..policy(0, 0, 0) };
    assert!(fresh(&plan, &times("y", 50)).is_empty());
    let tombstone = |rule: &str, state: State| {
        let mut reading = reading("v", Holds::Yes);
        reading.key.rule = rule.into();
        reading.hold = 0;
        evaluate(state, readings(vec![reading]), &plan, 5).1.len()
    };
    assert_eq!(tombstone("PalisadeValidatorTombstoned", State::default()), 1);
    for (rule, maintenance, told) in [
        (None, false, 1),
        (Some("PalisadeValidatorTombstoned"), true, 1),
        (Some("PalisadeValidatorTombstoned"), false, 0),
    ] {
        let state = State { silences: vec![silence(rule, maintenance, 50)], ..State::default() };
        assert_eq!(tombstone("PalisadeValidatorTombstoned", state), told, "{rule:?} {maintenance}");
    }
}

#[test]
fn an_order_about_everything_is_refused() {
    let mut state = State::default();
    for matcher in [Matcher::default(), Matcher { chain: Some("c-1".into()), ..Matcher::default() }] {
        let ack = Command::Ack { matcher, by: String::new(), note: String::new() };
        let error = command::apply(&mut state, ack, 0).unwrap_err().to_string();
        assert!(error.contains("\ntry: "), "{error}");
    }
}

/// What the world does in one step.
#[derive(Clone, Copy, Debug)]
enum Crash {
    Not,
    BeforeCommit,
    AfterCommit,
    AfterSend,
}

/// The store as SQLite keeps it: state and outbox change together.
#[derive(Clone, Default)]
struct Disk {
    state: State,
    outbox: Vec<Transition>,
}

fn deliver(disk: &mut Disk, heard: &mut Vec<(String, Kind, Key)>, forget: bool) {
    for transition in disk.outbox.clone() {
        let id = transition.id();
        // The receiver knows the key of what it has.
        if !heard.iter().any(|(seen, ..)| *seen == id) {
            heard.push((id, transition.kind, transition.alert.key.clone()));
        }
        if !forget {
            disk.outbox.remove(0);
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_wherever_it_crashes(
        steps in proptest::collection::vec(
            (proptest::collection::vec(0u8..4, 3), prop_oneof![
                5 => Just(Crash::Not), 1 => Just(Crash::BeforeCommit), 1 => Just(Crash::AfterCommit), 1 => Just(Crash::AfterSend)],
                1i64..15), 1..120)
    ) {
        let policy = policy(40, 60, 1);
        let mut disk = Disk::default();
        let mut heard = Vec::new();
        let mut now = 0;
        // The same machine without crashes, for the beginnings and ends that must be heard.
        let mut undisturbed = State::default();
        let mut expected: Vec<(Kind, Key)> = Vec::new();
        for (holds, crash, pause) in &steps {
            now += pause;
            let list: Vec<_> = holds.iter().enumerate().filter(|(_, h)| **h < 3).map(|(i, h)| {
                reading(&format!("v{i}"), [Holds::Yes, Holds::No, Holds::Unknown][usize::from(*h)])
            }).collect();
            let undecided = BTreeSet::from([("PalisadeValidatorDown".to_owned(), "c-1".to_owned())]);
            let at = Readings { list, undecided };
            let (state, out) = evaluate(disk.state.clone(), at.clone(), &policy, now);
            if matches!(crash, Crash::BeforeCommit) {
                continue;
            }
            let (same, sent) = evaluate(undisturbed, at, &policy, now);
            undisturbed = same;
            expected.extend(sent.iter().map(|t| (t.kind, t.alert.key.clone())));
            disk.state = state;
            disk.outbox.extend(out);
            match crash {
                Crash::AfterCommit => {}
                Crash::AfterSend => deliver(&mut disk, &mut heard, true),
                _ => deliver(&mut disk, &mut heard, false),
            }
        }
        deliver(&mut disk, &mut heard, false);
        prop_assert!(disk.outbox.is_empty());
        let told: Vec<_> = heard.iter().map(|(_, kind, key)| (*kind, key.clone())).collect();
        prop_assert_eq!(&told, &expected);
        for subject in ["v0", "v1", "v2"] {
            let ends: Vec<_> = heard.iter().filter(|(_, k, at)| {
                at.subject == subject && matches!(k, Kind::Fired | Kind::Resolved)
            }).map(|(_, k, _)| *k).collect();
            prop_assert!(ends.chunks(2).all(|c| c[0] == Kind::Fired && c.get(1).is_none_or(|k| *k == Kind::Resolved)), "{:?}", ends);
            let open = ends.len() % 2 == 1;
            prop_assert_eq!(open, disk.state.alerts.get(&key(subject)).is_some_and(|a| a.told.is_some()));
        }
    }
}
