//! `[harden]`: what the running signer forbids itself, and what it must still reach.

use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHarden {
    landlock: bool,
    seccomp: bool,
    paths: Vec<PathBuf>,
    ports: Vec<u16>,
}

/// Both walls stand unless somebody takes one down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HardenConfig {
    /// Whether files and ports outside of the configuration are out of reach.
    pub landlock: bool,
    /// Whether system calls that a signer has no use for end the process.
    pub seccomp: bool,
    /// More files or directories to read and write, for what a reload may bring.
    pub paths: Vec<PathBuf>,
    /// More TCP ports to connect to.
    pub ports: Vec<u16>,
}

// === impl RawHarden ===

impl Default for RawHarden {
    fn default() -> Self {
        Self { landlock: true, seccomp: true, paths: Vec::new(), ports: Vec::new() }
    }
}

impl RawHarden {
    pub(super) fn resolve(self, dir: &Path) -> HardenConfig {
        let Self { landlock, seccomp, paths, ports } = self;
        let paths = paths.into_iter().map(|path| dir.join(path)).collect();
        HardenConfig { landlock, seccomp, paths, ports }
    }
}
