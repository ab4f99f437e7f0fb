//! A history that grows old is the same history: sealed rows, hours and days against the rows as they were given.

use super::*;
use crate::history::chunk::tests::set;
use crate::history::note::{Happened, Kind, Note};
use crate::history::segment::Segment;
use crate::history::{CHUNK, DAY, HOT, HOUR, span_of};
use crate::tally;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// Rows with a random walk of sets, misses and times, from `seed`.
pub(super) fn chain(seed: u64, count: i64, seconds: i64) -> Vec<Arc<Row>> {
    let mut state = seed | 1;
    let mut dice = move |sides: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    };
    let members: Vec<(u8, i64)> = (1..=7).map(|n| (n, i64::from(n))).collect();
    let mut current = set(0, &members, true);
    let (mut time, mut away) = (1_700_000_000_000_000_000i64, 0u64);
    let first = 1 + i64::try_from(dice(3000)).unwrap();
    let mut rows = Vec::new();
    for height in first..first + count {
        time += seconds * 1_000_000_000 + i64::try_from(dice(1_000_000_000)).unwrap();
        if dice(4000) == 0 {
            time += 7 * HOUR * 1_000_000_000;
        }
        if dice(200) == 0 {
            let some: Vec<_> = members.iter().filter(|_| dice(5) > 0).copied().collect();
            current = set(u8::try_from(dice(200)).unwrap(), &some, true);
            // One hash is one set.
            let hash = format!("{height:064X}");
            current = Arc::new(Set::new(hash, current.members().to_vec()));
        }
        if dice(100) == 0 {
            away = dice(8);
        }
        let flag = |m: &Member| match (u64::from(m.address.0[0]) == away, m.address.0[0]) {
            (true, _) => Flag::Absent,
            (_, 2) if height % 5 == 0 => Flag::Nil,
            _ => Flag::Commit,
        };
        let flags: Vec<Flag> = current.members().iter().map(flag).collect();
        let proposer = usize::try_from(dice(9)).ok().filter(|p| *p < flags.len());
        rows.push(Arc::new(Row {
            height,
            time,
            round: i32::from(dice(50) == 0),
            proposer,
            set: current.clone(),
            flags,
        }));
    }
    rows
}

pub(super) fn all(connection: &Connection) -> Vec<Arc<Row>> {
    let mut rows = Vec::new();
    read::rows(connection, 0..=i64::MAX - CHUNK, None, |some| rows.extend_from_slice(some)).unwrap();
    rows
}

pub(super) fn recount(rows: &[Arc<Row>], span: i64, until: i64) -> Vec<(i64, Address, Segment)> {
    let mut folded: BTreeMap<(i64, Address), Segment> = BTreeMap::new();
    for row in rows.iter().filter(|row| span_of(row.time, span) + span <= until) {
        for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
            let segment = folded.entry((span_of(row.time, span), member.address)).or_default();
            *segment = segment.then(Segment::of(*flag, row.proposer == Some(index)));
        }
    }
    folded.into_iter().map(|((start, address), s)| (start, address, s)).collect()
}

fn settle(history: &mut History) {
    while history.maintain().unwrap() {}
}

/// Rows, hours and days are those of `rows`, which the history has been given in whatever order.
fn assert_same(history: &History, rows: &[Arc<Row>]) {
    let connection = history.connection();
    assert!(all(connection) == rows, "the rows are not those that were written");
    let until = span_of(rows.last().unwrap().time, HOUR);
    assert_eq!(read::rollups(connection, HOUR, 0..=i64::MAX, None).unwrap(), recount(rows, HOUR, until));
    let days = read::rollups(connection, DAY, 0..=i64::MAX, None).unwrap();
    assert_eq!(days, recount(rows, DAY, until));
    let sealed: i64 = connection.query_row("SELECT count(*) FROM chunk", [], |row| row.get(0)).unwrap();
    assert!(sealed > 0, "nothing was sealed");
}

