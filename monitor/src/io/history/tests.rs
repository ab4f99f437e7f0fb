//! What is written is read back, a second process is refused, a foreign file as well; old files are brought along.

mod answers;
mod growth;

use super::*;
use crate::flag::Flag;
use crate::set::Member;

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
        let (head, set) = (Some(&head), set());
        let written = Written { rows: &rows, head, head_set: Some(&set), ..Written::default() };
        history.record(written, |_| Some(&tally)).unwrap();
        let again = Written { rows: &[row(12)], head, ..Written::default() };
        history.record(again, |_| Some(&tally)).unwrap();
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

#[test]
fn a_reader_sees_what_the_writer_has_written() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(dir.path(), "c-1"), Err(HistoryError::Missing { .. })));
    let mut history = History::open(dir.path(), "c-1").unwrap();
    let read = || {
        let reader = Reader::open(dir.path(), "c-1").unwrap();
        read::bounds(reader.connection()).unwrap()
    };
    assert_eq!(read(), None);
    history.record(Written { rows: &[row(10)], ..Written::default() }, |_| None).unwrap();
    assert_eq!(read(), Some(10..=10));
    let reader = Reader::open(dir.path(), "c-1").unwrap();
    assert!(reader.connection().execute("DELETE FROM block", []).is_err(), "a reader cannot write");
}

#[test]
fn a_file_of_version_1_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "c-1");
    {
        // As the first version made it.
        let mut history = History::open(dir.path(), "c-1").unwrap();
        let tally = Tally { signed: 9, ..Tally::default() };
        let rows: Vec<_> = (10..13).map(row).collect();
        history.record(Written { rows: &rows, ..Written::default() }, |_| Some(&tally)).unwrap();
        let new = "DROP TABLE validator; DROP TABLE chunk; DROP TABLE chunk_runs; DROP TABLE rollup; DROP TABLE event; \
                   DROP TABLE gap; DROP TABLE late; DROP TABLE profile; DROP TABLE progress; UPDATE chain SET version = 1";
        history.connection().execute_batch(new).unwrap();
    }
    assert!(matches!(Reader::open(dir.path(), "c-1"), Err(HistoryError::Old { version: 1, .. })));
    let saved = History::open(dir.path(), "c-1").unwrap().load().unwrap();
    assert_eq!((saved.rows.len(), saved.tallies[&Address([5; 20])].signed), (3, 9));
    assert!(Reader::open(dir.path(), "c-1").is_ok());
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE chain SET version = 3", []).unwrap();
    assert!(matches!(History::open(dir.path(), "c-1"), Err(HistoryError::Foreign { version: 3, .. })));
}
