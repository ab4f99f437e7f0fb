//! What is written is read back, a second process is refused, a foreign file as well.

use super::*;
use crate::flag::Flag;

fn set() -> Arc<Set> {
    let member = |n: u8| Member { address: Address([n; 20]), power: i64::from(n) << 40, key: vec![n; 32] };
    Arc::new(Set::new("AA".into(), (1..=5).map(member).collect()))
}

fn row(height: i64) -> Arc<Row> {
    let flags = vec![Flag::Commit, Flag::Absent, Flag::Nil, Flag::Commit, Flag::Unknown];
    Arc::new(Row { height, time: height * 7, round: 1, proposer: Some(2), set: set(), flags })
}

#[test]
fn reads_back_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (10..13).map(row).collect();
    let tally = Tally { signed: 5, missed: 4, nil: 3, consecutive_missed: 2, proposed: 1 };
    let head = Head { height: 13, time: 91, set_hash: "AA".into(), proposer: Some(Address([2; 20])) };
    {
        let mut history = History::open(dir.path(), "c-1").unwrap();
        assert_eq!(history.load().unwrap().head, None);
        history.record(&rows, |_| Some(&tally), Some(&head), Some(&set())).unwrap();
        history.record(&[row(12)], |_| Some(&tally), Some(&head), None).unwrap();
    }
    let mut history = History::open(dir.path(), "c-1").unwrap();
    let saved = history.load().unwrap();
    assert_eq!(saved.head, Some(head));
    assert_eq!(saved.rows.iter().map(|r| r.height).collect::<Vec<_>>(), [10, 11, 12]);
    assert_eq!(&saved.rows[2], &*row(12));
    assert_eq!(saved.tallies.len(), 5);
    assert_eq!(saved.tallies[&Address([5; 20])], tally);
    assert_eq!(saved.head_set, Some(set()));
}

#[test]
fn one_process_only() {
    let dir = tempfile::tempdir().unwrap();
    let _first = History::open(dir.path(), "c-1").unwrap();
    let second = History::open(dir.path(), "c-1");
    assert!(matches!(second, Err(HistoryError::InUse { .. })), "{second:?}");
}

#[test]
fn foreign_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(History::open(dir.path(), "a/b").unwrap());
    assert!(matches!(History::open(dir.path(), "a_b"), Err(HistoryError::Foreign { .. })), "same file name");
    std::fs::write(dir.path().join("junk.sqlite"), b"not a database, but long enough to be read as one....")
        .unwrap();
    assert!(matches!(History::open(dir.path(), "junk"), Err(HistoryError::Sqlite { .. })));
}
