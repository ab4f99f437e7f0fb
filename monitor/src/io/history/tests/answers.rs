//! What operators ask, against a walk over the rows; and a history that is carried to another machine.

use super::growth::{all, chain};
use super::*;
use crate::history::moment::Moment;
use crate::history::note::{Happened, Kind, Note};
use crate::history::segment::Segment;
use crate::history::table::{Cell, Table};
use crate::history::{CHUNK, DAY, HOT, span_of};
use crate::io::history::ask::{self, By, Question};
use crate::io::history::portable::{self, Imported, PortableError};
use crate::tally;
use std::collections::BTreeMap;

struct Kept {
    dir: tempfile::TempDir,
    rows: Vec<Arc<Row>>,
    history: History,
}

/// A grown history with an event and a gap, and the rows it was given.
fn kept(seed: u64, keep: Keep) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let rows = chain(seed, HOT + 4 * CHUNK, 6);
    let mut history = History::open(dir.path(), "c").unwrap();
    history.keep(keep);
    let mut tallies = BTreeMap::new();
    let last = rows[rows.len() - 1].clone();
    let address = Some(Address([3; 20]));
    let jailed = Happened { height: last.height, time: last.time, kind: Kind::Jailed, address };
    for some in rows.chunks(100) {
        some.iter().for_each(|row| tally::count_late(&mut tallies, row));
        let (height, set_hash) = (some[some.len() - 1].height + 1, last.set.hash().to_owned());
        let head = Head { height, time: 5, set_hash, proposer: address };
        let notes = if height > last.height { vec![Note::Happened(jailed)] } else { vec![] };
        let written = Written { rows: some, notes: &notes, head: Some(&head), head_set: Some(&last.set) };
        history.record(written, |a| tallies.get(a)).unwrap();
    }
    while history.maintain().unwrap() {}
    Kept { dir, rows, history }
}

fn reader(kept: &Kept) -> Reader {
    Reader::open(kept.dir.path(), "c").unwrap()
}

/// One column as whole numbers.
fn column(table: &Table, name: &str) -> Vec<i64> {
    let at = table.columns.iter().position(|c| c.0 == name).unwrap();
    let int = |row: &Vec<Cell>| if let Cell::Int(n) = row[at] { n } else { -1 };
    table.rows.iter().map(int).collect()
}

fn walk(rows: &[Arc<Row>], who: &Address, wanted: impl Fn(&Row) -> bool) -> Segment {
    let mine = rows.iter().filter(|row| wanted(row)).filter_map(|row| row.of(who));
    mine.fold(Segment::default(), |s, (f, p)| s.then(Segment::of(f, p)))
}

fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap()
}

#[test]
fn uptime_and_misses_equal_a_walk() {
    let kept = kept(11, Keep::default());
    let reader = reader(&kept);
    let who = Address([4; 20]);
    let (a, b) = (&kept.rows[700], &kept.rows[9000]);
    let heights = |row: &Row| (a.height..=b.height).contains(&row.height);
    let question = |from, to| Question { who: vec![who], from: Some(from), to: Some(to) };
    let by_height = question(Moment::Height(a.height), Moment::Height(b.height));
    // A time is exclusive at its end.
    let by_time = question(Moment::Time(a.time), Moment::Time(b.time + 1));
    let whole = walk(&kept.rows, &who, heights);
    for asked in [&by_height, &by_time] {
        let table = ask::uptime(&reader, asked, By::Total).unwrap();
        assert_eq!(column(&table, "signed"), [int(whole.signed)]);
        assert_eq!(column(&table, "missed"), [int(whole.missed)]);
        assert_eq!(column(&table, "longest_missed"), [int(whole.longest)]);
        assert_eq!(column(&table, "unknown_heights"), [0]);
    }
    let days = ask::uptime(&reader, &by_height, By::Day).unwrap();
    for (day, missed) in column(&days, "start").iter().zip(column(&days, "missed")) {
        let inside = |row: &Row| heights(row) && span_of(row.time, DAY) == day / 1_000_000_000;
        assert_eq!(missed, int(walk(&kept.rows, &who, inside).missed));
    }
    let misses = ask::misses(&reader, &by_height).unwrap();
    assert_eq!(column(&misses, "blocks").iter().sum::<i64>(), int(whole.missed));
    assert!(column(&misses, "blocks").contains(&int(whole.longest)) || whole.longest == 0);
    let everybody = Question { who: vec![], from: None, to: None };
    let jailed = ask::events(&reader, &everybody, &[Kind::Jailed]).unwrap();
    assert_eq!(column(&jailed, "height"), [kept.rows[kept.rows.len() - 1].height]);
}

