//! One link: one node of one chain, dialled again and again, on a thread of its own.
//!
//! Links share nothing but their key's desk, so a node that hangs holds up nobody else. Blocking sockets, because one
//! thread that waits for one node is the shortest way from its request to its answer.
//!
//! A refusal is a reply; the connection ends only for framing, cryptography or silence.
//!
//! # When the disk hangs
//!
//! A thread in `fdatasync` or in an HSM cannot be called back, and its node must not wait longer than 2.5 s. So before a link
//! goes to the desk it parks its connection, and takes it back after. Whoever is overdue loses it to a new thread
//! ([`handle`]), which says "timeout" and serves on; the old one finds its place empty, has nothing to send a late
//! signature on, and ends. That costs two uncontended locks for each signature, and no hop between threads.

mod handle;
mod note;
#[cfg(test)]
mod tests;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use comet::{
    consensus::PublicKey,
    frame::{self, FrameError, MAX_FROM_NODE},
    privval::{SignBytesRequest, Sum},
    secret::Dialect,
};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use tracing::{debug, error, info, warn};

pub(crate) use self::handle::{LinkHandle, Parking, Stop};
use self::{
    handle::{Connection, Taken},
    note::Event,
};

use crate::{
    backoff::Backoff,
    config::NodeAddr,
    io::{
        audit::AuditLog,
        desk::{BUDGET, Desk, Times},
        dial::dial,
        doppelganger::Gate,
        identity::LinkIdentity,
        status::LinkStatus,
        wire::{Wire, WireError},
    },
    keeper::{Answer, Signed},
    metrics::Metrics,
    raw_bytes::RawBytes,
    reply::{self, Kind},
    session::{self, Ask},
};

/// Reasons that are told in one outage.
const MAX_TOLD: usize = 8;

/// What a link works with.
pub(crate) struct Link {
    pub(crate) node: NodeAddr,
    pub(crate) dialect: Dialect,
    pub(crate) public_key: PublicKey,
    /// Index of the chain at the desk.
    pub(crate) chain: usize,
    pub(crate) desk: Arc<Desk>,
    /// The chain's.
    pub(crate) gate: Arc<Gate>,
    pub(crate) raw_bytes: RawBytes,
    pub(crate) identity: LinkIdentity,
    pub(crate) status: LinkStatus,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) audit: Option<Arc<AuditLog>>,
    pub(crate) stop: Stop,
    /// Where the connection is while the desk has the link's thread.
    pub(crate) parked: Parking,
}

/// Makes the reply to one request out of its signature.
type ReplyTo = Box<dyn FnOnce(&Signed) -> Sum>;

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
    #[error("taken over by another thread")]
    TakenOver,
}

// === impl Link ===

impl Link {
    /// Dials and serves until it is stopped, also when a message brings out a bug in this program. If the keeper was at
    /// work then, its desk has stopped the key. Ends early when another thread has taken over the connection.
    fn run_for_good(&self, tenure: u64, mut taken: Option<Taken>) {
        while self.parked.is_tenant(tenure) {
            let taken = taken.take();
            if panic::catch_unwind(AssertUnwindSafe(|| self.run(tenure, taken))).is_ok() {
                break;
            }
            if !self.parked.is_tenant(tenure) {
                break;
            }
            let (chain_id, node) = (self.status.chain_id.as_str(), self.status.node.as_str());
            error!(chain_id, node, "link panicked, dialling anew");
            drop(self.parked.take(tenure));
            self.disconnected();
            thread::sleep(Duration::from_secs(1));
        }
    }

