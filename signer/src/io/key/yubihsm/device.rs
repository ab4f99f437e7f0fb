//! A device as the key sees it: something that is up or down, and is asked with a deadline that holds whatever the device does.
//!
//! A thread that does not answer in time is left behind and another one takes its place; one that panicked as well. At most
//! [`MOST_LEFT_BEHIND`] may hang at a time, so a kernel that swallows every thread does not get them all.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tracing::error;

use crate::io::key::yubihsm::{
    lane::lock,
    worker::{DeviceError, Job, Settings, State, Worker},
};

/// Threads that may hang.
const MOST_LEFT_BEHIND: usize = 4;
/// What the thread gets beyond the deadline to say itself that it is late.
const GRACE: Duration = Duration::from_millis(100);
/// How long stopping waits for the session to be closed.
const CLOSING: Duration = Duration::from_millis(500);

pub(super) struct Device {
    pub(super) settings: Arc<Settings>,
    board: Arc<Board>,
    current: Arc<AtomicU64>,
    left_behind: Arc<AtomicUsize>,
    worker: Option<(SyncSender<Job>, JoinHandle<()>)>,
}

/// Where the thread writes what it knows.
struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

/// Counts a thread as gone when it ends, however it ends.
struct Gone {
    current: Arc<AtomicU64>,
    generation: u64,
    left_behind: Arc<AtomicUsize>,
}

// === impl Device ===

impl Device {
    pub(super) fn start(settings: Settings) -> Result<Self, DeviceError> {
        let mut this = Self {
            settings: Arc::new(settings),
            board: Arc::new(Board { state: Mutex::new(State::Connecting), changed: Condvar::new() }),
            current: Arc::default(),
            left_behind: Arc::default(),
            worker: None,
        };
        this.start_worker()?;
        Ok(this)
    }

    pub(super) fn is_up(&self) -> bool {
        *lock(&self.board.state) == State::Up
    }

    /// A closure that says what is wrong with the device, for who is not the key's thread.
    pub(super) fn trouble(&self) -> impl Fn() -> Option<String> + Send + Sync + 'static {
        let board = Arc::clone(&self.board);
        let [_, hsm] = self.settings.labels.clone();
        move || match lock(&board.state).clone() {
            State::Up => None,
            State::Connecting => Some(format!("{hsm} hsm: connecting")),
            State::Down(error) | State::OtherKey(error) => Some(format!("{hsm} hsm: {error}")),
        }
    }

    /// Waits until the first attempt has come to an end.
    pub(super) fn first_attempt(&self, deadline: Instant) -> State {
        let mut state = lock(&self.board.state);
        while *state == State::Connecting {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            state = self.board.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.clone()
    }

    /// A signature of the device over `message`, or an error, by the deadline.
    pub(super) fn ask(&mut self, message: &[u8], deadline: Instant) -> Result<Vec<u8>, DeviceError> {
        if self.worker.as_ref().is_none_or(|(_, thread)| thread.is_finished()) {
            self.start_worker()?;
        }
        let Some((queue, _)) = &self.worker else { return Err(DeviceError::Failed) };
        let (reply, answer) = mpsc::sync_channel(1);
        let job = Job { message: message.to_vec(), asked: Instant::now(), deadline, reply };
        match queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(self.leave_behind()),
            Err(TrySendError::Disconnected(_)) => return Err(self.failed()),
        }
        let patience = deadline.saturating_duration_since(Instant::now()) + GRACE;
        match answer.recv_timeout(patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(self.leave_behind()),
            Err(RecvTimeoutError::Disconnected) => Err(self.failed()),
        }
    }

    /// The device signed, but not rightly: a new session, and whoever asked goes to another device.
    pub(super) fn mistaken(&mut self) -> String {
        let [key, hsm] = &self.settings.labels;
        error!(key, hsm, "the hsm's signature does not verify");
        self.settings.metrics.errors.with_label_values(&[key, hsm, "signature"]).inc();
        format!("{hsm} hsm: its signature does not verify")
    }

    fn start_worker(&mut self) -> Result<(), DeviceError> {
        self.worker = None;
        if self.left_behind.load(Ordering::SeqCst) >= MOST_LEFT_BEHIND {
            return Err(DeviceError::Hung);
        }
        let generation = self.current.fetch_add(1, Ordering::SeqCst) + 1;
        let gone = Gone {
            current: Arc::clone(&self.current),
            generation,
            left_behind: Arc::clone(&self.left_behind),
        };
        let (current, board) = (Arc::clone(&self.current), Arc::clone(&self.board));
        let tell = Box::new(move |state| {
            if current.load(Ordering::SeqCst) == generation {
                board.tell(state);
            }
        });
        let worker = Worker::new(Arc::clone(&self.settings), Arc::clone(&self.current), tell);
        let (queue, jobs) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(format!("hsm-{}", self.settings.labels[0]))
            .spawn(move || {
                let _gone = gone;
                worker.run(&jobs);
            })
            .map_err(DeviceError::Thread)?;
        self.worker = Some((queue, thread));
        Ok(())
    }

    /// The thread hangs: it is the current one no more.
    fn leave_behind(&mut self) -> DeviceError {
        self.current.fetch_add(1, Ordering::SeqCst);
        self.left_behind.fetch_add(1, Ordering::SeqCst);
        self.worker = None;
        self.say(&DeviceError::Hung);
        DeviceError::Hung
    }

    fn failed(&mut self) -> DeviceError {
        self.worker = None;
        self.say(&DeviceError::Failed);
        DeviceError::Failed
    }

    fn say(&self, failure: &DeviceError) {
        let [key, hsm] = &self.settings.labels;
        error!(key, hsm, left_behind = self.left_behind.load(Ordering::SeqCst), error = %failure, "hsm thread replaced");
        let metrics = &self.settings.metrics;
        metrics.errors.with_label_values(&[key, hsm, failure.name()]).inc();
        metrics.up.with_label_values(&[key, hsm]).set(0);
        self.board.tell(State::Down(failure.to_string()));
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let Some((queue, thread)) = self.worker.take() else { return };
        drop(queue);
        let deadline = Instant::now() + CLOSING;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Board {
    fn tell(&self, state: State) {
        *lock(&self.state) = state;
        self.changed.notify_all();
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        if self.current.load(Ordering::SeqCst) != self.generation {
            // It was left behind and counted. A thread that was merely replaced after a panic never was.
            let _ = self
                .left_behind
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
        }
    }
}
