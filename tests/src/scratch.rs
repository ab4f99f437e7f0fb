//! A directory for one test: gone when it passes, kept with all logs when it fails.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

/// The directory.
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// Makes an empty one.
    pub fn new() -> Result<Self> {
        Ok(Self(Some(tempfile::Builder::new().prefix("palisade-test-").tempdir()?)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new("."), TempDir::path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = self.0.take().filter(|_| std::thread::panicking()) {
            eprintln!("--- kept for a look: {}", dir.keep().display());
        }
    }
}
