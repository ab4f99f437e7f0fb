//! Reads and resolves a fleet file.

use std::path::Path;

use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::resolve::resolve;

/// Why there is no fleet. The text names the file and ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{file}: {source}\ntry: name the fleet file, e.g. fleet.toml")]
    Read {
        /// As the caller named it.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was read and is wrong.
    #[error("{file}: {source}")]
    Resolve {
        /// As the caller named it.
        file: String,
        /// What is wrong with it.
        source: FleetError,
    },
}

/// Reads `path` and resolves it.
///
/// # Errors
/// The file cannot be read, or does not resolve.
pub fn load(path: &Path) -> Result<Fleet, LoadError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => resolve(&text).map_err(|source| LoadError::Resolve { file, source }),
        Err(source) => Err(LoadError::Read { file, source }),
    }
}
