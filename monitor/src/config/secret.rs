//! Where a secret lies: a file or a systemd credential. The configuration names the place and never holds the secret.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// As written: `{ file = "…" }` or `{ credential = "…" }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SecretSource {
    /// A file with nothing but the secret; one line end is not part of it.
    File(PathBuf),
    /// A name in `$CREDENTIALS_DIRECTORY` (`LoadCredential=` of the unit).
    Credential(String),
}

impl SecretSource {
    /// With a relative file taken as relative to `directory`, that of the configuration.
    #[must_use]
    pub fn beside(self, directory: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(directory.join(path)),
            credential @ Self::Credential(_) => credential,
        }
    }
}
