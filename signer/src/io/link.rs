//! One link: one node of one chain, dialled again and again, on a thread of its own.
//!
//! Links share nothing but their key's desk, so a node that hangs holds up nobody else. Blocking sockets, because one
//! thread that waits for one node is the shortest way from its request to its answer.
//!
//! A refusal is a reply; the connection ends only for framing, cryptography or silence.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use comet::{
    frame::{self, FrameError, MAX_FROM_NODE},
    privval::{Message, Sum},
};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use tracing::{debug, error, info, warn};

use crate::{
    backoff::Backoff,
    config::NodeAddr,
    io::{
        desk::{Desk, Times},
        dial::{Stream, dial},
        identity::LinkIdentity,
        status::LinkStatus,
        wire::{Wire, WireError},
    },
    keeper::Answer,
    mark::Step,
    metrics::Metrics,
    reply::{self, Kind},
    request::Request,
    session::{self, Ask},
};

/// What a link works with.
pub(crate) struct Link {
    pub(crate) node: NodeAddr,
    pub(crate) public_key: [u8; 32],
    /// Index of the chain at the desk.
    pub(crate) chain: usize,
    pub(crate) desk: Arc<Desk>,
    pub(crate) identity: LinkIdentity,
    pub(crate) status: Arc<LinkStatus>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: Arc<Stop>,
}

/// Ends a link from outside: it finishes the request that it is at.
#[derive(Default)]
pub(crate) struct Stop {
    asked: AtomicBool,
    socket: Mutex<Option<Stream>>,
}

/// A link at work, from outside.
pub(crate) struct LinkHandle {
    link: Arc<Link>,
    thread: JoinHandle<()>,
}

/// Why a connection ended.
#[derive(Debug, Error)]
enum End {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("a message that no reply fits")]
    Unanswerable,
    #[error("the signer stops")]
    Stopped,
}

/// What happened to a message, for metrics and logs after the reply is out.
enum Event {
    Plain(&'static str),
    Rejected(Kind, session::Reject),
    Judged(Request, Box<Answer>, Times),
}

// === impl Stop ===

impl Stop {
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        if let Some(socket) = &*self.socket.lock().unwrap_or_else(PoisonError::into_inner) {
            socket.stop_reading();
        }
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    fn watch(&self, socket: Option<Stream>) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }
}

// === impl LinkHandle ===

impl LinkHandle {
    /// Starts a thread that dials and serves.
    pub(crate) fn start(link: Link, number: usize) -> std::io::Result<Self> {
        let link = Arc::new(link);
        let runs = Arc::clone(&link);
        let name = format!("link-{number}");
        let thread = thread::Builder::new().name(name).spawn(move || runs.run_for_good())?;
        Ok(Self { link, thread })
    }

    /// Whether it serves this node for this chain.
    pub(crate) fn is(&self, chain_id: &str, node: &NodeAddr) -> bool {
        self.link.status.chain_id == chain_id && self.link.node == *node
    }

    pub(crate) fn status(&self) -> Arc<LinkStatus> {
        Arc::clone(&self.link.status)
    }

