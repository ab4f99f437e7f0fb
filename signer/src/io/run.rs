//! From a configuration to a running signer, to another configuration, and to the end.
//!
//! Everything that can be wrong is found before the first link is dialled: keys, states, link identity, listen address.

mod open;
mod roster;
mod show;

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use thiserror::Error;
use tokio::sync::Notify;
use tracing::{error, info};

pub use self::open::StartError;
use self::roster::Roster;
use crate::{
    config::{Config, ConfigError},
    io::{
        admin::Admin,
        audit::AuditLog,
        command::Commands,
        doppelganger::Foreign,
        harden::{self, Walls},
        http::Endpoints,
        pause_file::{self, PauseFileError},
        status::Status,
        systemd::Notifier,
        ward::Ward,
    },
    metrics::Metrics,
    pause::{Paused, Subject},
    reload::{self, NeedsRestart, Plan},
    sandbox::Reach,
};

/// A signer at work. Dropping it stops it.
pub struct Running {
    signer: Arc<Signer>,
    listen: SocketAddr,
    drained: Arc<Notify>,
    admin: Option<Admin>,
    ward: Option<Ward>,
    endpoints: Option<Endpoints>,
}

/// What works behind [`Running`]; whoever commands it holds a handle on it.
pub(crate) struct Signer {
    options: Options,
    audit: Option<Arc<AuditLog>>,
    walls: Walls,
    at_work: Mutex<AtWork>,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    notifier: Arc<Notifier>,
}

struct AtWork {
    config: Config,
    roster: Roster,
    paused: Paused,
    ended: bool,
}

/// What the signer knows about itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Of the program.
    pub version: String,
    /// Where the configuration came from and is read again on reload.
    pub source: Option<PathBuf>,
    /// Whether to put up the walls of `[harden]`: they stand around the whole process and for ever.
    pub harden: bool,
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
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Its error.
        source: std::io::Error,
    },
    /// The file is wrong.
    #[error("{}: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// Not started from a file.
    #[error("the configuration did not come from a file")]
    NoFile,
    /// The end has begun.
    #[error("the signer is ending")]
    Ending,
}

/// Why a pause or resume was not done.
#[derive(Debug, Error)]
pub(crate) enum HoldError {
    #[error("the configuration has no {0}")]
    Unknown(String),
    #[error(transparent)]
    File(#[from] PauseFileError),
}

/// Opens everything and starts every link.
pub fn start(config: &Config, version: &str) -> Result<Running, StartError> {
    start_with(config, Options { version: version.into(), ..Options::default() })
}

/// The same, for a program that knows more about itself.
pub fn start_with(config: &Config, options: Options) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new(&options.version));
    let paused = pause_file::read(&config.state_dir)?;
    let plan = reload::everything(config);
    let mut roster = Roster::default();
    let opened = roster.open(&plan, config, &metrics)?;
    // After the states: whoever starts a second signer shall hear of the lock, not of the port.
    let listen_error = |source| StartError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(listen_error)?;
    let listen = listener.local_addr().map_err(listen_error)?;
    let socket = Admin::bind(&config.admin)
        .map_err(|source| StartError::Admin { path: config.admin.socket.clone(), source })?;
    // Everything is open and bound, and no thread of ours runs any more: each inherits the walls.
    roster.rest();
    let walls = match options.harden {
        true => harden::walls(config, options.source.as_deref()),
        false => Walls::default(),
    };
    let audit = config.audit_log.as_deref().map(|path| {
        let log = AuditLog::start(path, Arc::clone(&metrics));
        log.map(Arc::new).map_err(|source| StartError::AuditLog { path: path.into(), source })
    });
    let audit = audit.transpose()?;
    let status = Arc::new(Status::new(Arc::clone(&metrics)));
    let endpoints = Endpoints::start(listener, Arc::clone(&status)).map_err(listen_error)?;

    roster.apply(&plan, config, opened, &metrics);
    roster.hold(&paused, &metrics);
    let at_work = Mutex::new(AtWork { config: config.clone(), roster, paused, ended: false });
    let notifier = Arc::new(Notifier::from_env());
    let ward = Ward::start(Arc::clone(&status), Arc::clone(&notifier)).map_err(StartError::Thread)?;
    let signer = Arc::new(Signer { options, audit, walls, at_work, status, metrics, notifier });
    let drained = Arc::new(Notify::new());
    let commands = Commands { signer: Arc::clone(&signer), drained: Arc::clone(&drained) };
    let admin = Admin::start(socket, &config.admin, commands).map_err(StartError::Thread)?;
    // From here on dropping it ends the links.
    let running =
        Running { signer, listen, drained, admin: Some(admin), ward: Some(ward), endpoints: Some(endpoints) };
    {
        let mut at_work = running.signer.lock();
        let AtWork { config, roster, .. } = &mut *at_work;
        roster.dial(&plan, config, &running.signer.metrics, running.signer.audit.as_ref())?;
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

    /// The same with what is in the file now.
    pub fn reload_from_file(&self) -> Result<Plan, ReloadError> {
        self.signer.reload_from_file()
    }

    /// Returns when an operator has drained the signer; there is nothing left to do then but to drop it.
    pub async fn drained(&self) {
        self.drained.notified().await;
    }

    /// The chains whose key somebody else has.
    pub fn foreign(&self) -> Vec<Foreign> {
        self.signer.lock().roster.foreign().borrow().clone()
    }

    /// Ends when somebody else has the keys of all chains, so that there is nothing left to sign. While there is another
    /// chain, its blocks are not given up for this one's trouble.
    pub async fn nothing_left(&self) {
        let mut foreign = self.signer.lock().roster.foreign();
        // The roster holds a sender, so this waits for ever rather than fail.
        let lost = foreign.wait_for(|all| {
            let config = &self.signer.lock().config;
            config.chains.iter().all(|chain| all.iter().any(|one| one.chain_id == chain.id))
        });
        drop(lost.await);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signer.notifier.stopping();
        self.signer.end();
        drop(self.admin.take());
        drop(self.ward.take());
        drop(self.endpoints.take());
        info!("signer stopped");
    }
}

