//! What the daemon knows, on disk: `state.json` is the whole of it, replaced in one step; `history.jsonl` is every change, for
//! people and their tools, one line each.
//!
//! Both name what hides, so the directory is the owner's alone (0700) and the files are 0600. One daemon at a time: the second is
//! refused.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand_core::{OsRng, RngCore};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::watch::Run;
use crate::watch::ledger::{Change, Ledger};
use crate::watch::view::State;

/// A history of this size becomes `history.jsonl.1`, in the place of the one before it.
const LARGE: u64 = 16 << 20;

/// Why nothing can be kept. Ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refused.
    #[error("{path}: {source}\ntry: a state_dir that belongs to the user of this daemon")]
    Io {
        /// What.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Another one runs.
    #[error(
        "{0} is in use by another palisade-sentry watch\ntry: stop that one, or give this one a state_dir of its own"
    )]
    Taken(PathBuf),
    /// The file is not what this version writes.
    #[error(
        "{path} is damaged or of another version: {reason}\ntry: move it away; findings then count as new"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    ledger: Ledger,
    run: Option<Run>,
    good_at: Option<i64>,
}

/// The directory, held by a lock.
pub(super) struct StateFile {
    dir: PathBuf,
    _lock: File,
}

impl StateFile {
    /// Makes the directory if need be, and takes it.
    pub(super) fn open(dir: &Path) -> Result<Self, StateError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).map_err(io(dir))?;
        let lock = dir.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
        let file = file.map_err(io(&lock))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| StateError::Taken(dir.to_owned()))?;
        Ok(Self { dir: dir.to_owned(), _lock: file })
    }

    /// What is known; nothing at the first start.
    pub(super) fn load(&self) -> Result<State, StateError> {
        let path = self.dir.join("state.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut salt = [0; 16];
                OsRng.fill_bytes(&mut salt);
                return Ok(State { ledger: Ledger::new(salt), ..State::default() });
            }
            Err(source) => return Err(StateError::Io { path, source }),
        };
        let damaged = |reason: String| StateError::Damaged { path: path.clone(), reason };
        let kept: Kept = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        match kept.ledger.version {
            1 => Ok(State { ledger: kept.ledger, run: kept.run, good_at: kept.good_at, ..State::default() }),
            other => Err(damaged(format!("version {other}"))),
        }
    }

    /// Keeps it, and writes down what changed.
    pub(super) fn keep(&mut self, state: &State, changes: &[Change], at: i64) -> std::io::Result<()> {
        let (ledger, run, good_at) = (state.ledger.clone(), state.run.clone(), state.good_at);
        let text = serde_json::to_string(&Kept { ledger, run, good_at })?;
        let (path, beside) = (self.dir.join("state.json"), self.dir.join(".state.json.new"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)?;
        File::open(&self.dir)?.sync_all()?;
        self.write_down(changes, at)
    }

    fn write_down(&self, changes: &[Change], at: i64) -> std::io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let path = self.dir.join("history.jsonl");
        if path.metadata().is_ok_and(|meta| meta.len() > LARGE) {
            std::fs::rename(&path, self.dir.join("history.jsonl.1"))?;
        }
        let mut lines = Vec::new();
        for change in changes {
            let mut line = serde_json::to_value(change)?;
            line["at"] = at.into();
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        file.write_all(&lines)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_nobody_else_reads_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("state");
        let mut file = StateFile::open(&dir).expect("the first takes it");
        assert!(matches!(StateFile::open(&dir), Err(StateError::Taken(_))));
        let state = file.load().expect("nothing is known");
        file.keep(&state, &[], 5).expect("it is kept");
        assert_eq!(file.load().expect("it is read").ledger, state.ledger);
        let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("state.json"))), (0o700, 0o600));
        std::fs::write(dir.join("state.json"), "{}").expect("it is written");
        assert!(matches!(file.load(), Err(StateError::Damaged { .. })));
    }
}