#[test]
fn sealed_rows_and_rollups_are_those_of_the_rows() {
    let config = Config { cases: 4, ..Config::default() };
    let strategy = (any::<u64>(), 1i64..9, 1usize..200);
    TestRunner::new(config)
        .run(&strategy, |(seed, seconds, batch)| {
            let dir = tempfile::tempdir().unwrap();
            let rows = chain(seed, HOT + 4 * CHUNK, seconds);
            let mut history = History::open(dir.path(), "c").unwrap();
            for some in rows.chunks(batch) {
                history.record(Written { rows: some, ..Written::default() }, |_| None).unwrap();
            }
            settle(&mut history);
            assert_same(&history, &rows);
            // One validator alone, over sealed and open rows.
            let who = Address([3; 20]);
            let mut alone = Segment::default();
            let heights = rows[500].height..=rows[rows.len() - 700].height;
            read::rows(history.connection(), heights, Some(&who), |some| {
                for (flag, proposed) in some.iter().filter_map(|row| row.of(&who)) {
                    alone = alone.then(Segment::of(flag, proposed));
                }
            })
            .unwrap();
            let wanted = rows[500..=rows.len() - 700].iter().filter_map(|row| row.of(&who));
            let wanted = wanted.fold(Segment::default(), |s, (f, p)| s.then(Segment::of(f, p)));
            prop_assert_eq!(alone, wanted);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_gap_is_filled_wherever_it_is() {
    let config = Config { cases: 4, ..Config::default() };
    TestRunner::new(config)
        .run(&(any::<u64>(), 0usize..8000, 1usize..3000), |(seed, at, length)| {
            let dir = tempfile::tempdir().unwrap();
            let rows = chain(seed, HOT + 4 * CHUNK, 6);
            let mut history = History::open(dir.path(), "c").unwrap();
            let (before, rest) = rows.split_at(at + 1);
            let (lost, after) = rest.split_at(length);
            let mut tallies = BTreeMap::new();
            for some in before.chunks(100).chain(after.chunks(100)) {
                for row in some {
                    tally::count_late(&mut tallies, row);
                }
                let gap = Note::Gap { from: lost[0].height, to: lost[lost.len() - 1].height };
                let notes = if some[0].height == after[0].height { vec![gap] } else { vec![] };
                let written = Written { rows: some, notes: &notes, ..Written::default() };
                history.record(written, |a| tallies.get(a)).unwrap();
            }
            settle(&mut history);
            let (first, last) = lost.split_at(length / 2);
            let merged = history.merge(last, true).unwrap();
            prop_assert_eq!(merged.new.len(), last.len());
            let left: Vec<_> =
                first.first().map(|f| f.height..=first[first.len() - 1].height).into_iter().collect();
            prop_assert_eq!(read::gaps(history.connection()).unwrap(), left);
            prop_assert_eq!(history.merge(first, true).unwrap().new.len(), first.len());
            prop_assert_eq!(read::gaps(history.connection()).unwrap(), vec![]);
            settle(&mut history);
            assert_same(&history, &rows);
            lost.iter().for_each(|row| tally::count_late(&mut tallies, row));
            prop_assert_eq!(read::tallies(history.connection()).unwrap(), tallies);
            // Again changes nothing; another word for a height is reported and not taken.
            let mut other = Row::clone(&lost[0]);
            other.round += 1;
            let merged = history.merge(&[Arc::new(other), rows[0].clone()], true);
            let merged = merged.unwrap();
            prop_assert_eq!((merged.new.len(), merged.differ), (0, vec![lost[0].height]));
            assert_same(&history, &rows);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_too_old_is_forgotten_and_its_hours_stay() {
    let dir = tempfile::tempdir().unwrap();
    let rows = chain(7, HOT + 6 * CHUNK, 6);
    let mut history = History::open(dir.path(), "c").unwrap();
    history.keep(Keep { blocks: Some(HOT + 2 * CHUNK), rows: None, hours: Some(3 * DAY) });
    for some in rows.chunks(100) {
        history.record(Written { rows: some, ..Written::default() }, |_| None).unwrap();
    }
    settle(&mut history);
    let left = all(history.connection());
    assert!(left.len() < rows.len() && rows.ends_with(&left), "{} rows are left", left.len());
    let until = span_of(rows[rows.len() - 1].time, HOUR);
    let hours = read::rollups(history.connection(), HOUR, 0..=i64::MAX, None).unwrap();
    assert_eq!(hours, recount(&rows, HOUR, until));
    let merged = history.merge(&rows[..5], true).unwrap();
    assert_eq!((merged.forgotten, merged.new.len()), (5, 0), "they are counted in the hours already");
}

#[test]
fn events_and_names_are_kept() {
    use crate::profile::{Profile, Profiles};
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::open(dir.path(), "c").unwrap();
    let who = Address([4; 20]);
    let happened = |height, kind, address| Happened { height, time: height * 10, kind, address };
    let jailed = happened(50, Kind::Jailed, Some(who));
    let evidence = happened(51, Kind::Evidence, None);
    let notes = [Note::Happened(evidence), Note::Happened(jailed), Note::Happened(jailed)];
    history.record(Written { notes: &notes, ..Written::default() }, |_| None).unwrap();
    let seen = |height, jailed| {
        let profile = Profile {
            valoper: "cosmosvaloper1x".into(),
            moniker: "<b>".into(),
            jailed,
            bonded: !jailed,
            tokens: "1".into(),
            ..Profile::default()
        };
        Profiles { height, by_address: BTreeMap::from([(who, profile)]), ..Profiles::default() }
    };
    for (height, jailed) in [(40, false), (55, true), (56, true), (90, false), (91, false), (95, true)] {
        history.profiles(&seen(height, jailed), height * 10).unwrap();
    }
    let found = read::events(history.connection(), 0..=100).unwrap();
    let unjailed = happened(90, Kind::Unjailed, Some(who));
    // The jailing at 50 was seen in its block, that of 95 only in x/staking.
    assert_eq!(found, [jailed, evidence, unjailed, happened(95, Kind::Jailed, Some(who))]);
    let reader = Reader::open(dir.path(), "c").unwrap();
    assert_eq!(reader.names().unwrap()[&who].moniker, "<b>");
}
