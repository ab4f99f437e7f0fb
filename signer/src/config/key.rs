//! `[[key]]`: which key, and where it lives.

use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKey {
    pub(super) name: String,
    pub(super) backend: RawBackend,
    pub(super) path: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawBackend {
    Softsign,
}

/// One consensus key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyConfig {
    /// Name in this file, metrics and logs.
    pub name: String,
    /// Where the key lives.
    pub backend: Backend,
}

/// Where a key lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file, and while running this process.
    Softsign {
        /// `priv_validator_key.json`.
        path: PathBuf,
    },
}

// === impl RawKey ===

impl RawKey {
    pub(super) fn resolve(self, dir: &Path) -> KeyConfig {
        let Self { name, backend: RawBackend::Softsign, path } = self;
        KeyConfig { name, backend: Backend::Softsign { path: dir.join(path) } }
    }
}