    fn run(&self, tenure: u64, mut taken: Option<Taken>) {
        let (chain_id, node) = (self.status.chain_id.as_str(), self.status.node.as_str());
        let mut backoff = Backoff::new();
        let mut told: Vec<String> = Vec::new();
        while !self.stop.is_asked() {
            self.status.beat();
            let connection = match taken.take() {
                Some(taken) => Ok(self.tell_timeout(taken)),
                None => self.connect().map(|wire| Some(self.connected(wire))),
            };
            match connection {
                Ok(connection) => {
                    backoff.reset();
                    told.clear();
                    let end = match connection.map(|connection| self.serve(tenure, connection)) {
                        Some(Err(End::TakenOver)) => return,
                        Some(Err(end)) => end,
                        None => End::Wire(WireError::Closed),
                    };
                    self.disconnected();
                    if matches!(end, End::Stopped) || self.stop.is_asked() {
                        info!(chain_id, node, "disconnected");
                    } else {
                        warn!(chain_id, node, reason = %end, "disconnected");
                    }
                }
                // Each reason once for each outage: a node that is down is dialled every second or two, and one that comes
                // up with another key than ours has something new to say.
                Err(reason) => {
                    let words = reason.to_string();
                    if told.contains(&words) || told.len() >= MAX_TOLD {
                        debug!(chain_id, node, %reason, "cannot connect");
                    } else {
                        warn!(chain_id, node, %reason, "cannot connect");
                        told.push(words);
                    }
                }
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

    fn connected(&self, wire: Wire) -> Box<Connection> {
        let (chain_id, node) = (self.status.chain_id.as_str(), self.status.node.as_str());
        self.status.heard(Instant::now());
        self.status.set_connected(true);
        self.metrics.node_connected.with_label_values(&[chain_id, node]).set(1);
        self.metrics.node_connects.with_label_values(&[chain_id, node]).inc();
        info!(chain_id, node, "connected");
        Box::new(Connection { wire, frames: frame::Decoder::new(MAX_FROM_NODE) })
    }

    /// Answers in the place of a thread that is stuck with the request; then the connection goes on.
    fn tell_timeout(&self, taken: Taken) -> Option<Box<Connection>> {
        let Taken { mut connection, hrs, kind, since } = taken;
        let reply = reply::refusal(kind, "timeout: the disk or the key hangs", false);
        let sent = connection.wire.send(&session::write(self.dialect, reply));
        self.note(&Event::Overdue(hrs), since);
        sent.is_ok().then_some(connection)
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
        match &self.node {
            NodeAddr::Tcp(_) => Wire::secret(stream, self.dialect, self.identity.key()),
            NodeAddr::Noise { peer, .. } => Wire::noise(stream, *peer, self.identity.key()),
            NodeAddr::Unix(_) => Wire::plain(stream),
        }
    }

    fn serve(&self, tenure: u64, mut connection: Box<Connection>) -> Result<std::convert::Infallible, End> {
        let mut since = Instant::now();
        loop {
            let Connection { wire, frames } = &mut *connection;
            let Some(body) = frames.next()? else {
                wire.receive(&mut |data| frames.push(data))?;
                since = Instant::now();
                self.status.heard(since);
                continue;
            };
            // Asked for after the socket was handed over for watching, so none is missed.
            if self.stop.is_asked() {
                return Err(End::Stopped);
            }
            let ask = session::read(self.dialect, &self.status.chain_id, body);
            let (reply, event);
            (connection, reply, event) = self.answer(ask, tenure, connection, since)?;
            connection.wire.send(&session::write(self.dialect, reply))?;
            self.note(&event, since);
        }
    }

    /// The reply to one message, and the connection to send it on.
    fn answer(
        &self,
        ask: Ask,
        tenure: u64,
        connection: Box<Connection>,
        since: Instant,
    ) -> Result<(Box<Connection>, Sum, Event), End> {
        let (kind, request, signed): (_, _, ReplyTo) = match ask {
            Ask::Vote(request, vote) => {
                (Kind::Vote, request, Box::new(|signed| reply::signed_vote(vote, signed)))
            }
            Ask::Proposal(request, proposal) => {
                (Kind::Proposal, request, Box::new(|signed| reply::signed_proposal(proposal, signed)))
            }
            Ask::Ping => {
                self.status.pinged(since);
                return Ok((connection, session::pong(), Event::Plain("ping")));
            }
            Ask::PubKey => {
                return Ok((connection, reply::pub_key(&self.public_key), Event::Plain("pub_key")));
            }
            Ask::Invalid(kind, reject) => {
                return Ok((connection, session::rejection(kind, &reject), Event::Rejected(kind, reject)));
            }
            Ask::SignBytes(asked) => return self.answer_raw(&asked, tenure, connection, since),
            Ask::Unanswerable => return Err(End::Unanswerable),
            Ask::OtherDialect => {
                let spoken = match self.dialect {
                    Dialect::Proto => Dialect::Amino,
                    Dialect::Amino => Dialect::Proto,
                };
                return Err(WireError::OtherDialect(spoken).into());
            }
        };
        // The gate before the desk: a chain that waits holds up no other chain of its key.
        let leave = match self.gate.pass(request.hrs().height, since + BUDGET) {
            Ok(leave) => leave,
            Err(failure) => {
                let reply = reply::refusal(kind, &failure.to_string(), false);
                let answer = Box::new(Answer::Fail(failure));
                return Ok((connection, reply, Event::Judged(request, answer, Times::default())));
            }
        };
        // While the disk or the key has this thread, the connection can be taken over; then the answer goes nowhere.
        self.parked.park(Taken { connection, hrs: Some(request.hrs()), kind, since });
        let (answer, times) = self.desk.ask(self.chain, leave, &request, since);
        if matches!(answer, Answer::Sign(_)) {
            self.gate.signed();
        }
        let Some(Taken { connection, .. }) = self.parked.take(tenure) else {
            self.note(&Event::TooLate(request, Box::new(answer)), since);
            return Err(End::TakenOver);
        };
        let reply = match &answer {
            Answer::Sign(it) => signed(it),
            Answer::Refuse(it) => reply::refusal(kind, &it.to_string(), it.reason.is_double_sign()),
            Answer::Fail(it) => reply::refusal(kind, &it.to_string(), false),
        };
        Ok((connection, reply, Event::Judged(request, Box::new(answer), times)))
    }

    /// The same for raw bytes, if the chain allows these.
    fn answer_raw(
        &self,
        asked: &SignBytesRequest,
        tenure: u64,
        connection: Box<Connection>,
        since: Instant,
    ) -> Result<(Box<Connection>, Sum, Event), End> {
        let kind = Kind::SignBytes;
        let permit = match self.raw_bytes.judge(&self.status.chain_id, asked) {
            Ok(permit) => permit,
            Err(refusal) => {
                let reject = session::Reject::RawBytes(refusal);
                return Ok((connection, session::rejection(kind, &reject), Event::Rejected(kind, reject)));
            }
        };
        let bytes = permit.sign_bytes().len();
        // They are at no height; whatever look has cleared the chain at all has cleared them.
        let leave = match self.gate.pass(1, since + BUDGET) {
            Ok(leave) => leave,
            Err(failure) => {
                let reply = reply::refusal(kind, &failure.to_string(), false);
                return Ok((connection, reply, Event::Raw(bytes, Err(failure))));
            }
        };
        self.parked.park(Taken { connection, hrs: None, kind, since });
        let signed = self.desk.sign_raw(self.chain, leave, permit, since);
        let reply = match &signed {
            Ok(signature) => reply::signed_bytes(signature),
            Err(failure) => reply::refusal(kind, &failure.to_string(), false),
        };
        let event = Event::Raw(bytes, signed.map(drop));
        let Some(Taken { connection, .. }) = self.parked.take(tenure) else {
            self.note(&event, since);
            return Err(End::TakenOver);
        };
        Ok((connection, reply, event))
    }
}