#[test]
fn uptime_reaches_back_to_the_hours_of_forgotten_rows() {
    let kept = kept(12, Keep { blocks: Some(HOT + CHUNK), ..Keep::default() });
    assert!(all(kept.history.connection()).len() < kept.rows.len());
    let question = Question { who: vec![], from: None, to: None };
    let table = ask::uptime(&reader(&kept), &question, By::Total).unwrap();
    let address = |row: &Vec<Cell>| if let Cell::Text(hex) = &row[0] { Address::from_hex(hex) } else { None };
    for (row, signed) in table.rows.iter().zip(column(&table, "signed")) {
        assert_eq!(signed, int(walk(&kept.rows, &address(row).unwrap(), |_| true).signed));
    }
    assert_eq!(column(&table, "unknown_heights")[0], 0);
}

fn export(kept: &Kept) -> Vec<u8> {
    let mut file = Vec::new();
    let rows = portable::export(&reader(kept), "c", &mut file).unwrap();
    assert_eq!(rows, all(kept.history.connection()).len() as u64);
    file
}

#[test]
fn a_history_is_restored_as_it_was() {
    for keep in [Keep::default(), Keep { blocks: Some(HOT + CHUNK), ..Keep::default() }] {
        let kept = kept(13, keep);
        let file = export(&kept);
        portable::check(file.as_slice(), "c").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut history = History::open(dir.path(), "c").unwrap();
        let done = portable::import(&mut history, file.as_slice()).unwrap();
        assert!(done.restored && done.merged.differ.is_empty() && done.ahead == 0, "{done:?}");
        let (ours, theirs) = (history.connection(), kept.history.connection());
        assert!(all(ours) == all(theirs));
        let rollups = |c, span| read::rollups(c, span, 0..=i64::MAX, None).unwrap();
        assert!(rollups(ours, DAY) == rollups(theirs, DAY) && rollups(ours, 3600) == rollups(theirs, 3600));
        assert_eq!(read::tallies(ours).unwrap(), read::tallies(theirs).unwrap());
        assert_eq!(read::events(ours, 0..=i64::MAX).unwrap(), read::events(theirs, 0..=i64::MAX).unwrap());
        let (a, b) = (read::saved(ours).unwrap(), read::saved(theirs).unwrap());
        assert_eq!((a.head, a.head_set, a.rows), (b.head, b.head_set, b.rows));
        // A second time there is nothing new.
        let again = portable::import(&mut history, file.as_slice()).unwrap();
        assert_eq!((again.rows, again.restored, again.merged.differ.len()), (0, false, 0));
    }
}

#[test]
fn an_import_never_overwrites() {
    let theirs = kept(14, Keep::default());
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::open(dir.path(), "c").unwrap();
    // The own history began later, and says something else at one height.
    let mut own: Vec<_> = theirs.rows[3000..6000].to_vec();
    let mut other = Row::clone(&own[10]);
    other.round += 5;
    own[10] = Arc::new(other);
    let head = Head { height: own[2999].height + 1, ..Head::default() };
    let written = Written { rows: &own, head: Some(&head), ..Written::default() };
    history.record(written, |_| None).unwrap();
    let done = portable::import(&mut history, export(&theirs).as_slice()).unwrap();
    let ahead = theirs.rows.len() as u64 - 6000;
    let merged = Merged { same: 2999, differ: vec![own[10].height], ..Merged::default() };
    assert_eq!(done, Imported { merged, rows: 3000, ahead, restored: false });
    let now = all(history.connection());
    assert!(now[..3000] == theirs.rows[..3000] && now[3000..] == own[..]);
}

#[test]
fn a_damaged_file_is_refused() {
    let file = String::from_utf8(export(&kept(15, Keep::default()))).unwrap();
    let check = |text: &str| portable::check(text.as_bytes(), "c");
    check(&file).unwrap();
    let half = &file[..file.len() / 2];
    for bad in ["", "{}\n", half, &file.replacen("\"height\":", "\"height\": ", 1), &(file.clone() + "\n")] {
        assert!(matches!(check(bad), Err(PortableError::Damaged { .. })), "{:?}", check(bad));
    }
    assert!(matches!(portable::check(file.as_bytes(), "d"), Err(PortableError::Chain { .. })));
    let later = file.replacen("\"version\":1", "\"version\":2", 1);
    assert!(matches!(check(&later), Err(PortableError::Version { found: 2 })));
}
