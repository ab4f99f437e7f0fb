//! A device's own thread: it has the session, keeps it alive, makes it anew, drains the audit log, and signs.
//!
//! It waits for the device only so long as the job allows. Should it hang all the same, whoever asked stops waiting for it
//! ([`super::device`]) and this thread ends as soon as it comes back: it is no longer the current one.

use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use rand_core::{OsRng, RngCore};
use thiserror::Error;
use tracing::{debug, error, info, warn};

use crate::{
    backoff::Backoff,
    io::key::yubihsm::{
        audit::{AuditError, AuditFile},
        lane::{Lane, lock},
        session::{HsmError, Session},
        transport::{self, Transport},
    },
    metrics::hsm::HsmMetrics,
    yubihsm::{
        auth_key::AuthKey,
        object::{Algorithm, PublicKey},
        refusal::Refusal,
    },
};

/// Longest single command. A signature takes 0.1 s; ten times that is a device that is gone.
const COMMAND: Duration = Duration::from_secs(1);
/// The device ends a session after 30 s of silence. Reading the audit log is what breaks it.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Commands after which a session is made anew, half of what the device allows.
pub(super) const RENEW: u32 = 1 << 19;
/// Entries in the device's log of 62 at which it is read when there is nothing else to do.
const DRAIN: u32 = 16;
/// Entries at which nothing is signed before it is read: an entry that is overwritten is lost.
const FULL: u32 = 48;

/// Everything about a device that does not change.
pub(super) struct Settings {
    /// Name of the key, and which device of it.
    pub(super) labels: [String; 2],
    pub(super) lane: Arc<Lane>,
    pub(super) open: fn(&Arc<Lane>) -> Box<dyn Transport>,
    /// Commands after which a session is made anew.
    pub(super) renew: u32,
    pub(super) auth_key_id: u16,
    pub(super) auth_key: AuthKey,
    pub(super) key_id: u16,
    pub(super) audit_log: PathBuf,
    /// What every device of this key must hold: the first one that answers says it.
    pub(super) expected: Arc<OnceLock<PublicKey>>,
    /// Why nothing is signed until restart.
    pub(super) stopped: Arc<OnceLock<String>>,
    pub(super) metrics: HsmMetrics,
}

/// What becomes known of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Connecting,
    Up,
    Down(String),
    /// It holds another key than the other device.
    OtherKey(String),
}

/// A signature to make.
pub(super) struct Job {
    /// The message, or for ECDSA its hash.
    pub(super) message: Vec<u8>,
    pub(super) asked: Instant,
    pub(super) deadline: Instant,
    pub(super) reply: SyncSender<Result<Vec<u8>, DeviceError>>,
}

