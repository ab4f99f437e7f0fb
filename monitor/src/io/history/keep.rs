//! What becomes of rows as they grow old: folded into hours, sealed into chunks, and forgotten where that is wanted.

use super::dictionary::Book;
use super::{read, rollup};
use crate::chain::RECENT;
use crate::config::Keep;
use crate::history::chunk::{self, Dictionary as _};
use crate::history::{CHUNK, DAY, HOT, HOUR, chunk_of};
use crate::row::Row;
use rusqlite::{Connection, params};
use std::sync::Arc;

/// One piece of the work, in a transaction of its own. True while there is more.
pub(super) fn maintain(connection: &mut Connection, keep: Keep) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let mut more = rollup::next(&transaction)?;
    if !more {
        more = seal(&transaction)?;
        if more {
            forget(&transaction, keep)?;
        }
    }
    transaction.commit()?;
    Ok(more)
}

/// Seals the lowest chunk that is old enough and whose hours are folded.
fn seal(connection: &Connection) -> rusqlite::Result<bool> {
    let (low, high): (Option<i64>, Option<i64>) = connection
        .prepare_cached("SELECT min(height), max(height) FROM block")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((low, high)) = low.zip(high) else { return Ok(false) };
    let first = chunk_of(low);
    if first + CHUNK > high - HOT {
        return Ok(false);
    }
    let mut rows = Vec::new();
    read::rows(connection, first..=first + CHUNK - 1, None, |some| rows.extend_from_slice(some))?;
    let rolled = rollup::progress(connection, "rolled")?.unwrap_or(i64::MIN);
    if rows.iter().any(|row| row.time.div_euclid(1_000_000_000) >= rolled) {
        return Ok(false);
    }
    put(connection, first, &rows)?;
    connection.execute("DELETE FROM block WHERE height BETWEEN ?1 AND ?2", [first, first + CHUNK - 1])?;
    connection.execute(
        "DELETE FROM validator_set WHERE id NOT IN (SELECT set_id FROM block) \
         AND hash NOT IN (SELECT set_hash FROM head)",
        [],
    )?;
    Ok(true)
}

/// Writes one chunk, in place of what it was.
pub(super) fn put(connection: &Connection, first: i64, rows: &[Arc<Row>]) -> rusqlite::Result<()> {
    let (Some(low), Some(high)) = (rows.first(), rows.last()) else { return Ok(()) };
    let mut book = Book::load(connection)?;
    let sealed = chunk::seal(rows, &mut book);
    book.save(connection)?;
    connection.execute("DELETE FROM chunk_runs WHERE chunk = ?1", [first])?;
    connection.execute(
        "INSERT OR REPLACE INTO chunk VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            first,
            low.height,
            high.height,
            rows.iter().map(|r| r.time).min(),
            rows.iter().map(|r| r.time).max(),
            i64::try_from(rows.len()).unwrap_or(0),
            sealed.frame
        ],
    )?;
    let mut insert = connection.prepare_cached("INSERT INTO chunk_runs VALUES (?1, ?2, ?3)")?;
    for (number, runs) in sealed.runs {
        debug_assert!(book.validator(number).is_some());
        insert.execute(params![i64::try_from(number).unwrap_or(0), first, runs])?;
    }
    Ok(())
}

/// Forgets whole chunks, and hours, that are older than is wanted. What the chain's state is restored from stays.
fn forget(connection: &Connection, keep: Keep) -> rusqlite::Result<()> {
    let (height, time): (Option<i64>, Option<i64>) = connection
        .prepare_cached("SELECT max(height), max(time) FROM block")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((height, time)) = height.zip(time) else { return Ok(()) };
    let now = time.div_euclid(1_000_000_000);
    let below = keep.blocks.map_or(0, |blocks| height - blocks.max(i64::try_from(RECENT).unwrap_or(0)) + 1);
    let before = keep.rows.map_or(i64::MIN, |seconds| (now - seconds).saturating_mul(1_000_000_000));
    let gone: Option<i64> = connection
        .prepare_cached("SELECT max(to_height) FROM chunk WHERE to_height < ?1 OR to_time < ?2")?
        .query_row([below, before], |row| row.get(0))?;
    if let Some(gone) = gone {
        rollup::set_progress(connection, "forgotten", gone)?;
    }
    let old = "SELECT first FROM chunk WHERE to_height < ?1 OR to_time < ?2";
    connection.execute(&format!("DELETE FROM chunk_runs WHERE chunk IN ({old})"), [below, before])?;
    connection.execute("DELETE FROM chunk WHERE to_height < ?1 OR to_time < ?2", [below, before])?;
    if let Some(bounds) = read::bounds(connection)? {
        connection.execute("DELETE FROM gap WHERE last < ?1", [bounds.start()])?;
    }
    if let Some(seconds) = keep.hours {
        // Not before its day is folded.
        let days = rollup::progress(connection, "days")?.unwrap_or(i64::MIN);
        let limit = (now - seconds.max(2 * DAY)).min(days);
        connection.execute("DELETE FROM rollup WHERE span = ?1 AND start < ?2", [HOUR, limit])?;
    }
    Ok(())
}
