//! One thread that looks after all others: ten times a second whether a request is overdue, and on behalf of systemd's watchdog
//! whether anybody is stuck.
//!
//! A request whose own `fdatasync` (or HSM) hangs is answered "timeout" by a new thread that takes over the connection, see
//! [`crate::io::link`]. The watchdog is fed only while every link's thread shows life and no key has been at one request for
//! too long, so what systemd restarts is really wedged; a node that is down wedges nothing.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tracing::error;

use crate::io::{
    status::{Status, View},
    systemd::Notifier,
};

/// Between two looks.
const TICK: Duration = Duration::from_millis(100);
/// Age at which a request's connection is taken over: with a tick and the reply itself its node waits less than 2.5 s.
const OVERDUE: Duration = Duration::from_millis(2350);
/// A link that shows no life for so long is stuck: reads end after 12 s, name servers after about 30.
const LIFELESS: Duration = Duration::from_secs(90);
/// A key that is at one request for so long is stuck.
const KEY_STUCK: Duration = Duration::from_secs(60);
/// Between two status lines.
const STATUS: Duration = Duration::from_secs(5);

/// The thread; it ends when this is dropped.
pub(crate) struct Ward {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Ward ===

impl Ward {
    pub(crate) fn start(status: Arc<Status>, notifier: Arc<Notifier>) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("ward".into()).spawn(move || {
            let (mut fed, mut told) = (None::<Instant>, None::<Instant>);
            let due = |last: Option<Instant>, every| last.is_none_or(|last| last.elapsed() >= every);
            let mut stuck_before = None;
            while stopped.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                let view = status.view();
                relieve(&view);
                if due(told, STATUS) {
                    notifier.status(&status.line());
                    told = Some(Instant::now());
                }
                let Some(period) = notifier.watchdog() else { continue };
                if due(fed, period / 3) {
                    let stuck = stuck(&view);
                    match &stuck {
                        None => notifier.alive(),
                        Some(what) if stuck_before.is_none() => {
                            error!(what, "stuck; systemd's watchdog is not fed until it moves");
                        }
                        Some(_) => {}
                    }
                    stuck_before = stuck;
                    fed = Some(Instant::now());
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

fn relieve(view: &View) {
    for link in &view.links {
        if let Err(error) = link.relieve(OVERDUE) {
            let (chain_id, node) = (link.status().chain_id.as_str(), link.status().node.as_str());
            error!(chain_id, node, %error, "a request is overdue and no thread can be had to answer it");
        }
    }
}

/// Who is stuck.
fn stuck(view: &View) -> Option<String> {
    let keys = view.keys.iter().filter(|(_, desk)| desk.busy_for() > KEY_STUCK);
    let links = view.links.iter().map(|link| link.status()).filter(|link| link.lifeless_for() > LIFELESS);
    let keys = keys.map(|(name, _)| format!("key {name}"));
    keys.chain(links.map(|link| format!("link {} {}", link.chain_id, link.node))).next()
}
