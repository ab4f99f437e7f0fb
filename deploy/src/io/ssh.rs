//! Scripts on hosts, by the system's own `ssh`: the operator's keys, agents, known hosts and bastions apply as they always do.
//!
//! Every script goes in by standard input to `sh -s` as root, so that no word of it passes a second shell. Nothing is ever asked
//! (BatchMode), an unknown host key is an error, and each call ends after its limit. What came back whole is a [`Reply`]; that a
//! script was cut is an error, never an answer.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use palisade_sentry::deployment::Access;

/// How to call ssh, for all hosts.
#[derive(Clone, Debug, Default)]
pub struct Ssh {
    /// `ssh -F`, instead of the operator's own configuration.
    pub config: Option<PathBuf>,
}

/// What a script said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Exit code of the script.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// `ssh` cannot be started.
    #[error("ssh cannot be started: {0}\ntry: install the OpenSSH client")]
    Start(std::io::Error),
    /// ssh itself failed.
    #[error("{host}: {said}\ntry: ssh {target} must work without a question")]
    Unreachable {
        /// Host name in the fleet.
        host: String,
        /// What ssh said.
        said: String,
        /// `user@address`.
        target: String,
    },
    /// Too slow.
    #[error("{host}: no answer within {limit:?}")]
    Slow {
        /// Host name in the fleet.
        host: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The script said no.
    #[error("{host}: {said}")]
    Failed {
        /// Host name in the fleet.
        host: String,
        /// Its last words.
        said: String,
    },
}

/// Exit code of ssh's own failures.
const SSH_FAILED: i32 = 255;

impl Ssh {
    /// Runs a script as root.
    ///
    /// # Errors
    /// The host cannot be reached, or the script did not end in time.
    pub fn run(&self, host: &str, access: &Access, script: &str, limit: Duration) -> Result<Reply, SshError> {
        let shell = if access.user == "root" { "exec sh -s" } else { "exec sudo -n sh -s" };
        let mut command = Command::new("ssh");
        if let Some(config) = &self.config {
            command.arg("-F").arg(config);
        }
        for option in ["BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3"]
        {
            command.args(["-o", option]);
        }
        if let Some(jump) = &access.jump {
            command.args(["-J", jump]);
        }
        let target = format!("{}@{}", access.user, access.address);
        command.args(["-T", "-p", &access.port.to_string(), &target, "--", shell]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(SshError::Start)?;
        let mut stdin = child.stdin.take().expect("piped");
        let script = script.to_owned();
        // Separate threads, so that no pipe can fill up while another is waited for. They end with the process.
        std::thread::spawn(move || {
            // A host that closes early says why on standard error.
            let _ = stdin.write_all(script.as_bytes());
        });
        let out = drain(child.stdout.take().expect("piped"));
        let err = drain(child.stderr.take().expect("piped"));
        let end = Instant::now() + limit;
        let status = loop {
            match child.try_wait().map_err(SshError::Start)? {
                Some(status) => break status,
                None if Instant::now() >= end => {
                    // Whatever it was doing, nobody waits for it any more.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(SshError::Slow { host: host.into(), limit });
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
        match status.code() {
            Some(code) if code != SSH_FAILED => Ok(Reply { code, out, err }),
            _ => Err(SshError::Unreachable { host: host.into(), said: err.trim().to_owned(), target }),
        }
    }

    /// The same for a script whose exit code must be 0; gives back what it printed.
    ///
    /// # Errors
    /// As [`Self::run`], and a script that failed.
    pub fn must(
        &self,
        host: &str,
        access: &Access,
        script: &str,
        limit: Duration,
    ) -> Result<String, SshError> {
        let reply = self.run(host, access, script, limit)?;
        if reply.code == 0 {
            return Ok(reply.out);
        }
        let said = if reply.err.trim().is_empty() { reply.out } else { reply.err };
        let said = format!("{} (exit code {})", said.trim(), reply.code);
        Err(SshError::Failed { host: host.into(), said })
    }
}

fn drain(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read before an error is still worth showing.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
