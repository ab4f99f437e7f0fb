//! `[admin]`: where an operator reaches the running signer, and who may.

use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAdmin {
    socket: Option<PathBuf>,
    group: Option<u32>,
}

/// The admin socket. Its peers are known by the kernel's word, so there is no password to lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// Socket file; `admin.sock` in the state directory if nothing else is said.
    pub socket: PathBuf,
    /// Number of a group whose members may command as well, besides root and the user of the signer.
    pub group: Option<u32>,
}

// === impl RawAdmin ===

impl RawAdmin {
    pub(super) fn resolve(self, state_dir: &Path, dir: &Path) -> AdminConfig {
        let Self { socket, group } = self;
        let socket = socket.map_or_else(|| state_dir.join("admin.sock"), |socket| dir.join(socket));
        AdminConfig { socket, group }
    }
}
