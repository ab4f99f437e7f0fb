//! The daemon: audits on a schedule, asks the sentries how they are, keeps the history, serves, and tells Alertmanagers.
//!
//! Every task publishes into one [`State`]; nothing else is shared. One audit runs at a time, and after a restart the next one
//! is due when it would have been: a daemon that is restarted in a loop does not probe in a loop. SIGHUP starts one at once.

mod alertmanager;
mod audit;
mod health;
mod server;
mod state_file;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand_core::{OsRng, RngCore};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::http::{CaError, Http};
use super::survey::SurveyError;
use crate::watch::Run;
use crate::watch::settings::Settings;
use crate::watch::view::State;

pub use audit::AuditError;
pub use health::check;
pub use state_file::StateError;

/// Why the daemon does not start or ended. Ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// An address is taken.
    #[error("cannot listen on {at}: {source}\ntry: another listen or details_socket, or stop what uses it")]
    Listen {
        /// Where.
        at: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The history cannot be kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The first look at what is configured failed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A named node is none.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// A server ended.
    #[error("the server ended: {0}\ntry: start it again")]
    Serve(std::io::Error),
}

/// What every task knows.
#[derive(Clone)]
struct Shared {
    settings: Arc<Settings>,
    /// Relative paths of the settings start here.
    base: Arc<Path>,
    state: Arc<watch::Sender<State>>,
    http: Http,
}

impl Shared {
    fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }
}

/// Runs until `stop` is ready. `bound` is told the address that is really listened on; `now_please` starts an audit at once.
///
/// # Errors
/// It cannot start, or its server ends.
pub async fn run(
    settings: Settings,
    base: PathBuf,
    bound: impl FnOnce(SocketAddr),
    now_please: Arc<Notify>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), WatchError> {
    let file = state_file::StateFile::open(&base.join(&settings.state_dir))?;
    let state = Arc::new(watch::Sender::new(file.load()?));
    let listen = |at: String| move |source| WatchError::Listen { at, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen(settings.listen.to_string()))?;
    let address = listener.local_addr().map_err(listen(settings.listen.to_string()))?;
    let ca = settings.alertmanager.as_ref().and_then(|told| told.ca_file.clone()).map(|ca| base.join(ca));
    let http = Http::new(ca.as_deref())?;
    let shared = Shared { settings: Arc::new(settings), base: base.into(), state, http };
    // What is wrong with the configuration is said at once and not after six hours.
    audit::fleet(&shared)?;
    let mut tasks = JoinSet::new();
    let (stopping, stopped) = watch::channel(false);
    if let Some(path) = shared.settings.details_socket.as_ref().map(|path| shared.path(path)) {
        let listener = server::socket(&path).map_err(listen(path.display().to_string()))?;
        tasks.spawn(server::details(listener, shared.state.clone(), stopped.clone()));
    }
    tasks.spawn(audits(shared.clone(), file, now_please));
    if !shared.settings.nodes.is_empty() {
        tasks.spawn(health::ask(shared.clone()));
    }
    if shared.settings.alertmanager.is_some() {
        tasks.spawn(alertmanager::tell(shared.clone()));
    }
    tracing::info!(%address, "sentry watch runs");
    bound(address);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let longest = 2 * (shared.settings.schedule.every.0 + shared.settings.schedule.jitter.0);
    let result = server::public(listener, shared.state.clone(), longest, stop).await;
    tasks.shutdown().await;
    tracing::info!("sentry watch stopped");
    result.map_err(WatchError::Serve)
}

async fn audits(shared: Shared, mut file: state_file::StateFile, now_please: Arc<Notify>) {
    loop {
        let schedule = shared.settings.schedule;
        let jitter = schedule.jitter.0.as_secs();
        let extra = if jitter == 0 { 0 } else { OsRng.next_u64() % (jitter + 1) };
        let pause = i64::try_from(schedule.every.0.as_secs() + extra).unwrap_or(i64::MAX);
        let last = shared.state.borrow().run.as_ref().map(|run| run.at);
        let due = last.map_or_else(now, |at| at.saturating_add(pause));
        shared.state.send_modify(|state| state.next_at = Some(due));
        let wait = u64::try_from(due.saturating_sub(now())).unwrap_or(0);
        tokio::select! {
            () = sleep(Duration::from_secs(wait)) => {}
            () = now_please.notified() => tracing::info!("an audit was asked for"),
        }
        let began = Instant::now();
        let outcome = audit::once(&shared).await;
        let (at, duration) = (now(), began.elapsed().as_secs_f64());
        let mut changes = Vec::new();
        shared.state.send_modify(|state| match outcome {
            Ok(done) => {
                changes = state.ledger.take(&done.findings, &done.looked(), at);
                state.double_sign_check = done.double_sign_check;
                state.run = Some(Run { at, duration, error: None, reach: done.reach });
                state.good_at = Some(at);
                state.runs[0] += 1;
            }
            Err(error) => {
                tracing::warn!(%error, "the audit came to no result");
                let reach = state.run.take().map(|run| run.reach).unwrap_or_default();
                state.run = Some(Run { at, duration, error: Some(error.to_string()), reach });
                state.runs[1] += 1;
            }
        });
        for change in &changes {
            // Logs are forwarded to many places: the finding's name and rule, and no more.
            tracing::info!(turn = ?change.turn, rule = change.entry.rule, severity = %change.entry.severity, finding = change.id);
        }
        let kept = shared.state.borrow().clone();
        if let Err(error) = file.keep(&kept, &changes, at) {
            tracing::error!(%error, "the history was not kept; alerts go on from memory");
        }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
