//! A link from outside: starting and stopping it, and taking its connection from a thread that is stuck.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use comet::frame;

use crate::{
    config::NodeAddr,
    io::{dial::Stream, link::Link, status::LinkStatus, wire::Wire},
    mark::Hrs,
    reply::Kind,
};

/// An open connection and what came on it.
pub(super) struct Connection {
    pub(super) wire: Wire,
    pub(super) frames: frame::Decoder,
}

/// A connection whose thread is at the desk, and what it asks there.
pub(super) struct Taken {
    pub(super) connection: Box<Connection>,
    /// Nowhere, if it asks for raw bytes to be signed.
    pub(super) hrs: Option<Hrs>,
    pub(super) kind: Kind,
    /// When the request arrived.
    pub(super) since: Instant,
}

/// Where a connection waits while its thread is at the desk.
#[derive(Default)]
pub(crate) struct Parking(Mutex<Place>);

#[derive(Default)]
struct Place {
    /// Which thread the link belongs to; goes up when another takes over.
    tenure: u64,
    taken: Option<Taken>,
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
    number: usize,
    /// More than one when a thread was stuck and another took over.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

// === impl Parking ===

impl Parking {
    pub(super) fn park(&self, taken: Taken) {
        self.lock().taken = Some(taken);
    }

    /// The connection back for its own thread, unless another has it now.
    pub(super) fn take(&self, tenure: u64) -> Option<Taken> {
        let mut place = self.lock();
        if place.tenure == tenure { place.taken.take() } else { None }
    }

    pub(super) fn is_tenant(&self, tenure: u64) -> bool {
        self.lock().tenure == tenure
    }

    /// The connection of a request that is older than `limit`, for a new thread with the tenure returned.
    fn take_over(&self, limit: Duration) -> Option<(u64, Taken)> {
        let mut place = self.lock();
        let taken = place.taken.take_if(|taken| taken.since.elapsed() > limit)?;
        place.tenure += 1;
        Some((place.tenure, taken))
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Stop ===

impl Stop {
    fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        if let Some(socket) = &*self.socket.lock().unwrap_or_else(PoisonError::into_inner) {
            socket.stop_reading();
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn watch(&self, socket: Option<Stream>) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }
}

// === impl LinkHandle ===

impl LinkHandle {
    /// Starts a thread that dials and serves.
    pub(crate) fn start(link: Link, number: usize) -> std::io::Result<Self> {
        let handle = Self { link: Arc::new(link), number, threads: Mutex::default() };
        handle.spawn(0, None)?;
        Ok(handle)
    }

    /// Lets a new thread answer for one that has been at the desk for longer than `limit`. Returns whether there was one.
    pub(crate) fn relieve(&self, limit: Duration) -> std::io::Result<bool> {
        let Some((tenure, taken)) = self.link.parked.take_over(limit) else { return Ok(false) };
        self.spawn(tenure, Some(taken))?;
        Ok(true)
    }

    fn spawn(&self, tenure: u64, taken: Option<Taken>) -> std::io::Result<()> {
        let link = Arc::clone(&self.link);
        let name = format!("link-{}", self.number);
        let thread = thread::Builder::new().name(name).spawn(move || link.run_for_good(tenure, taken))?;
        let mut threads = self.threads();
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    /// Whether it serves this node for this chain.
    pub(crate) fn is(&self, chain_id: &str, node: &NodeAddr) -> bool {
        self.link.status.chain_id == chain_id && self.link.node == *node
    }

    pub(crate) fn status(&self) -> &LinkStatus {
        &self.link.status
    }

    pub(crate) fn ask_to_stop(&self) {
        self.link.stop.ask();
        for thread in &*self.threads() {
            thread.thread().unpark();
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.threads().iter().all(JoinHandle::is_finished)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