// === impl Signer ===

impl Signer {
    pub(crate) fn reload(&self, new: &Config) -> Result<Plan, ReloadError> {
        self.note_reload(|| self.try_reload(new))
    }

    pub(crate) fn reload_from_file(&self) -> Result<Plan, ReloadError> {
        self.note_reload(|| {
            let path = self.options.source.clone().ok_or(ReloadError::NoFile)?;
            let text = std::fs::read_to_string(&path)
                .map_err(|source| ReloadError::Read { path: path.clone(), source })?;
            let new = Config::parse(&text, path.parent().unwrap_or(Path::new("")))
                .map_err(|source| ReloadError::Config { path, source })?;
            self.try_reload(&new)
        })
    }

    fn note_reload(&self, reload: impl FnOnce() -> Result<Plan, ReloadError>) -> Result<Plan, ReloadError> {
        // Also when the configuration turns out bad: a rotation has nothing to do with it.
        if let Some(audit) = &self.audit {
            audit.reopen();
        }
        self.notifier.reloading();
        let done = reload();
        self.notifier.ready();
        match &done {
            Ok(plan) => {
                self.metrics.reloaded(now());
                info!(%plan, "configuration reloaded");
            }
            Err(reason) => {
                self.metrics.reload_failures.inc();
                error!(%reason, "configuration not reloaded, the old one stays");
            }
        }
        done
    }

    fn try_reload(&self, new: &Config) -> Result<Plan, ReloadError> {
        let mut at_work = self.lock();
        let AtWork { config, roster, paused, ended } = &mut *at_work;
        if *ended {
            return Err(ReloadError::Ending);
        }
        let plan = reload::plan(config, new)?;
        let wanted = Reach::of(new, self.options.source.as_deref());
        if let Some(what) = self.walls.reach.as_ref().and_then(|reach| reach.lacks(&wanted)) {
            return Err(NeedsRestart::OutOfReach(what).into());
        }
        if self.walls.fatal && wanted.foreign_code {
            let what = "a vendor's PKCS#11 module (seccomp would end the process at its first unknown call)";
            return Err(NeedsRestart::OutOfReach(what.into()).into());
        }
        let opened = roster.open(&plan, new, &self.metrics)?;
        roster.apply(&plan, new, opened, &self.metrics);
        roster.hold(paused, &self.metrics);
        *config = new.clone();
        let dialled = roster.dial(&plan, config, &self.metrics, self.audit.as_ref());
        self.status.show(roster.view(config));
        dialled?;
        Ok(plan)
    }

    /// Holds a key or chain, or lets it go. Durable before it returns; what is under way then has ended, or the answer says so.
    pub(crate) fn hold(&self, subject: &Subject, held: bool) -> Result<String, HoldError> {
        let mut at_work = self.lock();
        let AtWork { config, roster, paused, .. } = &mut *at_work;
        let (known, name) = match subject {
            Subject::Key(name) => (config.keys.iter().any(|key| key.name == *name), format!("key {name:?}")),
            Subject::Chain(id) => (config.chain(id).is_some(), format!("chain {id:?}")),
        };
        // What has left the configuration can still be resumed.
        if !known && held {
            return Err(HoldError::Unknown(name));
        }
        let mut wanted = paused.clone();
        if !wanted.set(subject, held) {
            let already = if held { "paused" } else { "not paused" };
            return Ok(format!("{name} is {already} already"));
        }
        if held {
            // Nothing is signed any more from here on, also if the list cannot be written.
            roster.hold(&wanted, &self.metrics);
            *paused = wanted;
            pause_file::write(&config.state_dir, paused)?;
            let settled = roster.settle();
            info!(what = name, "paused");
            let more = if settled {
                ""
            } else {
                "; a request from before hangs in its disk or key and may still be signed"
            };
            Ok(format!("{name} is paused{more}"))
        } else {
            pause_file::write(&config.state_dir, &wanted)?;
            *paused = wanted;
            roster.hold(paused, &self.metrics);
            info!(what = name, "resumed");
            Ok(format!("{name} is not paused any more"))
        }
    }

    pub(crate) fn end(&self) {
        let mut at_work = self.lock();
        at_work.ended = true;
        at_work.roster.end(&self.metrics);
    }

    fn lock(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
