//! Reading a history, sealed or not, by the daemon and by others beside it.

use super::dictionary::Book;
use super::write::unpack_members;
use crate::chain::{Head, RECENT, Saved};
use crate::flag;
use crate::history::chunk::{self, Sealed};
use crate::history::note::{Happened, Kind};
use crate::history::segment::Segment;
use crate::history::{CHUNK, chunk_of};
use crate::metrics::HistoryView;
use crate::row::Row;
use crate::set::Set;
use crate::tally::Tally;
use comet::key::Address;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What the chain's state goes on from. Of the sets only those that are needed: a busy chain has one for every block.
pub(super) fn saved(connection: &Connection) -> rusqlite::Result<Saved> {
    let head = head(connection)?;
    let newest: Option<i64> = connection.query_row("SELECT max(height) FROM block", [], |row| row.get(0))?;
    let kept = i64::try_from(RECENT).unwrap_or(i64::MAX);
    let mut recent = Vec::new();
    if let Some(newest) = newest {
        hot(connection, newest.saturating_sub(8 * kept)..=newest, Some(kept), &mut recent)?;
    }
    let head_set = match &head {
        Some(head) => set(connection, &head.set_hash)?.map(Arc::new),
        None => None,
    };
    let rows = recent.iter().map(|row| Row::clone(row)).collect();
    Ok(Saved { head, rows, tallies: tallies(connection)?, head_set })
}

/// A set that is not sealed.
pub(super) fn set(connection: &Connection, hash: &str) -> rusqlite::Result<Option<Set>> {
    let members = "SELECT members FROM validator_set WHERE hash = ?1";
    let members = connection.query_row(members, [hash], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(members.map(|members| Set::new(hash.into(), unpack_members(&members))))
}

/// The last block seen.
pub fn head(connection: &Connection) -> rusqlite::Result<Option<Head>> {
    connection
        .query_row("SELECT height, time, set_hash, proposer FROM head", [], |row| {
            let proposer: Option<Vec<u8>> = row.get(3)?;
            let proposer = proposer.and_then(|p| Address::from_bytes(&p));
            Ok(Head { height: row.get(0)?, time: row.get(1)?, set_hash: row.get(2)?, proposer })
        })
        .optional()
}

/// The counters of all validators.
pub fn tallies(connection: &Connection) -> rusqlite::Result<BTreeMap<Address, Tally>> {
    let mut statement = connection
        .prepare_cached("SELECT address, signed, missed, nil, consecutive_missed, proposed FROM tally")?;
    let read = statement.query_map([], |row| {
        let count = |i| count(row, i);
        let tally = Tally {
            signed: count(1)?,
            missed: count(2)?,
            nil: count(3)?,
            consecutive_missed: count(4)?,
            proposed: count(5)?,
        };
        Ok((Address::from_bytes(&row.get::<_, Vec<u8>>(0)?), tally))
    })?;
    read.filter_map(|t| t.map(|(a, t)| Some((a?, t))).transpose()).collect()
}

fn count(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0))
}

/// Rows that are not sealed, ascending; of more than `newest` only the newest.
fn hot(
    connection: &Connection,
    heights: RangeInclusive<i64>,
    newest: Option<i64>,
    into: &mut Vec<Arc<Row>>,
) -> rusqlite::Result<()> {
    let mut sets: BTreeMap<i64, Arc<Set>> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT height, time, round, proposer, set_id, flags FROM block WHERE height BETWEEN ?1 AND ?2 \
         ORDER BY height DESC LIMIT ?3",
    )?;
    let mut set = connection.prepare_cached("SELECT hash, members FROM validator_set WHERE id = ?1")?;
    let before = into.len();
    let mut rows = statement.query(params![heights.start(), heights.end(), newest.unwrap_or(-1)])?;
    while let Some(row) = rows.next()? {
        let (id, flags): (i64, Vec<u8>) = (row.get(4)?, row.get(5)?);
        if let std::collections::btree_map::Entry::Vacant(new) = sets.entry(id) {
            let found = set.query_row([id], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
            let Some((hash, members)) = found else { continue };
            new.insert(Arc::new(Set::new(hash, unpack_members(&members))));
        }
        let set = sets[&id].clone();
        into.push(Arc::new(Row {
            height: row.get(0)?,
            time: row.get(1)?,
            round: row.get(2)?,
            proposer: row.get::<_, Option<i64>>(3)?.and_then(|i| usize::try_from(i).ok()),
            flags: flag::unpack(&flags, set.members().len()),
            set,
        }));
    }
    into[before..].reverse();
    Ok(())
}

