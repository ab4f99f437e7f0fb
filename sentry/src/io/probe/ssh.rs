//! The host keys of an SSH server, by `ssh-keyscan`, which is beside every `ssh`.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::{Options, Way};
use crate::live::{Answer, State};

/// The Ed25519 host key in its text form; host keys are compared, nothing is logged in to.
pub(super) async fn ask(to: SocketAddr, options: &Options) -> (State, Option<Answer>) {
    if let Err(state) = options.way.connect(to, options.connect).await {
        return (state, None);
    }
    if options.way != Way::Direct {
        return (State::Open, None);
    }
    let mut scan = Command::new("ssh-keyscan");
    scan.args(["-t", "ed25519", "-T", "5", "-p"])
        .arg(to.port().to_string())
        .arg("--")
        .arg(to.ip().to_string());
    scan.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(Ok(output)) = timeout(options.talk, scan.output()).await else { return (State::Open, None) };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let key =
        said.lines().find(|line| !line.starts_with('#')).and_then(|line| line.split_whitespace().nth(2));
    (State::Open, key.map(|key| Answer::Ssh(format!("ssh-ed25519 {key}"))))
}
