//! A history that is only read, also while the monitor writes it: every question sees one moment of it.

use super::profile::{self, Name};
use super::{HistoryError, file, schema};
use comet::key::Address;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An open history without the right to write it.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Reader {
    /// Opens the history of `chain_id` in `directory`.
    pub fn open(directory: &Path, chain_id: &str) -> Result<Self, HistoryError> {
        let path = file(directory, chain_id);
        if !path.is_file() {
            return Err(HistoryError::Missing { path });
        }
        let opened = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            // One moment for all that is read from here on.
            connection.execute_batch("BEGIN")?;
            let found = schema::of(&connection)?;
            Ok((connection, found))
        };
        let (connection, found) =
            opened().map_err(|source| HistoryError::Sqlite { path: path.clone(), source })?;
        match found {
            Some((found, schema::VERSION)) if found == chain_id => Ok(Self { path, connection }),
            Some((found, version)) if found == chain_id && version < schema::VERSION => {
                Err(HistoryError::Old { path, version })
            }
            found => {
                let (found, version) = found.unwrap_or_default();
                Err(HistoryError::Foreign { path, found, version, expected: chain_id.into() })
            }
        }
    }

    /// To read.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Names by consensus address.
    pub fn names(&self) -> Result<BTreeMap<Address, Name>, HistoryError> {
        profile::names(&self.connection).map_err(|source| self.failed(source))
    }

    /// In the words of an operator.
    pub fn failed(&self, source: rusqlite::Error) -> HistoryError {
        HistoryError::Sqlite { path: self.path.clone(), source }
    }
}
