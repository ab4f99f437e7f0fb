//! The history of one chain: an SQLite file that `sqlite3` opens, also while the monitor writes it.
//!
//! Rows, counters, events, gaps and head are written in one transaction, so that a crash leaves a state that has been: the
//! next start reads it and asks the chain for what came after. `synchronous=NORMAL`: a power cut may lose the last
//! blocks, which the chain still has. Hours, days and sealed chunks are made afterwards by [`keep`], out of what was
//! written: they can be late, never wrong.

pub mod ask;
mod dictionary;
mod keep;
mod merge;
pub mod portable;
pub mod profile;
pub mod read;
pub mod reader;
mod rollup;
mod schema;
mod write;

pub use merge::Merged;
pub use reader::Reader;
pub use schema::HistoryError;
pub(crate) use write::pack_members;

use crate::chain::{Head, Saved};
use crate::config::Keep;
use crate::history::note::Note;
use crate::metrics::HistoryView;
use crate::profile::Profiles;
use crate::row::Row;
use crate::set::Set;
use crate::tally::Tally;
use comet::key::Address;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open history, and the right to write it.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    connection: Connection,
    set_ids: write::SetIds,
    keep: Keep,
    kept_at: i64,
    view: Option<HistoryView>,
    _lock: std::fs::File,
}

/// What is written in one transaction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written<'a> {
    /// Counted heights, ascending, above all that were written before.
    pub rows: &'a [Arc<Row>],
    /// Events and gaps.
    pub notes: &'a [Note],
    /// The last block seen.
    pub head: Option<&'a Head>,
    /// Its set, where it is known.
    pub head_set: Option<&'a Arc<Set>>,
}

impl History {
    /// Opens or makes the history of `chain_id` in `directory`. A second process that wants to write is refused.
    pub fn open(directory: &Path, chain_id: &str) -> Result<Self, HistoryError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| HistoryError::Directory { path: directory.into(), source })?;
        let path = file(directory, chain_id);
        let lock = schema::lock(&path)?;
        let connection = schema::open(&path, chain_id)?;
        let (set_ids, keep) = (write::SetIds::default(), Keep::default());
        Ok(Self { path, connection, set_ids, keep, kept_at: 0, view: None, _lock: lock })
    }

    /// For how long things are kept from now on.
    pub fn keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// How much there is, as of the last look.
    pub fn view(&self) -> Option<HistoryView> {
        self.view.clone()
    }

    /// What was recorded, as the chain's state goes on from it.
    pub fn load(&mut self) -> Result<Saved, HistoryError> {
        self.view = read::view(&self.connection).ok();
        read::saved(&self.connection).map_err(|source| self.failed(source))
    }

    /// Writes what came, with the counters of everyone in the rows, in one transaction; and then, where it is time, makes
    /// hours, days and chunks of what lies there.
    pub fn record<'t>(
        &mut self,
        written: Written<'_>,
        tally: impl Fn(&Address) -> Option<&'t Tally>,
    ) -> Result<(), HistoryError> {
        let result = write::write(&mut self.connection, &mut self.set_ids, written, tally);
        result.map_err(|source| self.failed(source))?;
        let Some(last) = written.rows.last() else { return Ok(()) };
        // A piece of it every 64 heights, so that it never takes long.
        if last.height - self.kept_at >= 64 || last.height < self.kept_at {
            self.kept_at = last.height;
            self.maintain()?;
            self.view = read::view(&self.connection).ok();
        }
        Ok(())
    }

    /// Makes hours and days that are over, seals one chunk, forgets what is too old. True while there is more to do.
    pub fn maintain(&mut self) -> Result<bool, HistoryError> {
        keep::maintain(&mut self.connection, self.keep).map_err(|source| self.failed(source))
    }

    /// Puts rows of earlier heights in: of a gap, or of another history. What is there already stays, and is counted where
    /// it differs. With `recount` the stored counters take the new rows in.
    pub fn merge(&mut self, rows: &[Arc<Row>], recount: bool) -> Result<Merged, HistoryError> {
        merge::merge(&mut self.connection, &mut self.set_ids, rows, recount)
            .map_err(|source| self.failed(source))
    }

    /// Notes who is who, and who came out of jail since the last look, at `time`.
    pub fn profiles(&mut self, profiles: &Profiles, time: i64) -> Result<(), HistoryError> {
        profile::write(&mut self.connection, profiles, time).map_err(|source| self.failed(source))
    }

    /// To read, in the same way as a [`Reader`].
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> HistoryError {
        HistoryError::Sqlite { path: self.path.clone(), source }
    }
}

/// The file of a chain.
pub fn file(directory: &Path, chain_id: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    directory.join(format!("{}.sqlite", chain_id.chars().map(plain).collect::<String>()))
}

#[cfg(test)]
mod tests;