/// Every row of `heights`, ascending, a chunk at a time. With `only`, the flags of everybody else are not read and say
/// nothing: a validator's years are read faster than everybody's month.
pub fn rows(
    connection: &Connection,
    heights: RangeInclusive<i64>,
    only: Option<&Address>,
    mut take: impl FnMut(&[Arc<Row>]),
) -> rusqlite::Result<()> {
    let book = Book::load(connection)?;
    let numbers = only.map(|address| book.of(address));
    let (from, to) = (chunk_of(*heights.start()), *heights.end());
    let mut firsts = BTreeSet::new();
    for query in [
        "SELECT first FROM chunk WHERE first BETWEEN ?1 AND ?2",
        "SELECT DISTINCT height / 1024 * 1024 FROM block WHERE height BETWEEN ?1 AND ?2",
    ] {
        let mut statement = connection.prepare_cached(query)?;
        for first in statement.query_map([from, to], |row| row.get::<_, i64>(0))? {
            firsts.insert(first?);
        }
    }
    for first in firsts {
        let mut rows = sealed(connection, &book, first, numbers.as_deref())?.unwrap_or_default();
        hot(connection, first..=first.saturating_add(CHUNK - 1), None, &mut rows)?;
        rows.retain(|row| heights.contains(&row.height));
        if !rows.is_empty() {
            take(&rows);
        }
    }
    Ok(())
}

/// The rows of a sealed chunk, with the flags of everyone or of those with `numbers`.
pub(super) fn sealed(
    connection: &Connection,
    book: &Book,
    first: i64,
    numbers: Option<&[u64]>,
) -> rusqlite::Result<Option<Vec<Arc<Row>>>> {
    let frame = connection
        .prepare_cached("SELECT frame FROM chunk WHERE first = ?1")?
        .query_row([first], |row| row.get(0))
        .optional()?;
    let Some(frame) = frame else { return Ok(None) };
    let mut sealed = Sealed { frame, runs: BTreeMap::new() };
    match numbers {
        Some(numbers) => {
            let mut one = connection
                .prepare_cached("SELECT runs FROM chunk_runs WHERE validator = ?1 AND chunk = ?2")?;
            for number in numbers {
                let validator = i64::try_from(*number).unwrap_or(0);
                if let Some(runs) = one.query_row([validator, first], |row| row.get(0)).optional()? {
                    sealed.runs.insert(*number, runs);
                }
            }
        }
        None => {
            let mut all =
                connection.prepare_cached("SELECT validator, runs FROM chunk_runs WHERE chunk = ?1")?;
            let mut rows = all.query([first])?;
            while let Some(row) = rows.next()? {
                sealed.runs.insert(count(row, 0)?, row.get(1)?);
            }
        }
    }
    let damaged =
        || rusqlite::Error::InvalidColumnType(0, format!("chunk {first}"), rusqlite::types::Type::Blob);
    Ok(Some(chunk::open(&sealed, book).ok_or_else(damaged)?.into_iter().map(Arc::new).collect()))
}

/// Lowest and highest height of all rows.
pub fn bounds(connection: &Connection) -> rusqlite::Result<Option<RangeInclusive<i64>>> {
    let query = "SELECT min(low), max(high) FROM (SELECT min(height) AS low, max(height) AS high FROM block \
                 UNION ALL SELECT min(from_height), max(to_height) FROM chunk)";
    let (low, high): (Option<i64>, Option<i64>) =
        connection.prepare_cached(query)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(low.zip(high).map(|(low, high)| low..=high))
}

/// The first height whose time, in Unix nanoseconds, is `time` or later; `None` where there is none yet.
pub fn height_at(connection: &Connection, time: i64) -> rusqlite::Result<Option<i64>> {
    let first = "SELECT first FROM chunk WHERE to_time >= ?1 ORDER BY first LIMIT 1";
    let sealed: Option<i64> =
        connection.prepare_cached(first)?.query_row([time], |row| row.get(0)).optional()?;
    let hot: Option<i64> = connection
        .prepare_cached("SELECT min(height) FROM block WHERE time >= ?1")?
        .query_row([time], |row| row.get(0))?;
    let mut found = hot;
    if let Some(first) = sealed {
        rows(connection, first..=first + CHUNK - 1, None, |rows| {
            let at = rows.iter().find(|row| row.time >= time).map(|row| row.height);
            found = [at, found].into_iter().flatten().min();
        })?;
    }
    Ok(found)
}

