//! The signer's end of the link to one cosigner: a thread that keeps a connection open, so that a promise of nonces is at hand
//! before a signature is asked for, and that does one thing at a time.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use frost_ed25519::round1::SigningCommitments;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tracing::{info, warn};

use crate::{
    config::CosignerLink,
    frost::{
        gather,
        wire::{Answer, Ask, Hello, VERSION},
    },
    io::frost::tls::{self, Timed},
};

/// Connecting, handshake and first words.
const CONNECT: Duration = Duration::from_secs(2);
/// An idle link is tried so often, and every answer to that is waited for so long.
const PING: Duration = Duration::from_secs(3);
/// Between attempts to connect.
const AGAIN: [u64; 5] = [50, 100, 250, 500, 1000]; // milliseconds

type Link = StreamOwned<ClientConnection, Timed>;

/// How a cosigner stands.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Not reachable, and why.
    Down(String),
    /// It has promised nonces and waits.
    Ready(Box<SigningCommitments>),
    /// It is working on what was asked.
    Busy,
}

/// What every peer's thread tells the key.
pub struct Board {
    standings: Mutex<Vec<(u16, Standing)>>,
    changed: Condvar,
    noted: Box<dyn Fn(u16, bool) + Send + Sync>,
}

/// Something to sign.
pub struct Job {
    /// What the cosigner is sent.
    pub package: Vec<u8>,
    /// When the answer is worth nothing any more.
    pub deadline: Instant,
    /// Where the answer goes.
    pub reply: Sender<(u16, Result<Vec<u8>, Failed>)>,
}

/// Why there is no share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The cosigner said no.
    Denied(String),
    /// The link failed.
    Link(String),
}

/// What a peer's thread needs.
pub struct Peer {
    /// Whom it talks to.
    pub link: CosignerLink,
    /// The group, as the cosigner must name it.
    pub fingerprint: String,
    /// TLS with the right pins.
    pub tls: Arc<ClientConfig>,
    /// Where it is told how the cosigner stands.
    pub board: Arc<Board>,
}

// === impl Board ===

impl Board {
    /// A board on which nobody is reachable yet. `noted` is told who comes and goes.
    pub fn new(ids: impl Iterator<Item = u16>, noted: Box<dyn Fn(u16, bool) + Send + Sync>) -> Self {
        let down = |id| (id, Standing::Down("not connected yet".into()));
        Self { standings: Mutex::new(ids.map(down).collect()), changed: Condvar::new(), noted }
    }

    /// Waits until `choose` finds what it wants, or the deadline.
    pub fn wait<T>(
        &self,
        deadline: Instant,
        mut choose: impl FnMut(&mut [(u16, Standing)]) -> Option<T>,
    ) -> Option<T> {
        let mut standings = self.lock();
        loop {
            if let Some(found) = choose(&mut standings) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let (again, _) =
                self.changed.wait_timeout(standings, left).unwrap_or_else(PoisonError::into_inner);
            standings = again;
        }
    }

    fn set(&self, id: u16, standing: &Standing) {
        let up = !matches!(standing, Standing::Down(_));
        for (there, old) in self.lock().iter_mut() {
            if *there == id {
                *old = standing.clone();
            }
        }
        (self.noted)(id, up);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u16, Standing)>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Peer ===

impl Peer {
    /// Keeps the link until nobody can ask any more.
    pub fn run(self, jobs: &Receiver<Job>) {
        let id = self.link.id;
        let mut attempt = 0;
        loop {
            let why = match self.connect() {
                Ok((mut link, commitments)) => {
                    info!(cosigner = id, address = self.link.address, "cosigner connected");
                    attempt = 0;
                    self.board.set(id, &Standing::Ready(Box::new(commitments)));
                    match self.serve(&mut link, jobs) {
                        Ok(()) => return,
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            if attempt == 0 {
                warn!(cosigner = id, address = self.link.address, reason = why, "cosigner not connected");
            }
            self.board.set(id, &Standing::Down(why.clone()));
            let until = Instant::now() + Duration::from_millis(AGAIN[attempt.min(AGAIN.len() - 1)]);
            attempt += 1;
            loop {
                match jobs.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(job) => drop(job.reply.send((id, Err(Failed::Link(why.clone()))))),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    fn connect(&self) -> io::Result<(Link, SigningCommitments)> {
        let deadline = Instant::now() + CONNECT;
        let mut last = io::Error::other("its address has no IP address");
        let mut stream = None;
        for address in self.link.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(connected) => {
                    stream = Some(connected);
                    break;
                }
                Err(error) => last = error,
            }
        }
        let stream = stream.ok_or(last)?;
        stream.set_nodelay(true)?;
        let connection =
            ClientConnection::new(Arc::clone(&self.tls), tls::nobody()).map_err(io::Error::other)?;
        let mut link = StreamOwned::new(connection, Timed::new(stream, deadline));
        let hello: Hello = tls::receive(&mut link)?;
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        if hello.version != VERSION {
            return wrong(format!("it speaks version {} of the protocol, not {VERSION}", hello.version));
        }
        if hello.id != u32::from(self.link.id) {
            return wrong(format!("it is cosigner {}, not {}", hello.id, self.link.id));
        }
        if hello.group != self.fingerprint {
            return wrong(format!("it belongs to another group, {}", hello.group));
        }
        match gather::commitments(&hello.commitments) {
            Some(commitments) => Ok((link, commitments)),
            None => wrong("it has promised nothing".into()),
        }
    }

    /// Until the link fails (an error) or nobody can ask any more.
    fn serve(&self, link: &mut Link, jobs: &Receiver<Job>) -> io::Result<()> {
        let id = self.link.id;
        loop {
            let job = match jobs.recv_timeout(PING) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    // What it says changes nothing: the promise stands.
                    exchange(link, Vec::new(), Instant::now() + PING)?;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let Job { package, deadline, reply } = job;
            let answer = exchange(link, package, deadline);
            let standing = match &answer {
                // A late answer would be taken for the next one's, so the link is given up; and so are its nonces.
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                Ok(answer) => gather::commitments(&answer.commitments)
                    .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has promised nothing")),
            };
            let share = match answer {
                Ok(Answer { share, denied, .. }) if share.is_empty() => Err(Failed::Denied(denied)),
                Ok(Answer { share, .. }) => Ok(share),
                Err(error) => Err(Failed::Link(error.to_string())),
            };
            if let Ok(commitments) = &standing {
                self.board.set(id, &Standing::Ready(Box::new(*commitments)));
            }
            // Whoever asked may have given up.
            let _ = reply.send((id, share));
            standing?;
        }
    }
}

fn exchange(link: &mut Link, package: Vec<u8>, deadline: Instant) -> io::Result<Answer> {
    link.sock.until(deadline);
    tls::send(link, &Ask { package })?;
    tls::receive(link)
}
