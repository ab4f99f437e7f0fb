//! The tables, their version, and who may write them.
//!
//! Version 1 had the first five tables and nothing else; it becomes version 2 when the daemon opens it. The lock is a
//! file of its own beside the history: SQLite's own exclusive mode would keep readers out as well.

use rusqlite::{Connection, OptionalExtension as _, params};
use rustix::fs::{FlockOperation, flock};
use std::path::{Path, PathBuf};

pub(super) const VERSION: i64 = 2;

const FIRST: &str = "
    CREATE TABLE IF NOT EXISTS chain (id TEXT PRIMARY KEY, version INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS head (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        height INTEGER NOT NULL, time INTEGER NOT NULL, set_hash TEXT NOT NULL, proposer BLOB);
    CREATE TABLE IF NOT EXISTS validator_set (
        id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, members BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS block (
        height INTEGER PRIMARY KEY, time INTEGER NOT NULL, round INTEGER NOT NULL, proposer INTEGER,
        set_id INTEGER NOT NULL REFERENCES validator_set (id), flags BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS tally (
        address BLOB PRIMARY KEY, signed INTEGER NOT NULL, missed INTEGER NOT NULL, nil INTEGER NOT NULL,
        consecutive_missed INTEGER NOT NULL, proposed INTEGER NOT NULL) WITHOUT ROWID;
";

/// Sealed rows, rollups, events, gaps, stretches of rows that came late, names, and how far the rollups have come (Unix seconds).
const SECOND: &str = "
    CREATE TABLE IF NOT EXISTS validator (
        id INTEGER PRIMARY KEY, address BLOB NOT NULL, key BLOB NOT NULL, UNIQUE (address, key));
    CREATE TABLE IF NOT EXISTS chunk (
        first INTEGER PRIMARY KEY, from_height INTEGER NOT NULL, to_height INTEGER NOT NULL,
        from_time INTEGER NOT NULL, to_time INTEGER NOT NULL, count INTEGER NOT NULL, frame BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS chunk_runs (
        validator INTEGER NOT NULL, chunk INTEGER NOT NULL, runs BLOB NOT NULL,
        PRIMARY KEY (validator, chunk)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS rollup (
        span INTEGER NOT NULL, start INTEGER NOT NULL, address BLOB NOT NULL,
        signed INTEGER NOT NULL, missed INTEGER NOT NULL, nil INTEGER NOT NULL, proposed INTEGER NOT NULL,
        head_missed INTEGER NOT NULL, tail_missed INTEGER NOT NULL, longest_missed INTEGER NOT NULL,
        PRIMARY KEY (span, start, address)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS event (
        height INTEGER NOT NULL, kind TEXT NOT NULL, address BLOB NOT NULL, time INTEGER NOT NULL,
        PRIMARY KEY (height, kind, address)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS gap (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS late (
        number INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, last INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS profile (
        address BLOB PRIMARY KEY, valoper TEXT NOT NULL, moniker TEXT NOT NULL, jailed INTEGER NOT NULL,
        height INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS chunk_runs_of ON chunk_runs (chunk);
";

/// Why a history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The directory cannot be made.
    #[error("{path}: {source}\ntry: make the directory writable for this user, or change data_dir")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite's words.
    #[error(
        "{path}: {source}\ntry: check the disk and `sqlite3 {path} 'PRAGMA integrity_check'`; moving the file away starts a new history"
    )]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file belongs to another chain or another version.
    #[error(
        "{path} holds chain {found:?} in version {version}, not {expected:?} in version {VERSION}\ntry: move it away, or change data_dir"
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Its chain.
        found: String,
        /// Its version.
        version: i64,
        /// Ours.
        expected: String,
    },
    /// The file was written by an older monitor, and reading does not change it.
    #[error(
        "{path} is of version {version}\ntry: start `palisade-monitor run` once, it brings the file to version {VERSION}"
    )]
    Old {
        /// Which file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// Nothing to read.
    #[error("{path} is not there\ntry: the id of a chain that was watched, and the data_dir of its monitor")]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("{path} is in use by another process\ntry: stop the other palisade-monitor, or change data_dir")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
}

/// The right to write the history at `path`, as long as the file that is given back is open.
pub(super) fn lock(path: &Path) -> Result<std::fs::File, HistoryError> {
    let beside = path.with_extension("lock");
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&beside);
    let file = file.map_err(|source| HistoryError::Directory { path: beside.clone(), source })?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(HistoryError::InUse { path: path.into() }),
        Err(errno) => Err(HistoryError::Directory { path: beside, source: errno.into() }),
    }
}

/// Opens to write; makes or renews the tables.
pub(super) fn open(path: &Path, chain_id: &str) -> Result<Connection, HistoryError> {
    let opened = || -> rusqlite::Result<(Connection, String, i64)> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_millis(500))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(FIRST)?;
        let found = of(&transaction)?;
        let (found, version) = match found {
            Some((found, 1..=VERSION)) if found == chain_id => {
                transaction.execute_batch(SECOND)?;
                transaction.execute("UPDATE chain SET version = ?1", [VERSION])?;
                (found, VERSION)
            }
            Some(found) => found,
            None => {
                transaction.execute_batch(SECOND)?;
                transaction.execute("INSERT INTO chain VALUES (?1, ?2)", params![chain_id, VERSION])?;
                (chain_id.into(), VERSION)
            }
        };
        transaction.commit()?;
        Ok((connection, found, version))
    };
    let (connection, found, version) = opened().map_err(|source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            HistoryError::InUse { path: path.into() }
        }
        _ => HistoryError::Sqlite { path: path.into(), source },
    })?;
    if found != chain_id || version != VERSION {
        return Err(HistoryError::Foreign { path: path.into(), found, version, expected: chain_id.into() });
    }
    Ok(connection)
}

/// Chain and version of a file.
pub(super) fn of(connection: &Connection) -> rusqlite::Result<Option<(String, i64)>> {
    connection.query_row("SELECT id, version FROM chain", [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}
