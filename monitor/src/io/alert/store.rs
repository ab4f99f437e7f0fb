//! `alerts.sqlite`: the state of all alerts and the messages that wait, changed together in one transaction before anything
//! is sent. `synchronous=FULL`: what was sent must not be forgotten by a power cut.

use crate::alert::engine::State;
use crate::alert::policy::Silence;
use crate::alert::{Alert, Kind, Millis, Transition};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS alert (key TEXT PRIMARY KEY, alert TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS silence (id INTEGER PRIMARY KEY, silence TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, incident TEXT NOT NULL, kind TEXT NOT NULL,
        created INTEGER NOT NULL, next_at INTEGER NOT NULL, transition TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS outbox_channel ON outbox (channel, incident, id);
    PRAGMA user_version = 1;
";

/// Why alerts cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's words.
    #[error(
        "{path}: {source}\ntry: check the disk; moving the file away forgets who was told and who has acknowledged"
    )]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Another process has it.
    #[error("{0} is in use by another process\ntry: stop the other palisade-monitor, or change data_dir")]
    InUse(PathBuf),
    /// Not what we wrote.
    #[error("{path}: {reason}\ntry: move it away; alerts begin anew")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Its number.
    pub id: i64,
    /// What is to be sent.
    pub transition: Transition,
}

/// The open file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
}

impl Store {
    /// Opens or makes `alerts.sqlite` in `directory`. A second process is refused.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("alerts.sqlite");
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(std::time::Duration::from_millis(200))?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { path, connection }),
            Err(e)
                if matches!(
                    e.sqlite_error_code(),
                    Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
                ) =>
            {
                Err(StoreError::InUse(path))
            }
            Err(source) => Err(StoreError::Sqlite { path, source }),
        }
    }

    /// What was kept.
    pub fn load(&self) -> Result<State, StoreError> {
        let texts = |sql: &str| -> rusqlite::Result<Vec<String>> {
            self.connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let mut state = State::default();
        for text in texts("SELECT alert FROM alert").map_err(self.sqlite())? {
            let alert: Alert = self.json(&text)?;
            state.alerts.insert(alert.key.clone(), alert);
        }
        for text in texts("SELECT silence FROM silence ORDER BY id").map_err(self.sqlite())? {
            let silence: Silence = self.json(&text)?;
            state.silences.push(silence);
        }
        Ok(state)
    }

    /// Replaces `before` by `after` and puts `messages` into the outbox, all or nothing.
    pub fn commit(
        &mut self,
        before: &State,
        after: &State,
        messages: &[(String, &Transition)],
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let sqlite = |source| StoreError::Sqlite { path: path.clone(), source };
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for (key, alert) in &after.alerts {
                if before.alerts.get(key).is_none_or(|old| differs(old, alert)) {
                    transaction
                        .prepare_cached("INSERT OR REPLACE INTO alert (key, alert) VALUES (?1, ?2)")?
                        .execute(params![text(key), text(alert)])?;
                }
            }
            for key in before.alerts.keys().filter(|key| !after.alerts.contains_key(*key)) {
                transaction.execute("DELETE FROM alert WHERE key = ?1", params![text(key)])?;
            }
            if before.silences != after.silences {
                transaction.execute("DELETE FROM silence", [])?;
                for silence in &after.silences {
                    transaction
                        .execute("INSERT INTO silence (silence) VALUES (?1)", params![text(silence)])?;
                }
            }
            for (channel, transition) in messages {
                let incident = transition.alert.incident();
                let kind = text(&transition.kind);
                // A reminder of what has not even been told yet says nothing.
                let waits = transition.kind == Kind::Reminded
                    && transaction
                        .query_row(
                            "SELECT 1 FROM outbox WHERE channel = ?1 AND incident = ?2",
                            params![channel, incident],
                            |_| Ok(()),
                        )
                        .optional()?
                        .is_some();
                if !waits {
                    transaction
                        .prepare_cached(
                            "INSERT INTO outbox (channel, incident, kind, created, next_at, transition)
                             VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
                        )?
                        .execute(params![channel, incident, kind, transition.at, text(transition)])?;
                }
            }
            transaction.commit()
        };
        write().map_err(sqlite)
    }

    /// The next message of `channel` that may be sent now: of each incident only the oldest, so that an end never comes
    /// before its beginning.
    pub fn next(&self, channel: &str, now: Millis) -> Result<Option<Waiting>, StoreError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT id, transition FROM outbox o WHERE channel = ?1 AND next_at <= ?2 AND NOT EXISTS (
                    SELECT 1 FROM outbox e WHERE e.channel = o.channel AND e.incident = o.incident AND e.id < o.id)
                 ORDER BY id LIMIT 1",
            )
            .and_then(|mut s| {
                s.query_row(params![channel, now], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional()
            })
            .map_err(self.sqlite())?;
        found.map(|(id, text)| Ok(Waiting { id, transition: self.json(&text)? })).transpose()
    }

    /// It has arrived.
    pub fn done(&self, id: i64) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM outbox WHERE id = ?1", [id]).map_err(self.sqlite())?;
        Ok(())
    }

    /// It has not: not before `at` again.
    pub fn later(&self, id: i64, at: Millis) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET next_at = ?2 WHERE id = ?1";
        self.connection.execute(sql, params![id, at]).map_err(self.sqlite())?;
        Ok(())
    }

    /// How many wait for `channel`, and since when the oldest does.
    pub fn waiting(&self, channel: &str) -> Result<(u64, Option<Millis>), StoreError> {
        let sql = "SELECT count(*), min(created) FROM outbox WHERE channel = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
        self.connection.query_row(sql, [channel], read).map_err(self.sqlite())
    }

    /// Messages for channels that are no longer configured.
    pub fn forget_others(&self, channels: &[String]) -> Result<usize, StoreError> {
        let list = serde_json::to_string(channels).unwrap_or_default();
        let sql = "DELETE FROM outbox WHERE channel NOT IN (SELECT value FROM json_each(?1))";
        self.connection.execute(sql, [list]).map_err(self.sqlite())
    }

    fn sqlite(&self) -> impl Fn(rusqlite::Error) -> StoreError {
        |source| StoreError::Sqlite { path: self.path.clone(), source }
    }

    fn json<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text)
            .map_err(|e| StoreError::Damaged { path: self.path.clone(), reason: e.to_string() })
    }
}

/// Our own types, which always have a JSON form.
fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Whether a change has to be kept; words and values are read anew at each look.
fn differs(old: &Alert, new: &Alert) -> bool {
    (&old.phase, &old.told, &old.ack, old.severity) != (&new.phase, &new.told, &new.ack, new.severity)
}

#[cfg(test)]
mod tests;
