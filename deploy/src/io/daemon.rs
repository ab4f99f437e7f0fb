//! A daemon of the kit as a process of its own, started from this very executable.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;
use tokio::process::{Child, Command};

/// How long a daemon may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A running daemon. Dropping it kills it.
pub(super) struct Daemon {
    name: &'static str,
    child: Child,
}

/// A daemon that does not do as it should.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// It could not be started.
    #[error("cannot start `palisade {name}`: {source}")]
    Start {
        /// Subcommand.
        name: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// A command that should have ended well did not.
    #[error("`palisade {arguments}` failed: {stderr}")]
    Failed {
        /// As typed.
        arguments: String,
        /// What it said.
        stderr: String,
    },
}

/// Runs `palisade ARGUMENTS` in `directory` to its end.
pub(super) async fn run_once(directory: &Path, arguments: &[&str]) -> Result<(), DaemonError> {
    let name = "command";
    let start = |source| DaemonError::Start { name, source };
    let mut command = Command::new(std::env::current_exe().map_err(start)?);
    command.args(arguments).current_dir(directory).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(start)?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().into();
    Err(DaemonError::Failed { arguments: arguments.join(" "), stderr })
}

// === impl Daemon ===

impl Daemon {
    /// Starts `palisade NAME run --config NAME.toml` in `directory`; its log goes to `NAME.log` there.
    pub(super) fn start(name: &'static str, directory: &Path) -> Result<Self, DaemonError> {
        let start = |source| DaemonError::Start { name, source };
        let log = std::fs::File::create(directory.join(format!("{name}.log"))).map_err(start)?;
        let child = Command::new(std::env::current_exe().map_err(start)?)
            .args([name, "run", "--config", &format!("{name}.toml")])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(start)?)
            .stderr(log)
            // Ctrl-C reaches the whole foreground group; the demo ends its daemons itself, in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        Ok(Self { name, child })
    }

    /// Its exit status, if it has ended by itself.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Subcommand.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Process id while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to end and waits; kills it after a grace period. True when it ended by itself, with success.
    pub(super) async fn stop(mut self) -> bool {
        if let Some(pid) =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(Ok(status)) => status.success(),
            _ => {
                let _ = self.child.kill().await;
                false
            }
        }
    }
}
