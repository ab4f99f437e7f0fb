//! The desk of a key: links come to it one at a time, each with a request, and the keeper answers on the link's own thread.
//!
//! The keeper is *moved* to whoever has the turn and moved back after, so two links cannot use it at once, and a panic
//! in the middle leaves the desk empty: the key stops. Nobody waits for a turn longer than [`BUDGET`], because the node
//! hangs up after 5 s and needs time to ask again. The one whose own turn it is waits as long as the disk does, but not its node:
//! see [`crate::io::ward`].
//!
//! Why not a thread of its own for each keeper, with a channel? That costs two more wake-ups for each signature, 50 to 60 µs
//! where the whole signature takes 100 (measured: fdatasync plus loopback round trip 142 µs in one thread, 183 to 216 with
//! the hop). The order check, persist, sign is the keeper's and does not depend on threads.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use comet::consensus::Signature;

use crate::{
    doppelganger::Leave,
    keeper::{Answer, Failure, Keeper, Phase},
    raw_bytes::RawPermit,
    request::Request,
    store::Storage,
};

/// How long a request may wait for its turn: every answer leaves within 2.5 s (spec/signer.md §3.9), and whoever got the
/// last moment of it needs some for the signature.
pub const BUDGET: Duration = Duration::from_millis(2250);

/// The keeper that every link of a key comes to.
pub type SharedKeeper = Keeper<Box<dyn Storage>>;

/// Where links queue for a key.
pub struct Desk {
    turn: Mutex<Turn>,
    free: Condvar,
    stopped: AtomicBool,
    /// Milliseconds after `epoch` at which the keeper was taken; 0 while it is free.
    taken: AtomicU64,
    epoch: Instant,
}

enum Turn {
    Free(Box<SharedKeeper>),
    Taken,
    /// Whoever had the keeper panicked.
    Lost,
}

/// When a request reached each phase.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// It got its turn.
    pub turn: Option<Instant>,
    /// The guard judged it.
    pub check: Option<Instant>,
    /// Its mark was durable.
    pub persist: Option<Instant>,
    /// Its signatures existed.
    pub sign: Option<Instant>,
}

/// Puts the keeper back; if it was never put in, because of a panic, the desk is lost.
struct PutBack<'a> {
    desk: &'a Desk,
    keeper: Option<Box<SharedKeeper>>,
}

// === impl Desk ===

impl Desk {
    /// Opens the desk.
    pub fn new(keeper: SharedKeeper) -> Self {
        let stopped = AtomicBool::new(keeper.is_stopped());
        let turn = Mutex::new(Turn::Free(Box::new(keeper)));
        Self { turn, free: Condvar::new(), stopped, taken: AtomicU64::new(0), epoch: Instant::now() }
    }

    /// Whether the key has stopped signing until restart.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Puts a request that arrived at `since` to the keeper, for the chain with this index and with leave for its height.
    pub fn ask(&self, chain: usize, leave: Leave, request: &Request, since: Instant) -> (Answer, Times) {
        let mut keeper = match self.take(since) {
            Ok(keeper) => keeper,
            Err(failure) => return (Answer::Fail(failure), Times::default()),
        };
        let mut times = Times { turn: Some(Instant::now()), ..Times::default() };
        let mut put_back = PutBack { desk: self, keeper: None };
        let answer = keeper.answer(chain, leave, request, &mut |phase| {
            let now = Some(Instant::now());
            match phase {
                Phase::Check => times.check = now,
                Phase::Persist => times.persist = now,
                Phase::Sign => times.sign = now,
            }
        });
        put_back.keeper = Some(keeper);
        drop(put_back);
        (answer, times)
    }

    /// Puts raw bytes that arrived at `since` to the keeper, for the chain with this index.
    pub fn sign_raw(
        &self,
        chain: usize,
        leave: Leave,
        permit: RawPermit,
        since: Instant,
    ) -> Result<Signature, Failure> {
        let mut keeper = self.take(since)?;
        let mut put_back = PutBack { desk: self, keeper: None };
        let signed = keeper.sign_raw(chain, leave, permit);
        put_back.keeper = Some(keeper);
        signed
    }

    /// Takes a turn at the keeper to change something about it; `None` if there was none to be had in time.
    pub fn with<R>(&self, change: impl FnOnce(&mut SharedKeeper) -> R) -> Option<R> {
        let mut keeper = self.take(Instant::now()).ok()?;
        let mut put_back = PutBack { desk: self, keeper: None };
        let done = change(&mut keeper);
        put_back.keeper = Some(keeper);
        Some(done)
    }

    /// Looks at the keeper if nobody has it for longer than a moment.
    pub fn look<R>(&self, look: impl Fn(&SharedKeeper) -> R) -> Option<R> {
        for _ in 0..50 {
            if let Turn::Free(keeper) = &*self.lock() {
                return Some(look(keeper));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// Waits until nobody is being served, and lets nobody come any more. Returns whether that was in time.
    pub fn close(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut turn = self.lock();
        loop {
            match *turn {
                Turn::Free(_) | Turn::Lost => {
                    *turn = Turn::Lost;
                    return true;
                }
                Turn::Taken => {}
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            turn = self.free.wait_timeout(turn, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take(&self, since: Instant) -> Result<Box<SharedKeeper>, Failure> {
        let mut turn = self.lock();
        loop {
            let waited = since.elapsed();
            if waited >= BUDGET {
                return Err(Failure::Busy {
                    waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                });
            }
            match std::mem::replace(&mut *turn, Turn::Taken) {
                Turn::Free(keeper) => {
                    self.taken.store(self.now(), Ordering::Relaxed);
                    return Ok(keeper);
                }
                Turn::Lost => {
                    *turn = Turn::Lost;
                    return Err(Failure::Stopped);
                }
                Turn::Taken => {}
            }
            turn = self.free.wait_timeout(turn, BUDGET - waited).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How long the keeper has been out for the request that has it now; zero while it is free.
    pub fn busy_for(&self) -> Duration {
        match self.taken.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            taken => Duration::from_millis(self.now().saturating_sub(taken)),
        }
    }

    /// Milliseconds since the desk was opened, never 0.
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        // Nothing in this file panics while it holds the lock.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PutBack<'_> {
    fn drop(&mut self) {
        let turn = match self.keeper.take() {
            Some(keeper) => {
                self.desk.stopped.fetch_or(keeper.is_stopped(), Ordering::Relaxed);
                Turn::Free(keeper)
            }
            None => {
                self.desk.stopped.store(true, Ordering::Relaxed);
                Turn::Lost
            }
        };
        self.desk.taken.store(0, Ordering::Relaxed);
        *self.desk.lock() = turn;
        self.desk.free.notify_all();
    }
}