/// Why a device did not sign.
#[derive(Debug, Error)]
pub(super) enum DeviceError {
    #[error(transparent)]
    Hsm(#[from] HsmError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("the key {key_id} is {found} in this device and {expected} in the other")]
    OtherKey { key_id: u16, found: String, expected: String },
    #[error("the key {key_id} is of type {algorithm}, which no chain has")]
    Algorithm { key_id: u16, algorithm: Algorithm },
    #[error("the device is gone; it is tried again in {ms} ms")]
    Waiting { ms: u128 },
    #[error("the device took too long")]
    Late,
    #[error("the device's thread hangs")]
    Hung,
    #[error("the device's thread failed")]
    Failed,
    #[error("cannot start the device's thread: {0}")]
    Thread(std::io::Error),
    #[error("the key has stopped: {0}")]
    Stopped(String),
}

pub(super) struct Worker {
    settings: Arc<Settings>,
    current: Arc<AtomicU64>,
    generation: u64,
    tell: Box<dyn Fn(State) + Send>,
    session: Option<Session>,
    /// Commands of the session when the log was read last.
    drained_at: u32,
    drained: Instant,
    backoff: Backoff,
    next_attempt: Instant,
    complained: bool,
}

// === impl Worker ===

impl Worker {
    /// A worker that runs as long as `current` is its `generation`, and tells of changes.
    pub(super) fn new(
        settings: Arc<Settings>,
        current: Arc<AtomicU64>,
        tell: Box<dyn Fn(State) + Send>,
    ) -> Self {
        let now = Instant::now();
        let generation = current.load(Ordering::SeqCst);
        Self {
            settings,
            current,
            generation,
            tell,
            session: None,
            drained_at: 0,
            drained: now,
            backoff: Backoff::new(),
            next_attempt: now,
            complained: false,
        }
    }

    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while self.is_current() {
            let duty = if self.session.is_some() { self.drained + KEEP_ALIVE } else { self.next_attempt };
            match jobs.recv_timeout(duty.saturating_duration_since(Instant::now())) {
                Ok(job) => {
                    self.metrics(|m| &m.queue_wait).observe(job.asked.elapsed().as_secs_f64());
                    let signed = self.sign(&job);
                    if let Err(error) = &signed {
                        self.note(error);
                    }
                    // Whoever asked may have gone.
                    let _ = job.reply.send(signed);
                    if self.session.is_some() && self.unread() >= DRAIN {
                        self.do_duty();
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.do_duty(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn is_current(&self) -> bool {
        self.current.load(Ordering::SeqCst) == self.generation
    }

    /// What there is to do without being asked.
    fn do_duty(&mut self) {
        if self.session.as_ref().is_some_and(|session| session.commands() >= self.settings.renew) {
            self.session = None;
            self.next_attempt = Instant::now();
        }
        let done = if self.session.is_some() { self.drain(COMMAND) } else { self.connect(COMMAND) };
        if let Err(error) = done {
            self.note(&error);
        }
    }

    fn sign(&mut self, job: &Job) -> Result<Vec<u8>, DeviceError> {
        // A session that was lost while nobody used it, or a full log, is no reason to fail: the same bytes may be signed twice.
        let mut again = 2;
        loop {
            let tried = self.try_sign(job);
            match &tried {
                Err(DeviceError::Hsm(error)) if again > 0 && Instant::now() < job.deadline => {
                    if error.refusal() == Some(Refusal::LOG_FULL) {
                        self.drain(left(job.deadline)?)?;
                    } else if self.session.as_ref().is_some_and(Session::is_lost) {
                        debug!(key = self.settings.labels[0], %error, "session lost, a new one is made");
                        self.session = None;
                    } else {
                        return tried;
                    }
                }
                _ => return tried,
            }
            again -= 1;
        }
    }

    fn try_sign(&mut self, job: &Job) -> Result<Vec<u8>, DeviceError> {
        if let Some(reason) = self.settings.stopped.get() {
            return Err(DeviceError::Stopped(reason.clone()));
        }
        if self.session.is_none() {
            let wait = self.next_attempt.saturating_duration_since(Instant::now());
            if Instant::now() + wait >= job.deadline {
                return Err(DeviceError::Waiting { ms: wait.as_millis() });
            }
            std::thread::sleep(wait);
            self.connect(left(job.deadline)?)?;
        }
        if self.unread() >= FULL {
            self.drain(left(job.deadline)?)?;
        }
        let key_id = self.settings.key_id;
        let algorithm = self.settings.expected.get().map(|key| key.algorithm);
        let patience = left(job.deadline)?.min(COMMAND);
        let Some(session) = &mut self.session else { return Err(DeviceError::Late) };
        session.set_patience(patience);
        let started = Instant::now();
        let signed = match algorithm {
            Some(Algorithm::SECP256K1) => session.sign_ecdsa(key_id, &job.message),
            _ => session.sign_eddsa(key_id, &job.message).map(Vec::from),
        };
        let commands = i64::from(session.commands());
        self.metrics(|m| &m.sign_duration).observe(started.elapsed().as_secs_f64());
        let labels = self.labels();
        self.settings.metrics.commands_in_session.with_label_values(&labels).set(commands);
        self.settings.metrics.log_unread.with_label_values(&labels).set(self.unread().into());
        Ok(signed?)
    }

    fn connect(&mut self, patience: Duration) -> Result<(), DeviceError> {
        let connected = self.try_connect(patience.min(COMMAND));
        match &connected {
            Ok(()) => {
                self.backoff.reset();
                self.complained = false;
                self.settings.metrics.sessions.with_label_values(&self.labels()).inc();
                self.settings.metrics.up.with_label_values(&self.labels()).set(1);
                let [key, hsm] = self.labels();
                info!(key, hsm, connector = %self.settings.lane.connector(), "hsm session opened");
                (self.tell)(State::Up);
            }
            Err(_) => {
                self.session = None;
                self.next_attempt = Instant::now() + self.backoff.wait(OsRng.next_u32());
            }
        }
        connected
    }

    fn try_connect(&mut self, patience: Duration) -> Result<(), DeviceError> {
        let settings = &self.settings;
        let wire = (settings.open)(&settings.lane);
        let mut session =
            Session::open(&settings.lane, wire, settings.auth_key_id, &settings.auth_key, patience)?;
        let key_id = settings.key_id;
        let key = session.public_key(key_id)?;
        if !matches!(key.algorithm, Algorithm::ED25519 | Algorithm::SECP256K1) {
            return Err(DeviceError::Algorithm { key_id, algorithm: key.algorithm });
        }
        let expected = settings.expected.get_or_init(|| key.clone());
        if *expected != key {
            let (found, expected) = (hex::encode(key.bytes), hex::encode(&expected.bytes));
            return Err(DeviceError::OtherKey { key_id, found, expected });
        }
        let info = session.device_info()?;
        let mut audit = lock(&settings.lane.audit);
        if audit.is_none() {
            *audit = Some(AuditFile::open(&settings.audit_log, info.serial)?);
        }
        drop(audit);
        self.session = Some(session);
        self.drain(patience)
    }

    /// Brings the device's log into the file, and lets the device forget what is durable there.
    fn drain(&mut self, patience: Duration) -> Result<(), DeviceError> {
        let settings = &self.settings;
        let Some(session) = &mut self.session else { return Ok(()) };
        session.set_patience(patience.min(COMMAND));
        self.drained = Instant::now();
        // Held from reading to freeing: another key of this device may be about to do the same.
        let mut audit = lock(&settings.lane.audit);
        let page = session.log_entries()?;
        let Some(file) = audit.as_mut() else { return Ok(()) };
        let (read, new) = file.keep(&page).inspect_err(|error| {
            if error.is_final() {
                let _ = settings.stopped.set(format!("{error}; try: {}", error.remedy()));
            }
        })?;
        if let Some(number) = read {
            session.set_log_index(number)?;
        }
        drop(audit);
        self.drained_at = session.commands();
        let labels = self.labels();
        let metrics = &self.settings.metrics;
        metrics.log_entries.with_label_values(&labels).inc_by(new as u64);
        metrics.log_unread.with_label_values(&labels).set(self.unread().into());
        if (page.unlogged_boots, page.unlogged_authentications) != (0, 0) {
            let (boots, authentications) = (page.unlogged_boots, page.unlogged_authentications);
            warn!(
                key = labels[0],
                hsm = labels[1],
                boots,
                authentications,
                "the hsm's log was full and missed events"
            );
        }
        Ok(())
    }

    /// At most so many entries are on the device, if each command makes one.
    fn unread(&self) -> u32 {
        self.session.as_ref().map_or(0, |session| session.commands().saturating_sub(self.drained_at))
    }

    /// Something failed: the session is gone if it cannot be used, and the first time a line in the log says it.
    fn note(&mut self, failure: &DeviceError) {
        let settings = Arc::clone(&self.settings);
        let labels = [settings.labels[0].as_str(), settings.labels[1].as_str()];
        let metrics = &settings.metrics;
        metrics.errors.with_label_values(&[labels[0], labels[1], failure.name()]).inc();
        let final_word = matches!(failure, DeviceError::Audit(error) if error.is_final());
        if final_word {
            error!(key = labels[0], hsm = labels[1], error = %failure, "the key has stopped signing");
        }
        if self.session.as_ref().is_none_or(Session::is_lost) {
            self.session = None;
            metrics.up.with_label_values(&labels).set(0);
            if !std::mem::replace(&mut self.complained, true) {
                let connector = settings.lane.connector();
                warn!(key = labels[0], hsm = labels[1], %connector, error = %failure, "hsm is down");
            }
            (self.tell)(match failure {
                DeviceError::OtherKey { .. } => State::OtherKey(failure.to_string()),
                _ => State::Down(failure.explain()),
            });
        } else if matches!(failure, DeviceError::Audit(_)) && !final_word {
            error!(key = labels[0], hsm = labels[1], error = %failure, "the hsm's log cannot be kept");
        }
    }

    fn labels(&self) -> [&str; 2] {
        [&self.settings.labels[0], &self.settings.labels[1]]
    }

    fn metrics(&self, which: fn(&HsmMetrics) -> &prometheus::HistogramVec) -> prometheus::Histogram {
        which(&self.settings.metrics).with_label_values(&self.labels())
    }
}

// === impl DeviceError ===

impl DeviceError {
    /// Label value of the metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Hsm(error) => error.name(),
            Self::Audit(_) => "audit",
            Self::OtherKey { .. } | Self::Algorithm { .. } => "key",
            Self::Waiting { .. } => "down",
            Self::Late => "timeout",
            Self::Hung => "hung",
            Self::Failed | Self::Thread(_) => "thread",
            Self::Stopped(_) => "stopped",
        }
    }

    /// With what the operator can do, on one line.
    pub(super) fn explain(&self) -> String {
        let remedy = match self {
            Self::Hsm(error) => error.remedy(),
            Self::Audit(error) => Some(error.remedy()),
            Self::OtherKey { .. } => Some("restore the key's wrapped backup to the standby".into()),
            Self::Algorithm { .. } => Some("another `key_id`: ed25519 or secp256k1".into()),
            _ => None,
        };
        remedy.map_or_else(|| self.to_string(), |remedy| format!("{self}; try: {remedy}"))
    }
}

fn left(deadline: Instant) -> Result<Duration, DeviceError> {
    deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(DeviceError::Late)
}

/// The way that a program has; tests have others.
pub(super) const REAL: fn(&Arc<Lane>) -> Box<dyn Transport> = transport::open;
