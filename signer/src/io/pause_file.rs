//! The list of what is held, on disk: durable before an operator hears that it is held.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    io::secret_file::{create_directory, sync_directory},
    pause::Paused,
};

/// Why the list cannot be read or written.
#[derive(Debug, Error)]
pub enum PauseFileError {
    /// The system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its error.
        source: io::Error,
    },
    /// It says something else than a list.
    #[error("{} cannot be read, so nobody knows which keys are paused: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Reads the list; without a file nothing is held.
pub(crate) fn read(state_dir: &Path) -> Result<Paused, PauseFileError> {
    let path = path(state_dir);
    match fs::read_to_string(&path) {
        Ok(text) => Paused::parse(&text).map_err(|source| PauseFileError::Content { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Paused::default()),
        Err(source) => Err(PauseFileError::Io { path, source }),
    }
}

/// Puts a new list in the place of the old one, durably.
pub(crate) fn write(state_dir: &Path, paused: &Paused) -> Result<(), PauseFileError> {
    let path = path(state_dir);
    let new = path.with_extension("new");
    let written = (|| {
        create_directory(state_dir)?;
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(paused.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        sync_directory(state_dir)
    })();
    written.map_err(|source| PauseFileError::Io { path, source })
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("paused.json")
}
