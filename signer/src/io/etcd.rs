//! A client for etcd that stays with one member until that one fails.
//!
//! A balancing client goes on sending to a member that hangs; this one leaves it after 150 ms, takes the next, and stays there. Each
//! request has one deadline ([`BUDGET`]) below the node's 5 s, within which it goes from member to member; the tries get longer each
//! time round, so that members far apart answer too. One thread and one connection serve every chain of a cluster.
//!
//! Etcd answers with a header, and two things in it are watched here: the cluster id never changes while a client lives, and the
//! revision of a linearizable answer is never below one that was known before it was asked. Either means that what answers is not, or
//! not any more, the store whose marks this signer has seen.

pub mod connection;
mod register;
mod worker;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use prost::Message;
use tonic::{Code, Status};

pub use self::register::EtcdRegister;
use self::{
    connection::{Connection, tls},
    worker::Worker,
};
use crate::{
    config::ClusterConfig,
    etcd::{
        Answer, Header,
        admin::{STATUS, StatusRequest, StatusResponse},
        is_final,
    },
    metrics::etcd::EtcdMetrics,
    store::SharedError,
};

/// All that one request may take: an answer leaves within 2.5 s (spec/signer.md §3.9).
pub const BUDGET: Duration = Duration::from_millis(2000);
/// The first try at each member; doubled each time round.
const TRY: Duration = Duration::from_millis(150);
/// The longest try.
const LONGEST: Duration = Duration::from_millis(600);
/// Pause after every member has failed.
const PAUSE: Duration = Duration::from_millis(40);

/// A cluster as this process uses it. Clones are handles on the same one.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    config: ClusterConfig,
    metrics: EtcdMetrics,
    /// A thread while there is something to do.
    worker: Mutex<Option<Worker>>,
    watched: AtomicBool,
    link: Arc<Link>,
}

/// What the worker's tasks share.
struct Link {
    config: ClusterConfig,
    metrics: EtcdMetrics,
    /// Which member is in use.
    at: AtomicUsize,
    open: Mutex<Option<(usize, u64, Connection)>>,
    connecting: tokio::sync::Mutex<()>,
    generations: AtomicU64,
    /// 0 before the first answer.
    cluster: AtomicU64,
    revision: AtomicI64,
    up: AtomicBool,
    /// Milliseconds after `epoch` of the last good answer.
    heard: AtomicU64,
    epoch: Instant,
    trouble: Mutex<String>,
}

// === impl Client ===

