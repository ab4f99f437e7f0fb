//! Hours and days of every validator, folded from the rows once they are over.
//!
//! `progress.rolled` is the start of the first hour that is not folded yet, `progress.days` that of the first day. What
//! is not folded yet is read from the rows, which is why those are not sealed before.

use super::read;
use crate::history::segment::Segment;
use crate::history::{DAY, HOUR, span_of};
use comet::key::Address;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

pub(super) fn progress(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT value FROM progress WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(super) fn set_progress(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO progress VALUES (?1, ?2)")?
        .execute(params![name, value])?;
    Ok(())
}

/// Folds the next hour that is over, and the days before it. True when there was one.
pub(super) fn next(connection: &Connection) -> rusqlite::Result<bool> {
    let newest: Option<i64> =
        connection.prepare_cached("SELECT max(time) FROM block")?.query_row([], |row| row.get(0))?;
    let Some(newest) = newest else { return Ok(false) };
    let from = progress(connection, "rolled")?.unwrap_or(i64::MIN / SECOND);
    let next: Option<i64> = connection
        .prepare_cached("SELECT min(time) FROM block WHERE time >= ?1")?
        .query_row([from * SECOND], |row| row.get(0))?;
    let Some(hour) = next.map(|time| span_of(time, HOUR)) else { return Ok(false) };
    if newest < (hour + HOUR) * SECOND {
        // Days may be over even though the hour is not.
        days(connection, hour)?;
        return Ok(false);
    }
    days(connection, hour)?;
    hour_of(connection, hour, None)?;
    set_progress(connection, "rolled", hour + HOUR)?;
    Ok(true)
}

/// Folds the days that end before or at `until`.
fn days(connection: &Connection, until: i64) -> rusqlite::Result<()> {
    let from = progress(connection, "days")?.unwrap_or(i64::MIN);
    let mut starts: Vec<i64> = {
        let mut statement = connection.prepare_cached(
            "SELECT DISTINCT start FROM rollup WHERE span = ?1 AND start >= ?2 AND start < ?3",
        )?;
        statement.query_map([HOUR, from, until], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    starts.iter_mut().for_each(|start| *start -= start.rem_euclid(DAY));
    starts.dedup();
    for day in starts.into_iter().filter(|day| day + DAY <= until) {
        day_of(connection, day)?;
        set_progress(connection, "days", day + DAY)?;
    }
    Ok(())
}

/// Folds one hour from its rows, or from `rows` of it in front of what was folded from rows that are gone.
pub(super) fn hour_of(
    connection: &Connection,
    hour: i64,
    onto: Option<&BTreeMap<Address, Segment>>,
) -> rusqlite::Result<()> {
    let mut folded: BTreeMap<Address, Segment> = BTreeMap::new();
    if let Some((from, to)) = heights_of(connection, hour, HOUR)? {
        read::rows(connection, from..=to, None, |rows| {
            let inside = rows.iter().filter(|row| span_of(row.time, HOUR) == hour);
            for row in inside {
                for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
                    let segment = folded.entry(member.address).or_default();
                    *segment = segment.then(Segment::of(*flag, row.proposer == Some(index)));
                }
            }
        })?;
    }
    for (address, before) in onto.into_iter().flatten() {
        let segment = folded.entry(*address).or_default();
        *segment = before.then(*segment);
    }
    put(connection, HOUR, hour, &folded)
}

/// Lowest and highest height of the span, if any.
pub(super) fn heights_of(
    connection: &Connection,
    start: i64,
    length: i64,
) -> rusqlite::Result<Option<(i64, i64)>> {
    let (from, to) = (start * SECOND, (start + length) * SECOND - 1);
    let query = "SELECT min(low), max(high) FROM (\
                 SELECT min(height) AS low, max(height) AS high FROM block WHERE time BETWEEN ?1 AND ?2 UNION ALL \
                 SELECT min(from_height), max(to_height) FROM chunk WHERE to_time >= ?1 AND from_time <= ?2)";
    let (low, high): (Option<i64>, Option<i64>) =
        connection.prepare_cached(query)?.query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(low.zip(high))
}

/// Folds one day from its hours.
pub(super) fn day_of(connection: &Connection, day: i64) -> rusqlite::Result<()> {
    let mut folded: BTreeMap<Address, Segment> = BTreeMap::new();
    for (_, address, segment) in read::rollups(connection, HOUR, day..=day + DAY - 1, None)? {
        let whole = folded.entry(address).or_default();
        *whole = whole.then(segment);
    }
    put(connection, DAY, day, &folded)
}

pub(super) fn put(
    connection: &Connection,
    span: i64,
    start: i64,
    segments: &BTreeMap<Address, Segment>,
) -> rusqlite::Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT OR REPLACE INTO rollup VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for (address, s) in segments {
        let n = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        insert.execute(params![
            span,
            start,
            address.0,
            n(s.signed),
            n(s.missed),
            n(s.nil),
            n(s.proposed),
            n(s.head),
            n(s.tail),
            n(s.longest)
        ])?;
    }
    Ok(())
}