/// Rollups of `span` seconds that start within `starts` (Unix seconds), ascending.
pub fn rollups(
    connection: &Connection,
    span: i64,
    starts: RangeInclusive<i64>,
    only: Option<&Address>,
) -> rusqlite::Result<Vec<(i64, Address, Segment)>> {
    let mut statement = connection.prepare_cached(
        "SELECT start, address, signed, missed, nil, proposed, head_missed, tail_missed, longest_missed FROM rollup \
         WHERE span = ?1 AND start BETWEEN ?2 AND ?3 AND (?4 IS NULL OR address = ?4) ORDER BY start, address",
    )?;
    let read =
        statement.query_map(params![span, starts.start(), starts.end(), only.map(|a| a.0)], |row| {
            let segment = Segment {
                signed: count(row, 2)?,
                missed: count(row, 3)?,
                nil: count(row, 4)?,
                proposed: count(row, 5)?,
                head: count(row, 6)?,
                tail: count(row, 7)?,
                longest: count(row, 8)?,
            };
            Ok((row.get(0)?, Address::from_bytes(&row.get::<_, Vec<u8>>(1)?), segment))
        })?;
    read.filter_map(|r| r.map(|(start, a, s)| Some((start, a?, s))).transpose()).collect()
}

/// Rollups of one validator, of the last `count` spans of `span` seconds that begin before `until`, ascending. Each is looked
/// up by itself: between two of the same validator lie those of all others.
pub fn rollups_of(
    connection: &Connection,
    span: i64,
    until: i64,
    count: i64,
    address: &Address,
) -> rusqlite::Result<Vec<(i64, Segment)>> {
    let first = until - until.rem_euclid(span) - (count - 1) * span;
    let mut found = Vec::new();
    for start in (0..count).map(|i| first + i * span) {
        let one = rollups(connection, span, start..=start, Some(address))?;
        found.extend(one.into_iter().map(|(start, _, segment)| (start, segment)));
    }
    Ok(found)
}

/// Events of `heights`, ascending.
pub fn events(connection: &Connection, heights: RangeInclusive<i64>) -> rusqlite::Result<Vec<Happened>> {
    let mut statement = connection.prepare_cached(
        "SELECT height, time, kind, address FROM event WHERE height BETWEEN ?1 AND ?2 ORDER BY height, kind, address",
    )?;
    let read = statement.query_map([heights.start(), heights.end()], |row| {
        let (kind, address): (String, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let (height, time, address) = (row.get(0)?, row.get(1)?, Address::from_bytes(&address));
        Ok(Kind::parse(&kind).map(|kind| Happened { height, time, kind, address }))
    })?;
    read.filter_map(Result::transpose).collect()
}

/// Heights that are not known, as ranges.
pub fn gaps(connection: &Connection) -> rusqlite::Result<Vec<RangeInclusive<i64>>> {
    let mut statement = connection.prepare_cached("SELECT first, last FROM gap ORDER BY first")?;
    statement.query_map([], |row| Ok(row.get(0)?..=row.get(1)?))?.collect()
}

/// The first height with a row after `height`.
pub fn after(connection: &Connection, height: i64) -> rusqlite::Result<Option<i64>> {
    let hot = "SELECT min(height) FROM block WHERE height > ?1";
    let hot: Option<i64> = connection.prepare_cached(hot)?.query_row([height], |row| row.get(0))?;
    let chunk = "SELECT first FROM chunk WHERE to_height > ?1 ORDER BY first LIMIT 1";
    let chunk: Option<i64> =
        connection.prepare_cached(chunk)?.query_row([height], |row| row.get(0)).optional()?;
    let mut found = hot;
    if let Some(first) = chunk {
        rows(connection, (height + 1).max(first)..=first + CHUNK - 1, None, |some| {
            let low = some.first().map(|row| row.height);
            found = [low, found].into_iter().flatten().min();
        })?;
    }
    Ok(found)
}

/// The next stretch of rows that came late, after that of `number`: its number, first and last height.
pub fn late(connection: &Connection, number: i64) -> rusqlite::Result<Option<(i64, i64, i64)>> {
    connection
        .prepare_cached("SELECT number, first, last FROM late WHERE number > ?1 ORDER BY number LIMIT 1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
}

/// How much there is.
pub fn view(connection: &Connection) -> rusqlite::Result<HistoryView> {
    let one = |query: &str| connection.prepare_cached(query)?.query_row([], |row| row.get(0));
    Ok(HistoryView {
        rows: one("SELECT (SELECT count(*) FROM block) + (SELECT coalesce(sum(count), 0) FROM chunk)")?,
        bytes: one("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?,
        oldest: bounds(connection)?.map(|bounds| *bounds.start()),
        missing: one("SELECT coalesce(sum(last - first + 1), 0) FROM gap")?,
    })
}
