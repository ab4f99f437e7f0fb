//! What is sent at once: read from the local file in one moment of it, after a cursor.

use super::super::history::profile::Name;
use super::super::history::{HistoryError, Reader, read};
use crate::history::note::Happened;
use crate::history::segment::Segment;
use crate::history::{DAY, HOUR};
use crate::row::Row;
use comet::key::Address;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Heights in a batch.
const ROWS: i64 = 1024;
/// Rollups in a batch.
const ROLLUPS: usize = 20_000;
/// Events are sent again from so many heights back: some are only seen later.
const AGAIN: i64 = 2_000;

/// How far one monitor has mirrored one chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Highest height sent.
    pub height: i64,
    /// Number of the last stretch of late rows sent.
    pub late: i64,
    /// Start of the first hour that is not sent.
    pub hour: i64,
}

/// One batch, and the cursor after it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Ascending.
    pub rows: Vec<Arc<Row>>,
    /// Span, start, who, what.
    pub rollups: Vec<(i64, i64, Address, Segment)>,
    /// Lately.
    pub events: Vec<Happened>,
    /// All names.
    pub names: BTreeMap<Address, Name>,
    /// After it.
    pub next: Cursor,
    /// Highest local height.
    pub newest: Option<i64>,
    /// There is more to send at once.
    pub more: bool,
}

/// Reads the batch after `cursor`.
pub fn read(directory: &Path, chain_id: &str, cursor: Cursor) -> Result<Batch, HistoryError> {
    let reader = Reader::open(directory, chain_id)?;
    let result = fill(&reader, cursor);
    let mut batch = result.map_err(|source| reader.failed(source))?;
    batch.names = reader.names()?;
    Ok(batch)
}

fn fill(reader: &Reader, cursor: Cursor) -> rusqlite::Result<Batch> {
    let connection = reader.connection();
    let mut batch = Batch { next: cursor, ..Batch::default() };
    batch.newest = read::bounds(connection)?.map(|bounds| *bounds.end());
    if let Some(from) = read::after(connection, cursor.height)? {
        read::rows(connection, from..=from.saturating_add(ROWS - 1), None, |some| {
            batch.rows.extend_from_slice(some);
        })?;
        batch.next.height = batch.rows.last().map_or(cursor.height, |row| row.height);
        batch.more = batch.newest > Some(batch.next.height);
    }
    // Late rows above the cursor come with the others.
    if let Some((number, first, last)) = read::late(connection, cursor.late)? {
        let mut hours = i64::MAX;
        read::rows(connection, first..=last.min(cursor.height), None, |some| {
            hours = hours.min(some.first().map_or(hours, |row| crate::history::span_of(row.time, DAY)));
            batch.rows.extend_from_slice(some);
        })?;
        batch.rows.sort_by_key(|row| row.height);
        batch.rows.dedup_by_key(|row| row.height);
        batch.next.late = number;
        batch.next.hour = batch.next.hour.min(hours);
        batch.more = true;
    }
    let from = batch.next.hour;
    let hours = read::rollups(connection, HOUR, from..=i64::MAX, None)?;
    // Whole hours only, or the cursor would skip the rest of one.
    let last = hours.get(ROLLUPS).map_or(i64::MAX, |(start, ..)| *start);
    for (start, address, segment) in hours.into_iter().filter(|(start, ..)| *start < last) {
        batch.rollups.push((HOUR, start, address, segment));
        batch.next.hour = start + HOUR;
    }
    batch.more |= last < i64::MAX;
    // A day is sent when it is over, which may be after its last hour was: the last one again and again.
    let day = from.saturating_sub(2 * DAY);
    for (start, address, segment) in read::rollups(connection, DAY, day..=batch.next.hour, None)? {
        batch.rollups.push((DAY, start, address, segment));
    }
    let events = if cursor.height == 0 { 0 } else { cursor.height - AGAIN };
    batch.events = read::events(connection, events..=i64::MAX)?;
    Ok(batch)
}
