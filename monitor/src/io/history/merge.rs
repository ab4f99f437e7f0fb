//! Rows that come late: of a gap that an endpoint can fill after all, or of another history of the same chain.
//!
//! Nothing that is there is overwritten: a height that says something else is counted and stays as it was.

use super::write::{self, SetIds};
use super::{dictionary::Book, keep, read, rollup};
use crate::history::segment::Segment;
use crate::history::{CHUNK, DAY, HOUR, chunk_of, span_of};
use crate::row::Row;
use crate::tally;
use comet::key::Address;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Were not there, and are now.
    pub new: Vec<Arc<Row>>,
    /// Were there and say the same.
    pub same: u64,
    /// Heights that were there and say something else.
    pub differ: Vec<i64>,
    /// Were there once, and were forgotten because they were old.
    pub forgotten: u64,
}

pub(super) fn merge(
    connection: &mut Connection,
    ids: &mut SetIds,
    rows: &[Arc<Row>],
    recount: bool,
) -> rusqlite::Result<Merged> {
    let transaction = connection.transaction()?;
    let mut merged = Merged::default();
    let result = (|| {
        let limit = forgotten(&transaction)?.unwrap_or(i64::MIN);
        let (old, rows) = rows.split_at(rows.partition_point(|row| row.height <= limit));
        merged.forgotten = old.len() as u64;
        for rows in rows.chunk_by(|a, b| chunk_of(a.height) == chunk_of(b.height)) {
            into_chunk(&transaction, ids, rows, &mut merged)?;
        }
        fill_gaps(&transaction, &merged.new)?;
        if let (Some(first), Some(last)) = (merged.new.first(), merged.new.last()) {
            // For those who follow this history by its heights.
            transaction
                .execute("INSERT INTO late (first, last) VALUES (?1, ?2)", [first.height, last.height])?;
        }
        if recount {
            let mut tallies = read::tallies(&transaction)?;
            let mut touched = BTreeSet::new();
            for row in &merged.new {
                touched.extend(row.set.members().iter().map(|m| m.address));
                tally::count_late(&mut tallies, row);
            }
            for address in touched {
                write::put_tally(&transaction, &address, &tallies[&address])?;
            }
        }
        roll_again(&transaction, &merged.new)
    })();
    if let Err(error) = result {
        ids.clear();
        return Err(error);
    }
    transaction.commit()?;
    Ok(merged)
}

fn into_chunk(
    connection: &Connection,
    ids: &mut SetIds,
    rows: &[Arc<Row>],
    merged: &mut Merged,
) -> rusqlite::Result<()> {
    let Some(first) = rows.first().map(|row| chunk_of(row.height)) else { return Ok(()) };
    let mut known: BTreeMap<i64, Arc<Row>> = BTreeMap::new();
    read::rows(connection, first..=first + CHUNK - 1, None, |some| {
        known.extend(some.iter().map(|row| (row.height, row.clone())));
    })?;
    let is_sealed = read::sealed(connection, &Book::load(connection)?, first, Some(&[]))?.is_some();
    let before = merged.new.len();
    for row in rows {
        match known.get(&row.height) {
            None => {
                known.insert(row.height, row.clone());
                merged.new.push(row.clone());
            }
            Some(there) if there == row => merged.same += 1,
            Some(_) => merged.differ.push(row.height),
        }
    }
    if is_sealed && merged.new.len() > before {
        keep::put(connection, first, &known.into_values().collect::<Vec<_>>())?;
    } else {
        for row in &merged.new[before..] {
            write::block(connection, ids, row)?;
        }
    }
    Ok(())
}

/// What is known now is no gap any more.
fn fill_gaps(connection: &Connection, new: &[Arc<Row>]) -> rusqlite::Result<()> {
    let filled: BTreeSet<i64> = new.iter().map(|row| row.height).collect();
    for gap in read::gaps(connection)? {
        if filled.range(gap.clone()).next().is_none() {
            continue;
        }
        connection.execute("DELETE FROM gap WHERE first = ?1", [gap.start()])?;
        let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO gap VALUES (?1, ?2)")?;
        let mut from = *gap.start();
        for known in filled.range(gap.clone()).copied().chain([gap.end().saturating_add(1)]) {
            if known > from {
                insert.execute([from, known - 1])?;
            }
            from = known + 1;
        }
    }
    Ok(())
}

/// Folds the hours and days of `new` again, as far as they had been folded. Of hours whose rows were forgotten the
/// counters are added to what is there.
fn roll_again(connection: &Connection, new: &[Arc<Row>]) -> rusqlite::Result<()> {
    let rolled = rollup::progress(connection, "rolled")?.unwrap_or(i64::MIN);
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    for row in new {
        *hours.entry(span_of(row.time, HOUR)).or_default() += 1;
    }
    hours.retain(|hour, _| *hour < rolled);
    for hour in hours.keys() {
        rollup::hour_of(connection, *hour, gone(connection, *hour, new)?.as_ref())?;
    }
    let days = rollup::progress(connection, "days")?.unwrap_or(i64::MIN);
    let again: BTreeSet<i64> = hours.keys().map(|h| h - h.rem_euclid(DAY)).filter(|d| *d < days).collect();
    again.into_iter().try_for_each(|day| rollup::day_of(connection, day))
}

/// What an hour's rollup counts beyond the rows that are still there, if anything.
fn gone(
    connection: &Connection,
    hour: i64,
    new: &[Arc<Row>],
) -> rusqlite::Result<Option<BTreeMap<Address, Segment>>> {
    if forgotten(connection)?.is_none() {
        return Ok(None);
    }
    let stored = read::rollups(connection, HOUR, hour..=hour, None)?;
    let mut left: BTreeMap<Address, Segment> = stored.into_iter().map(|(_, a, s)| (a, s)).collect();
    let fresh: BTreeSet<i64> = new.iter().map(|row| row.height).collect();
    if let Some((from, to)) = rollup::heights_of(connection, hour, HOUR)? {
        read::rows(connection, from..=to, None, |rows| {
            let inside = rows.iter().filter(|r| span_of(r.time, HOUR) == hour && !fresh.contains(&r.height));
            for row in inside {
                for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
                    let Some(left) = left.get_mut(&member.address) else { continue };
                    let one = Segment::of(*flag, row.proposer == Some(index));
                    left.signed = left.signed.saturating_sub(one.signed);
                    left.missed = left.missed.saturating_sub(one.missed);
                    left.nil = left.nil.saturating_sub(one.nil);
                    left.proposed = left.proposed.saturating_sub(one.proposed);
                }
            }
        })?;
    }
    left.retain(|_, s| s.signed + s.missed > 0);
    Ok((!left.is_empty()).then_some(left))
}

/// The highest height whose rows were forgotten; they are counted in hours and days for ever.
fn forgotten(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    rollup::progress(connection, "forgotten")
}
