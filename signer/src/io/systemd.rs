//! Telling systemd how it goes: `sd_notify(3)`, whose protocol is one datagram of `NAME=value` lines.
//!
//! Without `NOTIFY_SOCKET` nothing is said and nothing fails. The watchdog's pings come from [`crate::io::ward`], which looks
//! first whether anybody is stuck.

use std::{
    env,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// Where systemd listens, if it started us.
pub(crate) struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

// === impl Notifier ===

impl Notifier {
    /// From the environment that systemd gives its services.
    pub(crate) fn from_env() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|path| {
            let connected = (|| {
                let socket = UnixDatagram::unbound()?;
                // A leading @ stands for the zero byte of the abstract namespace.
                match path.as_encoded_bytes().strip_prefix(b"@") {
                    Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
                    None => socket.connect(&path)?,
                }
                socket.set_nonblocking(true)?;
                std::io::Result::Ok(socket)
            })();
            connected.inspect_err(|error| warn!(%error, "cannot talk to systemd")).ok()
        });
        let ours = env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let period = env::var("WATCHDOG_USEC").ok().and_then(|period| period.parse().ok());
        Self { socket, watchdog: period.filter(|_| ours).map(Duration::from_micros) }
    }

    /// How often the watchdog wants to hear from us at the least.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Keys, states and the listener are open.
    pub(crate) fn ready(&self) {
        self.say("READY=1");
    }

    /// A new configuration is being taken up; [`Self::ready`] ends that.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// One line for `systemctl status`.
    pub(crate) fn status(&self, line: &str) {
        self.say(&format!("STATUS={}", line.replace('\n', " ")));
    }

    /// Nobody is stuck.
    pub(crate) fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// The end is near.
    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, lines: &str) {
        if let Some(socket) = &self.socket {
            // systemd gone or its queue full: nothing that a signer could do about it.
            let _ = socket.send(lines.as_bytes());
        }
    }
}