impl Client {
    /// A client that has connected to nobody yet.
    pub fn new(config: ClusterConfig, metrics: EtcdMetrics) -> Self {
        for endpoint in &config.endpoints {
            metrics.in_use.with_label_values(&[&endpoint.to_string()]).set(0);
        }
        let link = Link {
            config: config.clone(),
            metrics: metrics.clone(),
            at: AtomicUsize::new(0),
            open: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            generations: AtomicU64::new(0),
            cluster: AtomicU64::new(0),
            revision: AtomicI64::new(0),
            up: AtomicBool::new(true),
            heard: AtomicU64::new(0),
            epoch: Instant::now(),
            trouble: Mutex::default(),
        };
        let (worker, watched) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { config, metrics, worker, watched, link: Arc::new(link) }))
    }

    /// Whether it is a client of this very cluster, with these certificates.
    pub fn is_of(&self, config: &ClusterConfig) -> bool {
        self.0.config == *config
    }

    /// What keeps it from serving; `None` while a quorum answers.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.0.link.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        (!self.0.link.up.load(Ordering::Relaxed)).then(|| trouble.clone())
    }

    /// Lets the thread go; the next request starts another, inside whatever walls its caller lives in by then.
    pub fn rest(&self) {
        self.0.watched.store(false, Ordering::Relaxed);
        drop(self.0.worker.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Keeps a linearizable look at `key` going, so that a lost quorum is known and a dead member left before anybody signs. One
    /// look is enough for all keys.
    pub fn watch_over(&self, key: String) {
        if self.0.watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let link = Arc::clone(&self.0.link);
        // Without a thread there is nothing to watch with; the next request says so.
        let _ = self.spawn(async move { link.look_after(key).await });
    }

    /// Makes one call within [`BUDGET`], going from member to member. The answer is linearizable.
    pub fn call<A, B>(&self, path: &'static str, message: A) -> Result<B, SharedError>
    where
        A: Message + Clone + Send + Sync + 'static,
        B: Message + Answer + Default + Send + Sync + 'static,
    {
        self.call_and(path, message, &mut || ())
    }

    /// The same, with something done here while the answer is under way.
    pub fn call_and<A, B>(
        &self,
        path: &'static str,
        message: A,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<B, SharedError>
    where
        A: Message + Clone + Send + Sync + 'static,
        B: Message + Answer + Default + Send + Sync + 'static,
    {
        let deadline = Instant::now() + BUDGET;
        let link = Arc::clone(&self.0.link);
        let (send, receive) = mpsc::sync_channel(1);
        let task = async move {
            // Nobody may be waiting any more.
            let _ = send.send(link.ask(path, message, deadline).await);
        };
        self.spawn(task).map_err(|error| SharedError::Unclear(format!("no thread: {error}")))?;
        meanwhile();
        let wait = (deadline + LONGEST).saturating_duration_since(Instant::now());
        receive.recv_timeout(wait).unwrap_or_else(|_| {
            let wait = BUDGET + LONGEST;
            Err(SharedError::Unclear(format!("no answer within {wait:?}")))
        })
    }

    /// Makes one call to one member on a connection of its own; for looking at members one by one.
    pub fn call_member<A, B>(&self, member: usize, path: &'static str, message: A) -> Result<B, String>
    where
        A: Message + Clone + Send + Sync + 'static,
        B: Message + Default + Send + Sync + 'static,
    {
        let (send, receive) = mpsc::sync_channel(1);
        let config = self.0.config.clone();
        let task = async move {
            let called = async {
                let endpoint = config.endpoints.get(member).ok_or("no such member")?;
                let tls = tls(&config).map_err(|error| error.to_string())?;
                let connection = Connection::open(endpoint, tls).await.map_err(|error| error.to_string())?;
                connection.call(path, message, false).await.map_err(|status| in_words(&status))
            };
            let called = tokio::time::timeout(BUDGET, called).await;
            let _ = send.send(called.unwrap_or_else(|_| Err(format!("no answer within {BUDGET:?}"))));
        };
        self.spawn(task).map_err(|error| format!("no thread: {error}"))?;
        receive.recv_timeout(BUDGET + LONGEST).unwrap_or_else(|_| Err("no answer".into()))
    }

    /// The metrics that its requests are counted in.
    pub fn metrics(&self) -> &EtcdMetrics {
        &self.0.metrics
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let mut worker = self.0.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = match worker.take() {
            Some(at_work) => at_work,
            None => {
                // What the old thread's connections belonged to went with it.
                *self.0.link.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Worker::start()?
            }
        };
        worker.insert(at_work).spawn(task);
        Ok(())
    }
}

// === impl Link ===

impl Link {
    async fn ask<A, B>(&self, path: &'static str, message: A, deadline: Instant) -> Result<B, SharedError>
    where
        A: Message + Clone + Send + Sync + 'static,
        B: Message + Answer + Default + Send + Sync + 'static,
    {
        let members = self.config.endpoints.len();
        let mut last = String::from("no time left");
        let mut first = true;
        for round in 0_u32.. {
            let limit = (TRY * 2_u32.saturating_pow(round)).min(LONGEST);
            for _ in 0..members {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    self.down(&last);
                    return Err(SharedError::Unclear(last));
                }
                let at = self.at.load(Ordering::Relaxed);
                let since = self.revision.load(Ordering::SeqCst);
                let tried =
                    tokio::time::timeout(limit.min(left), self.attempt(at, path, message.clone())).await;
                match tried {
                    Ok(Ok((generation, answer))) => match self.believe(&answer, since) {
                        Ok(()) => {
                            self.metrics.first_try(first);
                            return Ok(answer);
                        }
                        Err(error) => {
                            self.leave(at, Some(generation), "foreign");
                            self.down(&error.to_string());
                            return Err(error);
                        }
                    },
                    Ok(Err(Attempt::Status(_, status))) if is_final(status.code(), status.message()) => {
                        self.count(at, "refused");
                        let words = in_words(&status);
                        self.down(&words);
                        return Err(SharedError::Refused(words));
                    }
                    Ok(Err(Attempt::Foreign(error))) => {
                        self.leave(at, None, "foreign");
                        self.down(&error.to_string());
                        return Err(error);
                    }
                    Ok(Err(Attempt::Status(generation, status))) => {
                        last = format!("{}: {}", self.config.endpoints[at], in_words(&status));
                        self.leave(at, Some(generation), "error");
                    }
                    Ok(Err(Attempt::Connect(why))) => {
                        last = format!("{}: {why}", self.config.endpoints[at]);
                        self.leave(at, None, "connect");
                    }
                    Err(_) => {
                        last = format!(
                            "{}: no answer within {} ms",
                            self.config.endpoints[at],
                            limit.as_millis()
                        );
                        self.leave(at, None, "timeout");
                    }
                }
                first = false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(SharedError::Unclear(last))
    }

    /// One call to one member.
    async fn attempt<A, B>(&self, at: usize, path: &'static str, message: A) -> Result<(u64, B), Attempt>
    where
        A: Message + Send + Sync + 'static,
        B: Message + Default + Send + Sync + 'static,
    {
        let (generation, connection) = self.connection(at).await?;
        let answer = connection.call(path, message, true).await;
        answer.map(|answer| (generation, answer)).map_err(|status| Attempt::Status(generation, status))
    }

    /// The open connection to a member, or a new one that has been found to be of the right cluster.
    async fn connection(&self, at: usize) -> Result<(u64, Connection), Attempt> {
        if let Some(open) = self.opened(at) {
            return Ok(open);
        }
        let _one = self.connecting.lock().await;
        if let Some(open) = self.opened(at) {
            return Ok(open);
        }
        let endpoint = &self.config.endpoints[at];
        let tls = tls(&self.config).map_err(|error| Attempt::Connect(error.to_string()))?;
        let connection =
            Connection::open(endpoint, tls).await.map_err(|error| Attempt::Connect(error.to_string()))?;
        let generation = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        let status: StatusResponse = connection
            .call(STATUS, StatusRequest {}, false)
            .await
            .map_err(|status| Attempt::Status(generation, status))?;
        self.same_cluster(&status.header()).map_err(Attempt::Foreign)?;
        if status.is_learner {
            return Err(Attempt::Connect("it is a learner, which has no vote and serves nobody".into()));
        }
        *self.lock_open() = Some((at, generation, connection.clone()));
        for (other, endpoint) in self.config.endpoints.iter().enumerate() {
            self.metrics.in_use.with_label_values(&[&endpoint.to_string()]).set((other == at).into());
        }
        Ok((generation, connection))
    }

    fn opened(&self, at: usize) -> Option<(u64, Connection)> {
        let open = self.lock_open();
        open.as_ref().filter(|(of, ..)| *of == at).map(|(_, generation, open)| (*generation, open.clone()))
    }

    /// Goes on to the next member, unless somebody has already.
    fn leave(&self, at: usize, generation: Option<u64>, reason: &str) {
        self.count(at, reason);
        let mut open = self.lock_open();
        if open.as_ref().is_some_and(|(of, now, _)| *of == at && generation.is_none_or(|then| then == *now)) {
            *open = None;
        }
        drop(open);
        let next = (at + 1) % self.config.endpoints.len();
        // Somebody else may have gone on already.
        let _ = self.at.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether this can be the answer of the store that was known when the question went out.
    fn believe<B: Answer>(&self, answer: &B, since: i64) -> Result<(), SharedError> {
        let header = answer.header();
        self.same_cluster(&header)?;
        if B::REVISION && header.revision < since {
            let [found, known] = [header.revision, since].map(|revision| format!("revision {revision}"));
            return Err(SharedError::Behind { found, known });
        }
        self.revision.fetch_max(header.revision, Ordering::SeqCst);
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(now, Ordering::Relaxed);
        self.up.store(true, Ordering::Relaxed);
        self.metrics.set_up(true);
        Ok(())
    }

    fn same_cluster(&self, header: &Header) -> Result<(), SharedError> {
        let found = header.cluster_id;
        match self.cluster.compare_exchange(0, found, Ordering::SeqCst, Ordering::SeqCst) {
            Err(bound) if bound != found => Err(SharedError::OtherCluster { found, bound }),
            _ => Ok(()),
        }
    }

    fn down(&self, why: &str) {
        self.up.store(false, Ordering::Relaxed);
        self.metrics.set_up(false);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = why.into();
    }

    fn count(&self, at: usize, reason: &str) {
        self.metrics.errors.with_label_values(&[&self.config.endpoints[at].to_string(), reason]).inc();
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, Option<(usize, u64, Connection)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why one try failed.
enum Attempt {
    Connect(String),
    Foreign(SharedError),
    Status(u64, Status),
}

/// What a member said.
fn in_words(status: &Status) -> String {
    match (status.code(), status.message()) {
        (code, "") => code.to_string(),
        (Code::Unknown, message) => message.into(),
        (code, message) => format!("{message} ({code})"),
    }
}
