//! Reads a genesis file.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::genesis::{Census, GenesisError, census};

/// Why there is no census. The text names the file and ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened.
    #[error("{file}: {source}\ntry: name a genesis file, e.g. ~/.akash/config/genesis.json")]
    Open {
        /// As the caller named it.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was opened and is wrong.
    #[error("{file}: {source}")]
    Genesis {
        /// As the caller named it.
        file: String,
        /// What is wrong with it.
        source: GenesisError,
    },
}

/// Reads the gentxs of `path`.
///
/// # Errors
/// The file cannot be read, or is no genesis.
pub fn load(path: &Path) -> Result<Census, LoadError> {
    let file = path.display().to_string();
    match File::open(path) {
        Ok(opened) => census(BufReader::new(opened)).map_err(|source| LoadError::Genesis { file, source }),
        Err(source) => Err(LoadError::Open { file, source }),
    }
}
