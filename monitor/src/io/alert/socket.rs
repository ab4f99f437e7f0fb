//! `monitor.sock` in the data directory: orders by whoever may write there, which needs no token. The page's port takes them
//! only with one.

use super::Desk;
use crate::io::server::alerts;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixListener;

/// Name of the socket.
pub fn path(directory: &Path) -> PathBuf {
    directory.join("monitor.sock")
}

/// Listens, for this user only. The data directory is ours alone: a socket that is there is left over.
pub fn listen(directory: &Path) -> std::io::Result<UnixListener> {
    let path = path(directory);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until it is dropped.
pub async fn serve(listener: UnixListener, desk: Arc<Desk>) {
    if let Err(error) = axum::serve(listener, alerts::all(desk)).await {
        tracing::error!(%error, "monitor.sock is closed");
    }
}
