//! From where the probe looks: from here, or from a jump host through the system's `ssh -W`, one for each connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::live::State;

/// How connections are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// From this machine.
    Direct,
    /// From a jump host, named as `ssh` names it (`user@host`, or a name of ssh_config).
    Ssh {
        /// The `ssh` program.
        program: String,
        /// Where to jump.
        jump: String,
        /// Its port, if not the usual one.
        port: Option<u16>,
    },
}

/// A connection, whichever way it goes.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Ssh(Box<Pipes>),
}

/// An `ssh -W` and its ends; it is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Pipes {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// A byte that was read while waiting for the connection.
    first: Option<u8>,
}

impl Way {
    /// Reads `ssh://user@host[:port]`.
    pub fn from_url(url: &str) -> Option<Self> {
        let place = url.strip_prefix("ssh://")?.trim_end_matches('/');
        let (jump, port) = match place.rsplit_once(':') {
            Some((jump, port)) => (jump, Some(port.parse().ok()?)),
            None => (place, None),
        };
        // What begins with a hyphen would be an option of ssh.
        let named = !jump.is_empty() && !jump.starts_with('-') && !jump.contains(char::is_whitespace);
        named.then(|| Self::Ssh { program: "ssh".into(), jump: jump.to_owned(), port })
    }

    /// Whether UDP goes this way.
    pub fn carries_udp(&self) -> bool {
        *self == Self::Direct
    }

    /// Connects, or says how it met no connection.
    pub(super) async fn connect(&self, to: SocketAddr, limit: Duration) -> Result<Stream, State> {
        match self {
            Self::Direct => match timeout(limit, TcpStream::connect(to)).await {
                Ok(Ok(stream)) => Ok(Stream::Tcp(stream)),
                Ok(Err(error)) => Err(refused(&error)),
                Err(_) => Err(State::Filtered),
            },
            Self::Ssh { program, jump, port } => through(program, jump, *port, to, limit).await,
        }
    }
}

fn refused(error: &io::Error) -> State {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => State::Closed,
        io::ErrorKind::TimedOut => State::Filtered,
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::AddrNotAvailable => State::NoRoute,
        _ => State::Unknown(error.to_string()),
    }
}

