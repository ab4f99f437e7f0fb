//! The history of one chain: one row per counted height, two bits per validator, in an SQLite file that `sqlite3` opens.
//!
//! Rows, counters and head are written in one transaction, so that a crash leaves a state that has been: the next start
//! reads it and asks the chain for what came after. `synchronous=NORMAL`: a power cut may lose the last blocks, which the
//! chain still has.

use crate::chain::{Head, RECENT, Saved};
use crate::flag;
use crate::row::Row;
use crate::set::{Member, Set};
use crate::tally::Tally;
use comet::key::Address;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SCHEMA: &str = "
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
const VERSION: i64 = 1;

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
    /// Another process has it.
    #[error("{path} is in use by another process\ntry: stop the other palisade-monitor, or change data_dir")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
}

/// An open history.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    connection: Connection,
    set_ids: HashMap<String, i64>,
}

impl History {
    /// Opens or makes the history of `chain_id` in `directory`. A second process is refused.
    pub fn open(directory: &Path, chain_id: &str) -> Result<Self, HistoryError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| HistoryError::Directory { path: directory.into(), source })?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let path = directory.join(format!("{}.sqlite", chain_id.chars().map(plain).collect::<String>()));
        let open = || -> rusqlite::Result<(Connection, (String, i64))> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(std::time::Duration::from_millis(200))?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(SCHEMA)?;
            connection.execute(
                "INSERT INTO chain (id, version) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM chain)",
                params![chain_id, VERSION],
            )?;
            let found = connection
                .query_row("SELECT id, version FROM chain", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((connection, found))
        };
        let (connection, (found, version)) = open().map_err(|source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                HistoryError::InUse { path: path.clone() }
            }
            _ => HistoryError::Sqlite { path: path.clone(), source },
        })?;
        if found != chain_id || version != VERSION {
            return Err(HistoryError::Foreign { path, found, version, expected: chain_id.into() });
        }
        Ok(Self { path, connection, set_ids: HashMap::new() })
    }

    /// What was recorded.
    pub fn load(&mut self) -> Result<Saved, HistoryError> {
        let path = self.path.clone();
        self.read().map_err(|source| HistoryError::Sqlite { path, source })
    }

    fn read(&mut self) -> rusqlite::Result<Saved> {
        let mut sets: BTreeMap<i64, Arc<Set>> = BTreeMap::new();
        let mut statement = self.connection.prepare("SELECT id, hash, members FROM validator_set")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, hash, members): (i64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            self.set_ids.insert(hash.clone(), id);
            sets.insert(id, Arc::new(Set::new(hash, unpack_members(&members))));
        }
        let head = self
            .connection
            .query_row("SELECT height, time, set_hash, proposer FROM head", [], |row| {
                let proposer: Option<Vec<u8>> = row.get(3)?;
                let proposer = proposer.and_then(|p| Address::from_bytes(&p));
                Ok(Head { height: row.get(0)?, time: row.get(1)?, set_hash: row.get(2)?, proposer })
            })
            .optional()?;
        let mut statement = self.connection.prepare(
            "SELECT height, time, round, proposer, set_id, flags FROM block ORDER BY height DESC LIMIT ?1",
        )?;
        let mut rows = statement.query([i64::try_from(RECENT).unwrap_or(i64::MAX)])?;
        let mut recent = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, flags): (i64, Vec<u8>) = (row.get(4)?, row.get(5)?);
            let Some(set) = sets.get(&id) else { continue };
            recent.push(Row {
                height: row.get(0)?,
                time: row.get(1)?,
                round: row.get(2)?,
                proposer: row.get::<_, Option<i64>>(3)?.and_then(|i| usize::try_from(i).ok()),
                flags: flag::unpack(&flags, set.members().len()),
                set: set.clone(),
            });
        }
        recent.reverse();
        let mut statement = self
            .connection
            .prepare("SELECT address, signed, missed, nil, consecutive_missed, proposed FROM tally")?;
        let tallies = statement.query_map([], |row| {
            let count =
                |i| -> rusqlite::Result<u64> { Ok(u64::try_from(row.get::<_, i64>(i)?).unwrap_or(0)) };
            let tally = Tally {
                signed: count(1)?,
                missed: count(2)?,
                nil: count(3)?,
                consecutive_missed: count(4)?,
                proposed: count(5)?,
            };
            Ok((Address::from_bytes(&row.get::<_, Vec<u8>>(0)?), tally))
        })?;
        let tallies =
            tallies.filter_map(|t| t.map(|(a, t)| Some((a?, t))).transpose()).collect::<Result<_, _>>()?;
        let head_set = head.as_ref().and_then(|h| sets.values().find(|s| s.hash() == h.set_hash).cloned());
        Ok(Saved { head, rows: recent, tallies, head_set })
    }

    /// Writes rows, the counters of everyone in them, and the head, in one transaction.
    pub fn record<'a>(
        &mut self,
        rows: &[Arc<Row>],
        tally: impl Fn(&Address) -> Option<&'a Tally>,
        head: Option<&Head>,
        head_set: Option<&Arc<Set>>,
    ) -> Result<(), HistoryError> {
        let path = self.path.clone();
        self.write(rows, tally, head, head_set).map_err(|source| HistoryError::Sqlite { path, source })
    }

    fn write<'a>(
        &mut self,
        rows: &[Arc<Row>],
        tally: impl Fn(&Address) -> Option<&'a Tally>,
        head: Option<&Head>,
        head_set: Option<&Arc<Set>>,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for set in rows.iter().map(|r| &r.set).chain(head_set) {
            if !self.set_ids.contains_key(set.hash()) {
                let members = pack_members(set);
                transaction.execute(
                    "INSERT INTO validator_set (hash, members) VALUES (?1, ?2) \
                     ON CONFLICT (hash) DO UPDATE SET members = excluded.members",
                    params![set.hash(), members],
                )?;
                let id = "SELECT id FROM validator_set WHERE hash = ?1";
                self.set_ids
                    .insert(set.hash().into(), transaction.query_row(id, [set.hash()], |row| row.get(0))?);
            }
        }
        {
            let mut insert = transaction.prepare(
                "INSERT OR REPLACE INTO block (height, time, round, proposer, set_id, flags) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for row in rows {
                let proposer = row.proposer.and_then(|p| i64::try_from(p).ok());
                let set = self.set_ids.get(row.set.hash()).copied().unwrap_or_default();
                insert.execute(params![
                    row.height,
                    row.time,
                    row.round,
                    proposer,
                    set,
                    flag::pack(&row.flags)
                ])?;
            }
            let mut counted: Vec<Address> =
                rows.iter().flat_map(|r| r.set.members().iter().map(|m| m.address)).collect();
            counted.sort_unstable();
            counted.dedup();
            let mut upsert = transaction.prepare(
                "INSERT OR REPLACE INTO tally (address, signed, missed, nil, consecutive_missed, proposed) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for address in counted {
                let Some(t) = tally(&address) else { continue };
                let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
                upsert.execute(params![
                    address.0,
                    count(t.signed),
                    count(t.missed),
                    count(t.nil),
                    count(t.consecutive_missed),
                    count(t.proposed)
                ])?;
            }
            if let Some(head) = head {
                transaction
                    .prepare("INSERT OR REPLACE INTO head VALUES (1, ?1, ?2, ?3, ?4)")?
                    .execute(params![head.height, head.time, head.set_hash, head.proposer.map(|p| p.0)])?;
            }
        }
        transaction.commit()
    }
}

/// 20 bytes of address, 8 of power, one of key length, the key.
fn pack_members(set: &Set) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(set.members().len() * 61);
    for member in set.members() {
        bytes.extend_from_slice(&member.address.0);
        bytes.extend_from_slice(&member.power.to_be_bytes());
        let length = u8::try_from(member.key.len()).unwrap_or(0);
        bytes.push(length);
        bytes.extend_from_slice(&member.key[..length.into()]);
    }
    bytes
}

fn unpack_members(mut bytes: &[u8]) -> Vec<Member> {
    let mut members = Vec::new();
    while let Some((fixed, rest)) = bytes.split_at_checked(29) {
        let Some((key, rest)) = rest.split_at_checked(fixed[28].into()) else { break };
        let power = fixed[20..28].iter().fold(0, |n: i64, b| n << 8 | i64::from(*b));
        let Some(address) = Address::from_bytes(&fixed[..20]) else { break };
        members.push(Member { address, power, key: key.into() });
        bytes = rest;
    }
    members
}

#[cfg(test)]
mod tests;
