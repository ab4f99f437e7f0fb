//! Writing the audit log, on a thread of its own: no reply ever waits for it.
//!
//! Links hand over a decision after its reply is out. The queue is bounded: when the disk is full or hangs, decisions are
//! counted as lost (metric, log, and the next line that can be written says how many) and signing goes on, because a validator that
//! stops for its diary is worse than a gap in it; the mark, which prevents double signs, has its own file and stops the key.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tracing::{error, info};

use crate::{
    audit::{Decision, Event, Head, hash},
    metrics::Metrics,
};

/// Decisions that may wait for the disk: a minute of a busy signer.
const QUEUE: usize = 8192;
/// Longest last line looked at when a log is opened; ours have about 400 bytes.
const TAIL: u64 = 64 * 1024;
/// Between attempts to open a log that could not be written.
const RETRY: Duration = Duration::from_secs(1);

/// The log's thread; it ends, with everything written, when this is dropped.
pub(crate) struct AuditLog {
    path: PathBuf,
    queue: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    lost: Arc<AtomicU64>,
    head: Arc<Mutex<Head>>,
    metrics: Arc<Metrics>,
}

enum Message {
    Decision(Box<Decision>, u128),
    Reopen,
}

struct Writer {
    path: PathBuf,
    file: Option<File>,
    tried: Instant,
    head: Head,
    lost: Arc<AtomicU64>,
    shown: Arc<Mutex<Head>>,
    metrics: Arc<Metrics>,
}

// === impl AuditLog ===

impl AuditLog {
    /// Opens the log, which must be possible at the start.
    pub(crate) fn start(path: &Path, metrics: Arc<Metrics>) -> io::Result<Self> {
        let (lost, head) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Head::default())));
        let mut writer = Writer {
            path: path.into(),
            file: None,
            tried: Instant::now(),
            head: Head::default(),
            lost: Arc::clone(&lost),
            shown: Arc::clone(&head),
            metrics: Arc::clone(&metrics),
        };
        writer.open()?;
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        let thread = thread::Builder::new().name("audit".into()).spawn(move || {
            for message in messages {
                match message {
                    Message::Decision(decision, millis) => writer.write(*decision, millis),
                    Message::Reopen => writer.reopen(),
                }
            }
            // The process ends: what the kernel has shall be on the disk.
            let _ = writer.file.map(|file| file.sync_data());
        })?;
        Ok(Self { path: path.into(), queue: Some(queue), thread: Some(thread), lost, head, metrics })
    }

    /// Hands over a decision; never waits.
    pub(crate) fn record(&self, decision: Decision) {
        let message = Message::Decision(Box::new(decision), now());
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) =
            self.queue.as_ref().map(|queue| queue.try_send(message))
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.metrics.audit_log_lost.inc();
        }
    }

    /// Goes on in the file that has the log's name now, after a rotation.
    pub(crate) fn reopen(&self) {
        // A full queue means trouble, and trouble means opening anew anyway.
        let _ = self.queue.as_ref().map(|queue| queue.try_send(Message::Reopen));
    }

    /// For `status`.
    pub(crate) fn line(&self) -> String {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lost = self.metrics.audit_log_lost.get();
        format!("{}, {} lines, {lost} lost, last hash {}", self.path.display(), head.sequence, head.hash)
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // It panicked; what was lost is lost.
            let _ = thread.join();
        }
    }
}

// === impl Writer ===

impl Writer {
    fn write(&mut self, decision: Decision, millis: u128) {
        if self.file.is_none() && self.tried.elapsed() >= RETRY {
            // Why it failed has been said when it broke.
            let _ = self.open();
        }
        if self.file.is_none() || self.append(&Event::Decision(decision), millis).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.metrics.audit_log_lost.inc();
        }
    }

    fn append(&mut self, event: &Event, millis: u128) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut head = self.head.clone();
        let line = head.append(event, millis) + "\n";
        if let Err(reason) = file.write_all(line.as_bytes()) {
            error!(%reason, path = %self.path.display(), "the audit log cannot be written; signing goes on without it");
            // Nobody knows how much of the line is there: opening looks.
            self.file = None;
            return Err(reason);
        }
        self.head = head;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = self.head.clone();
        self.metrics.audit_log_lines.inc();
        Ok(())
    }

    fn reopen(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = file.sync_data();
        }
        match self.open() {
            Ok(()) => info!(path = %self.path.display(), "audit log reopened"),
            Err(reason) => error!(%reason, path = %self.path.display(), "the audit log cannot be opened"),
        }
    }

    /// Opens the file and takes up the chain at its last line; in an empty file the chain goes on from the one before it.
    fn open(&mut self) -> io::Result<()> {
        self.tried = Instant::now();
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        (&mut file).take(TAIL).read_to_end(&mut tail)?;
        let mut torn = false;
        if !tail.is_empty() {
            let whole = tail.ends_with(b"\n");
            if !whole {
                file.write_all(b"\n")?;
            }
            let mut lines = tail.trim_ascii_end().rsplit(|byte| *byte == b'\n');
            let last = lines.next().unwrap_or_default();
            self.head = match Head::after(last) {
                Some(head) => head,
                None => {
                    torn = true;
                    let before = lines.next().and_then(Head::after).unwrap_or_default();
                    Head { hash: hash(last), ..before }
                }
            };
        }
        self.file = Some(file);
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let opened = self.append(&Event::Opened { torn, lost }, now());
        if opened.is_err() {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        opened
    }
}

/// Milliseconds since 1970.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