async fn through(
    program: &str,
    jump: &str,
    port: Option<u16>,
    to: SocketAddr,
    limit: Duration,
) -> Result<Stream, State> {
    let mut command = Command::new(program);
    command.args(["-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes"]);
    command.arg("-o").arg(format!("ConnectTimeout={}", limit.as_secs().max(1)));
    if let Some(port) = port {
        command.arg("-p").arg(port.to_string());
    }
    // -vv: ssh says on stderr when the far side has opened, and what became of it.
    command.args(["-vv", "-W"]).arg(to.to_string()).arg("--").arg(jump);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let failed = |error: io::Error| State::Unknown(format!("{program}: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    let taken = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(input), Some(mut output), Some(mut errors)) = taken else {
        return Err(State::Unknown("ssh has no pipes".into()));
    };
    // The jump host has its own time to connect beyond ours to reach it.
    let mut first = [0];
    let opened = timeout(2 * limit, async {
        let verdict = verdict(&mut errors);
        tokio::pin!(verdict);
        tokio::select! {
            // A server that speaks first proves the connection before ssh says so.
            read = output.read(&mut first) => match read {
                Ok(1) => Ok(Some(first[0])),
                // Both pipes end together, and the other one may hold why.
                _ => Err((&mut verdict).await.err().unwrap_or(State::Unknown("ssh ended the connection".into()))),
            },
            state = &mut verdict => state.map(|()| None),
        }
    });
    let first = opened.await.map_err(|_| State::Filtered)??;
    // Unread, a full pipe would stop ssh.
    tokio::spawn(async move { tokio::io::copy(&mut errors, &mut tokio::io::sink()).await });
    Ok(Stream::Ssh(Box::new(Pipes { _child: child, input, output, first })))
}

/// Reads ssh's messages until the far side is open, or is not going to be.
async fn verdict(errors: &mut ChildStderr) -> Result<(), State> {
    let (mut said, mut buffer) = (String::new(), [0; 1024]);
    loop {
        let got = errors.read(&mut buffer).await.unwrap_or(0);
        said.push_str(&String::from_utf8_lossy(&buffer[..got]));
        if let Some(state) = judge(&said) {
            return state;
        }
        if got == 0 || said.len() > 256 * 1024 {
            let lines = said.lines().filter(|line| !line.starts_with("debug") && !line.trim().is_empty());
            let last = { lines }.next_back().unwrap_or("ended without a word").trim().to_owned();
            return Err(State::Unknown(format!("ssh: {last}")));
        }
    }
}

/// What OpenSSH's messages mean, as soon as they mean something.
fn judge(said: &str) -> Option<Result<(), State>> {
    let failed = said.lines().find(|line| line.contains("open failed:"));
    if let Some(line) = failed {
        let why = line.split("open failed:").nth(1).unwrap_or_default().trim();
        return Some(Err(match why {
            _ if why.contains("Connection refused") => State::Closed,
            _ if why.contains("timed out") => State::Filtered,
            _ if why.contains("unreachable") || why.contains("No route") => State::NoRoute,
            _ => State::Unknown(format!("the jump host says: {why}")),
        }));
    }
    said.contains("open confirm").then_some(Ok(()))
}

// === impl Stream ===

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Ssh(pipes) => match pipes.first.take() {
                Some(byte) => {
                    buf.put_slice(&[byte]);
                    Poll::Ready(Ok(()))
                }
                None => Pin::new(&mut pipes.output).poll_read(cx, buf),
            },
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Ssh(pipes) => Pin::new(&mut pipes.input).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Ssh(pipes) => Pin::new(&mut pipes.input).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Ssh(pipes) => Pin::new(&mut pipes.input).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_are_named_as_urls() {
        let ssh = |jump: &str, port| Way::Ssh { program: "ssh".into(), jump: jump.into(), port };
        assert_eq!(Way::from_url("ssh://ops@jump.example.com"), Some(ssh("ops@jump.example.com", None)));
        assert_eq!(Way::from_url("ssh://jump:2222/"), Some(ssh("jump", Some(2222))));
        for bad in ["jump", "ssh://", "ssh://-oProxyCommand=x", "ssh://a b", "ssh://jump:no"] {
            assert_eq!(Way::from_url(bad), None, "{bad}");
        }
    }

    /// Its output ends before what it says of it is read: a race that the output once won.
    #[tokio::test]
    async fn a_refused_port_is_closed_however_the_pipes_race() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("ssh");
        let script = "#!/bin/sh\nexec 1>&-\nsleep 0.2\necho 'channel 0: open failed: connect failed: Connection refused' >&2\n";
        std::fs::write(&program, script).expect("a file");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let to = "198.18.0.2:1317".parse().expect("an address");
        let met = through(&program.display().to_string(), "jump", None, to, Duration::from_secs(5)).await;
        assert_eq!(met.map(drop), Err(State::Closed));
    }

    #[test]
    fn what_openssh_says() {
        let failed = |why: &str| {
            format!("debug1: x\nchannel 0: open failed: connect failed: {why}\nstdio forwarding failed\n")
        };
        assert_eq!(judge(&failed("Connection refused")), Some(Err(State::Closed)));
        assert_eq!(judge(&failed("Connection timed out")), Some(Err(State::Filtered)));
        assert_eq!(judge(&failed("No route to host")), Some(Err(State::NoRoute)));
        assert!(matches!(
            judge("channel 0: open failed: administratively prohibited: open failed"),
            Some(Err(State::Unknown(_)))
        ));
        assert_eq!(judge("debug2: channel 0: open confirm rwindow 2097152 rmax 32768\n"), Some(Ok(())));
        assert_eq!(judge("debug1: Entering interactive session.\n"), None);
    }
}
