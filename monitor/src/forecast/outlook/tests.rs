//! From windows to probabilities: who is in danger, and what is left out of the estimate.

use super::*;
use crate::jailing::Window;
use crate::line::Line;
use crate::set::Member;
use crate::windows::Source;

fn who(n: u8) -> Address {
    Address([n; 20])
}

/// Ten validators, 300 blocks handled, a window of 200 with 100 misses allowed; `missed(n, age)`.
fn question(missed: impl Fn(u8, i64) -> bool) -> Question {
    let params = Params {
        window: 200,
        min_signed: "0.5".parse().unwrap(),
        jail_duration: 0,
        slash_downtime: "0.01".parse().unwrap(),
    };
    let members = (1..=10).map(|n| Member { address: who(n), power: 10, key: vec![n] }).collect();
    let entries = (1..=10).map(|n| {
        let mut window = Window::fresh(0);
        for height in 3..=302 {
            window.handle(&params, height, missed(n, 302 - height));
        }
        let entry = Entry { window, jailed: false, jailed_since: 0, jailed_until: None, tombstoned: false };
        (who(n), entry)
    });
    let windows = Windows {
        height: 302,
        params,
        source: Source::Store,
        rules: Line::V050.rules(),
        read_at: 302,
        rotated: Vec::new(),
        entries: entries.collect(),
    };
    Question {
        windows,
        set: Arc::new(Set::new("A".into(), members)),
        rows: VecDeque::new(),
        pace: 6_000_000_000,
        who: (1..=10).map(who).collect(),
        fine: BTreeSet::from([who(1)]),
    }
}

#[test]
fn who_is_down_is_in_danger_and_who_signs_is_not() {
    let answers = answer(&question(|n, age| n == 1 && age < 60));
    let (down, up) = (answers[&who(1)], answers[&who(2)]);
    assert!(down.hour > 0.5 && down.hour <= down.day && down.day <= down.week, "{down:?}");
    assert!(up.hour < 1e-3 && up.day < 0.02, "{up:?}");
    assert_eq!((down.attributable, up.attributable), (60, 0));
}

#[test]
fn what_the_network_missed_is_not_ones_own() {
    let answers = answer(&question(|n, age| n <= 3 && (100..110).contains(&age)));
    assert_eq!(answers[&who(1)].attributable, 0, "two of nine others missed the same blocks");
    let alone = answer(&question(|n, age| n <= 1 && (100..110).contains(&age)));
    assert_eq!(alone[&who(1)].attributable, 10);
    assert!(alone[&who(1)].habit.fail > answers[&who(1)].habit.fail);
}

#[test]
fn without_bits_the_rows_speak() {
    let mut question = question(|n, age| n == 1 && age < 3);
    for entry in question.windows.entries.values_mut() {
        entry.window.bits = None;
    }
    let set = question.set.clone();
    question.rows = (0..50)
        .map(|age: i64| {
            let flag = |n: i32| if n == 0 && age < 3 { Flag::Absent } else { Flag::Commit };
            let (height, round) = (301 - age, 0);
            let flags = (0..10).map(flag).collect();
            Arc::new(Row { height, time: 0, round, proposer: None, set: set.clone(), flags })
        })
        .rev()
        .collect();
    let chance = answer(&question)[&who(1)];
    assert_eq!(chance.attributable, 3);
    assert!(chance.hour > 0.0);
}

#[test]
fn rounds_that_fail_do_not_hide_an_outage() {
    // Down for 30 blocks: every fourth block needs another round, because its proposer is the one that is down.
    let mut question = question(|n, age| n == 1 && age < 30);
    let set = question.set.clone();
    question.rows = (0..60)
        .map(|age: i64| {
            let (height, round) = (301 - age, i32::from(age < 30 && age % 4 == 0));
            Arc::new(Row {
                height,
                time: 0,
                round,
                proposer: None,
                set: set.clone(),
                flags: vec![Flag::Commit; 10],
            })
        })
        .rev()
        .collect();
    let chance = answer(&question)[&who(1)];
    assert_eq!(chance.attributable, 22);
    assert!(chance.habit.mend < 0.05 && chance.hour > 0.1, "it is one outage, and it goes on: {chance:?}");
}