    pub(crate) fn ask_to_stop(&self) {
        self.link.stop.ask();
        self.thread.thread().unpark();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

// === impl Link ===

impl Link {
    /// Dials and serves until it is stopped, also when a message brings out a bug in this program. If the keeper was at
    /// work then, its desk has stopped the key.
    pub(crate) fn run_for_good(&self) {
        while panic::catch_unwind(AssertUnwindSafe(|| self.run())).is_err() {
            let (chain_id, node) = (self.status.chain_id.as_str(), self.status.node.as_str());
            error!(chain_id, node, "link panicked, dialling anew");
            self.disconnected();
            thread::sleep(Duration::from_secs(1));
        }
    }

    fn run(&self) {
        let (chain_id, node) = (self.status.chain_id.as_str(), self.status.node.as_str());
        let mut backoff = Backoff::new();
        let mut told = false;
        while !self.stop.is_asked() {
            match self.connect() {
                Ok(mut wire) => {
                    backoff.reset();
                    told = false;
                    self.status.heard(Instant::now());
                    self.status.set_connected(true);
                    self.metrics.node_connected.with_label_values(&[chain_id, node]).set(1);
                    self.metrics.node_connects.with_label_values(&[chain_id, node]).inc();
                    info!(chain_id, node, "connected");
                    let Err(end) = self.serve(&mut wire);
                    self.disconnected();
                    if matches!(end, End::Stopped) || self.stop.is_asked() {
                        info!(chain_id, node, "disconnected");
                    } else {
                        warn!(chain_id, node, reason = %end, "disconnected");
                    }
                }
                // Once for each outage; a node that is down is dialled every second or two.
                Err(reason) if !told => {
                    warn!(chain_id, node, %reason, "cannot connect");
                    told = true;
                }
                Err(reason) => debug!(chain_id, node, %reason, "cannot connect"),
            }
            self.stop.watch(None);
            let until = Instant::now() + backoff.wait(OsRng.next_u32());
            while let Some(left) = until.checked_duration_since(Instant::now())
                && !self.stop.is_asked()
            {
                thread::park_timeout(left);
            }
        }
    }

    fn disconnected(&self) {
        self.status.set_connected(false);
        let labels = [self.status.chain_id.as_str(), self.status.node.as_str()];
        self.metrics.node_connected.with_label_values(&labels).set(0);
    }

    fn connect(&self) -> Result<Wire, WireError> {
        let stream = dial(&self.node)?;
        self.stop.watch(Some(stream.try_clone()?));
        // Whoever asked before the socket was there could not wake its reads.
        if self.stop.is_asked() {
            return Err(WireError::Closed);
        }
        match self.node {
            NodeAddr::Tcp(_) => Wire::secret(stream, self.identity.key()),
            NodeAddr::Unix(_) => Wire::plain(stream),
        }
    }

    fn serve(&self, wire: &mut Wire) -> Result<std::convert::Infallible, End> {
        let mut frames = frame::Decoder::new(MAX_FROM_NODE);
        loop {
            wire.receive(&mut |data| frames.push(data))?;
            let since = Instant::now();
            self.status.heard(since);
            while let Some(body) = frames.next()? {
                // Asked for after the socket was handed over for watching, so none is missed.
                if self.stop.is_asked() {
                    return Err(End::Stopped);
                }
                let (reply, event) = self.answer(body, since).ok_or(End::Unanswerable)?;
                wire.send(&frame::encode(&Message::of(reply)))?;
                self.note(&event, since);
            }
        }
    }

    /// The reply to one message; `None` when no reply fits.
    fn answer(&self, body: &[u8], since: Instant) -> Option<(Sum, Event)> {
        let judged = |kind, request: Request, signed: &dyn Fn(&crate::keeper::Signed) -> Sum| {
            let (answer, times) = self.desk.ask(self.chain, &request, since);
            let reply = match &answer {
                Answer::Sign(it) => signed(it),
                Answer::Refuse(it) => reply::refusal(kind, &it.to_string(), it.reason.is_double_sign()),
                Answer::Fail(it) => reply::refusal(kind, &it.to_string(), false),
            };
            (reply, Event::Judged(request, Box::new(answer), times))
        };
        Some(match session::read(&self.status.chain_id, body) {
            Ask::Ping => (session::pong(), Event::Plain("ping")),
            Ask::PubKey => (reply::pub_key(self.public_key), Event::Plain("pub_key")),
            Ask::Vote(request, vote) => {
                judged(Kind::Vote, request, &|signed| reply::signed_vote(vote.clone(), signed))
            }
            Ask::Proposal(request, proposal) => {
                judged(Kind::Proposal, request, &|signed| reply::signed_proposal(proposal.clone(), signed))
            }
            Ask::Invalid(kind, reject) => (session::rejection(kind, &reject), Event::Rejected(kind, reject)),
            Ask::Unanswerable => return None,
        })
    }

    /// Metrics and logs of a message whose reply is out.
    fn note(&self, event: &Event, since: Instant) {
        let chain_id = self.status.chain_id.as_str();
        let node = self.status.node.as_str();
        let count = |r#type: &str, result: &str, reason: &str| {
            self.metrics.requests.with_label_values(&[chain_id, r#type, result, reason]).inc();
        };
        match event {
            Event::Plain(r#type) => count(r#type, "answered", ""),
            Event::Rejected(kind, reject) => {
                warn!(chain_id, node, reason = %reject, "request refused as invalid");
                count(kind_name(*kind), "invalid", reject.name());
            }
            Event::Judged(request, answer, times) => {
                let hrs = request.hrs();
                let (r#type, height, round) = (step_name(hrs.step), hrs.height, hrs.round);
                self.time(times, since);
                match &**answer {
                    Answer::Sign(signed) => {
                        debug!(chain_id, node, r#type, height, round, repeat = signed.repeat, "signed");
                        count(r#type, if signed.repeat { "repeated" } else { "signed" }, "");
                        self.metrics.signed(chain_id, hrs);
                        if signed.repeat && signed.extension_signature.is_some() {
                            self.metrics.extension_resigned.with_label_values(&[chain_id]).inc();
                        }
                    }
                    Answer::Refuse(refusal) if refusal.reason.is_double_sign() => {
                        error!(chain_id, node, r#type, height, round, reason = %refusal, "double sign prevented");
                        count(r#type, "refused", refusal.reason.name());
                        let labels = [chain_id, refusal.reason.name()];
                        self.metrics.double_sign_prevented.with_label_values(&labels).inc();
                    }
                    Answer::Refuse(refusal) => {
                        warn!(chain_id, node, r#type, height, round, reason = %refusal, "request refused");
                        count(r#type, "refused", refusal.reason.name());
                    }
                    Answer::Fail(failure) => {
                        error!(chain_id, node, r#type, height, round, reason = %failure, "request failed");
                        count(r#type, "failed", failure.name());
                    }
                }
            }
        }
    }

    fn time(&self, times: &Times, since: Instant) {
        let chain_id = self.status.chain_id.as_str();
        let observe = |phase: &str, from: Instant, to: Instant| {
            let seconds = to.saturating_duration_since(from).as_secs_f64();
            self.metrics.request_duration.with_label_values(&[chain_id, phase]).observe(seconds);
        };
        let mut before = since;
        let phases =
            [("wait", times.turn), ("check", times.check), ("persist", times.persist), ("sign", times.sign)];
        for (phase, at) in phases {
            if let Some(at) = at {
                observe(phase, before, at);
                before = at;
            }
        }
        observe("total", since, Instant::now());
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::PubKey => "pub_key",
        Kind::Vote => "vote",
        Kind::Proposal => "proposal",
        Kind::SignBytes => "sign_bytes",
    }
}

fn step_name(step: Step) -> &'static str {
    match step {
        Step::Propose => "proposal",
        other => other.name(),
    }
}
