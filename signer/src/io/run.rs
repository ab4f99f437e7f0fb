//! From a configuration to a running signer, to another configuration, and to the end.
//!
//! Everything that can be wrong is found before the first link is dialled: keys, states, link identity, listen address.

mod open;
mod roster;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use thiserror::Error;
use tracing::{error, info};

pub use self::open::StartError;
use self::roster::Roster;
use crate::{
    config::Config,
    io::{http::Endpoints, status::Status, systemd::Notifier, ward::Ward},
    metrics::Metrics,
    reload::{self, NeedsRestart, Plan},
};

/// A signer at work. Dropping it stops it.
pub struct Running {
    signer: Arc<Signer>,
    listen: SocketAddr,
    ward: Option<Ward>,
    endpoints: Option<Endpoints>,
}

/// What works behind [`Running`]; whoever commands it holds a handle on it.
pub(crate) struct Signer {
    at_work: Mutex<AtWork>,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    notifier: Arc<Notifier>,
}

struct AtWork {
    config: Config,
    roster: Roster,
}

/// Why the old configuration stays.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The new one needs another process.
    #[error("needs a restart: {0}")]
    NeedsRestart(#[from] NeedsRestart),
    /// Something in it cannot be opened.
    #[error(transparent)]
    Open(#[from] StartError),
}

/// Opens everything and starts every link.
pub fn start(config: &Config, version: &str) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new(version));
    let plan = reload::everything(config);
    let mut roster = Roster::default();
    let opened = roster.open(&plan, config, &metrics)?;
    // After the states: whoever starts a second signer shall hear of the lock, not of the port.
    let listen_error = |source| StartError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(listen_error)?;
    let listen = listener.local_addr().map_err(listen_error)?;
    let status = Arc::new(Status::new(Arc::clone(&metrics)));
    let endpoints = Endpoints::start(listener, Arc::clone(&status)).map_err(listen_error)?;

    roster.apply(&plan, config, opened, &metrics);
    let at_work = Mutex::new(AtWork { config: config.clone(), roster });
    let notifier = Arc::new(Notifier::from_env());
    let ward = Ward::start(Arc::clone(&status), Arc::clone(&notifier)).map_err(StartError::Thread)?;
    let signer = Arc::new(Signer { at_work, status, metrics, notifier });
    // From here on dropping it ends the links.
    let running = Running { signer, listen, ward: Some(ward), endpoints: Some(endpoints) };
    {
        let mut at_work = running.signer.lock();
        let AtWork { config, roster } = &mut *at_work;
        roster.dial(&plan, config, &running.signer.metrics)?;
        running.signer.status.show(roster.view(config));
    }
    running.signer.metrics.reloaded(now());
    running.signer.notifier.ready();
    info!(%listen, links = plan.links_added.len(), "signer started");
    Ok(running)
}

// === impl Running ===

impl Running {
    /// Where the endpoints are served.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Goes over to another configuration without touching what stays the same; on failure the old one stays whole.
    pub fn reload(&self, new: &Config) -> Result<Plan, ReloadError> {
        self.signer.reload(new)
    }

    /// Notes that a new configuration could not even be read.
    pub fn reload_failed(&self, error: &dyn std::fmt::Display) {
        self.signer.reload_failed(error);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signer.notifier.stopping();
        self.signer.end();
        drop(self.ward.take());
        drop(self.endpoints.take());
        info!("signer stopped");
    }
}

// === impl Signer ===

impl Signer {
    pub(crate) fn reload(&self, new: &Config) -> Result<Plan, ReloadError> {
        self.notifier.reloading();
        let done = self.try_reload(new);
        self.notifier.ready();
        match &done {
            Ok(plan) => {
                self.metrics.reloaded(now());
                info!(%plan, "configuration reloaded");
            }
            Err(error) => self.reload_failed(error),
        }
        done
    }

    pub(crate) fn reload_failed(&self, reason: &dyn std::fmt::Display) {
        self.metrics.reload_failures.inc();
        error!(%reason, "configuration not reloaded, the old one stays");
    }

    fn try_reload(&self, new: &Config) -> Result<Plan, ReloadError> {
        let mut at_work = self.lock();
        let AtWork { config, roster } = &mut *at_work;
        let plan = reload::plan(config, new)?;
        let opened = roster.open(&plan, new, &self.metrics)?;
        roster.apply(&plan, new, opened, &self.metrics);
        *config = new.clone();
        let dialled = roster.dial(&plan, config, &self.metrics);
        self.status.show(roster.view(config));
        dialled?;
        Ok(plan)
    }

    fn end(&self) {
        self.lock().roster.end(&self.metrics);
    }

    fn lock(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
