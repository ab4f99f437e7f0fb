//! The cosigner's daemon: signers connect, each on a thread of its own, and one after the other they get the share's turn.
//!
//! A connection has one promise of nonces at a time. It is made when the connection is, replaced after every answer, and gone with the
//! connection; nothing of it is ever written down.

use std::{
    collections::BTreeMap,
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use comet::consensus::PublicKey;
use rand_core::OsRng;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use thiserror::Error;
use tracing::{debug, error, info, warn};

use crate::{
    config::CosignerConfig,
    frost::{
        cosigner::{Cosigner, Denied},
        nonces::Pending,
        share::{Share, ShareError},
        wire::{Answer, Ask, Hello, VERSION},
    },
    io::{
        frost::{
            agreed::Agreement,
            tls::{self, Identity, Timed, TlsError},
        },
        key::{
            sealed::{self, SealedError},
            source,
        },
        store_file::{self, LockedFile, StateFileError},
    },
    mark::{Identity as Owner, Mark},
    slots::Slots,
    store::Store,
};

/// Handshake and first words.
const GREETING: Duration = Duration::from_secs(3);
/// A signer says something every 3 s; after this long it is gone.
const IDLE: Duration = Duration::from_secs(12);
/// Writing an answer.
const ANSWER: Duration = Duration::from_secs(3);
/// Connections at once. Who is not a pinned signer is out after the handshake.
const CONNECTIONS: usize = 32;

/// Why a cosigner does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The share's file.
    #[error(transparent)]
    File(#[from] SealedError),
    /// Its content.
    #[error("{}: {source}", path.display())]
    Share {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ShareError,
    },
    /// A chain's mark.
    #[error("chain {chain_id}: {source}")]
    State {
        /// The chain.
        chain_id: String,
        /// What is wrong.
        source: StateFileError,
    },
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// From the configuration.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The mark that the signers share.
    #[cfg(feature = "etcd")]
    #[error(transparent)]
    Shared(#[from] crate::io::shared_state::SharedStateError),
}

type Shared = Mutex<Seat>;

/// What only one connection has at a time.
struct Seat {
    cosigner: Cosigner<Slots<LockedFile>>,
    agreement: Agreement,
}

/// Everything open and bound; no thread runs yet.
pub struct Ready {
    cosigner: Arc<Shared>,
    tls: Arc<ServerConfig>,
    listener: TcpListener,
    listen: SocketAddr,
}

/// A cosigner at work. Dropping it stops it, and hangs up on everybody.
pub struct Serving {
    listen: SocketAddr,
    hall: Arc<Hall>,
    thread: Option<thread::JoinHandle<()>>,
}

/// The door and who is inside.
struct Hall {
    listener: TcpListener,
    closed: AtomicBool,
    guests: Mutex<BTreeMap<u64, TcpStream>>,
}

/// Reads the share of a configuration.
pub fn share(config: &CosignerConfig) -> Result<Share, ServeError> {
    let json = sealed::read(&config.share, config.passphrase.as_ref())?;
    Share::read(&json)
        .map_err(|source| ServeError::Share { path: source::path(&config.share).unwrap_or_default(), source })
}

/// Whose mark a chain's state is: that of the group's key.
pub fn owner(share: &Share, chain_id: &str) -> Owner {
    let public_key: PublicKey = share.group().public_key().into();
    Owner { chain_id: chain_id.into(), public_key }
}

/// Makes the mark of a chain, or raises it.
pub fn floor(config: &CosignerConfig, chain_id: &str, mark: Mark) -> Result<bool, ServeError> {
    let owner = owner(&share(config)?, chain_id);
    let path = config.state_file(chain_id);
    let made = match store_file::create(&path, &owner, &mark) {
        Err(StateFileError::Exists { .. }) => store_file::raise(&path, owner, mark).map(|()| false),
        made => made.map(|()| true),
    };
    made.map_err(|source| ServeError::State { chain_id: chain_id.into(), source })
}

/// Opens everything that a cosigner needs.
pub fn open(config: &CosignerConfig) -> Result<Ready, ServeError> {
    let share = share(config)?;
    let mut stores = BTreeMap::new();
    for chain_id in &config.chains {
        let (slots, last) = store_file::open(&config.state_file(chain_id), owner(&share, chain_id))
            .map_err(|source| ServeError::State { chain_id: chain_id.clone(), source })?;
        info!(chain_id, last = %last.mark.hrs, "state opened");
        stores.insert(chain_id.clone(), Store::new(last, slots));
    }
    let identity = Identity::open(&config.identity)?;
    let tls = tls::server(&identity, &config.signers)?;
    let failed = |source| ServeError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(failed)?;
    let listen = listener.local_addr().map_err(failed)?;
    let (id, group) = (share.id(), share.group());
    info!(
        cosigner = id, %listen, public_key = %group.public_key(), threshold = group.threshold(),
        of = group.ids().len(), group = group.fingerprint(), pin = %identity.public(), "cosigner opened"
    );
    #[cfg(feature = "etcd")]
    let agreement = Agreement::new(config, &share)?;
    #[cfg(not(feature = "etcd"))]
    let agreement = Agreement::new(config, &share);
    let seat = Seat { cosigner: Cosigner::new(share, stores), agreement };
    Ok(Ready { cosigner: Arc::new(Mutex::new(seat)), tls, listener, listen })
}

// === impl Ready ===

impl Ready {
    /// Starts to serve.
    pub fn serve(self) -> Result<Serving, ServeError> {
        let Self { cosigner, tls, listener, listen } = self;
        let (closed, guests) = (AtomicBool::new(false), Mutex::default());
        let hall = Arc::new(Hall { listener, closed, guests });
        let inside = Arc::clone(&hall);
        let accept = move || {
            for (number, stream) in (0u64..).zip(inside.listener.incoming()) {
                if inside.closed.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else {
                    // Out of descriptors: they come back.
                    thread::sleep(Duration::from_millis(50));
                    continue;
                };
                if !inside.enter(number, &stream) {
                    continue;
                }
                let (cosigner, tls, hall) = (Arc::clone(&cosigner), Arc::clone(&tls), Arc::clone(&inside));
                let talk = move || {
                    let peer = stream.peer_addr().map_or_else(|_| "?".into(), |address| address.to_string());
                    if let Err(error) = talk(&cosigner, tls, stream, &peer) {
                        debug!(peer, %error, "signer gone");
                    }
                    hall.leave(number);
                };
                if thread::Builder::new().name("signer".into()).spawn(talk).is_err() {
                    inside.leave(number);
                }
            }
        };
        let thread =
            thread::Builder::new().name("accept".into()).spawn(accept).map_err(ServeError::Thread)?;
        Ok(Serving { listen, hall, thread: Some(thread) })
    }
}

impl Hall {
    fn guests(&self) -> MutexGuard<'_, BTreeMap<u64, TcpStream>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, number: u64, stream: &TcpStream) -> bool {
        let mut guests = self.guests();
        let Ok(handle) = stream.try_clone() else { return false };
        let room = guests.len() < CONNECTIONS;
        if room {
            guests.insert(number, handle);
        }
        room
    }

    fn leave(&self, number: u64) {
        self.guests().remove(&number);
    }
}

/// One signer, until it goes.
fn talk(cosigner: &Shared, tls: Arc<ServerConfig>, stream: TcpStream, peer: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut link = StreamOwned::new(connection, Timed::new(stream, Instant::now() + GREETING));
    let (mut pending, hello) = {
        let Seat { cosigner, .. } = &*lock(cosigner);
        let pending = cosigner.promise(&mut OsRng);
        let (id, group) = (cosigner.id().into(), cosigner.group().fingerprint());
        let hello = Hello { version: VERSION, id, group, commitments: pending.public() };
        (pending, hello)
    };
    // The first write ends the handshake: nobody hears this but a pinned signer.
    tls::send(&mut link, &hello)?;
    info!(peer, "signer connected");
    loop {
        link.sock.until(Instant::now() + IDLE);
        let Ask { package } = tls::receive(&mut link)?;
        let answer = match package.is_empty() {
            true => Answer::default(),
            false => answer(&mut lock(cosigner), &mut pending, &package, peer),
        };
        link.sock.until(Instant::now() + ANSWER);
        tls::send(&mut link, &answer)?;
    }
}

fn answer(
    Seat { cosigner, agreement }: &mut Seat,
    pending: &mut Pending,
    package: &[u8],
    peer: &str,
) -> Answer {
    let given = cosigner.sign(pending, package, &mut |chain_id, request| agreement.check(chain_id, request));
    *pending = cosigner.promise(&mut OsRng);
    let commitments = pending.public();
    match given {
        Ok(given) => {
            debug!(peer, repeat = given.repeat, "share given");
            Answer { share: given.share, denied: String::new(), commitments }
        }
        Err(denied) => {
            match &denied {
                Denied::Refused(refusal) if refusal.reason.is_double_sign() => {
                    error!(peer, reason = denied.name(), %refusal, "double sign prevented");
                }
                Denied::Persist(_) | Denied::Stopped => error!(peer, %denied, "no share given"),
                _ => warn!(peer, reason = denied.name(), %denied, "no share given"),
            }
            Answer { share: Vec::new(), denied: denied.to_string(), commitments }
        }
    }
}

fn lock(cosigner: &Shared) -> MutexGuard<'_, Seat> {
    // A panic in there came before a share left; the store knows what is durable.
    cosigner.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Serving ===

impl Serving {
    /// Where signers connect to.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.hall.closed.store(true, Ordering::SeqCst);
        // Wakes the one that accepts; connecting to it would need leave of landlock.
        let _ = rustix::net::shutdown(&self.hall.listener, rustix::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for guest in self.hall.guests().values() {
            let _ = guest.shutdown(Shutdown::Both);
        }
        // Whoever is being answered is waited for: a mark that is being written is written.
        let end = Instant::now() + ANSWER;
        while !self.hall.guests().is_empty() && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

// === impl ServeError ===

impl ServeError {
    /// What the operator can do, with this configuration file.
    pub fn remedy(&self, config: &Path) -> Option<String> {
        match self {
            Self::File(error) => error.remedy(),
            Self::Share { .. } => Some("a share-N.json of frost split, dkg finish or reshare finish".into()),
            Self::State { chain_id, source: StateFileError::Missing { .. } } => Some(format!(
                "palisade-signer frost floor --config {} --chain {chain_id} --height N (N: last height this key may have signed, \
                 0 on a new chain)",
                config.display()
            )),
            Self::State { .. } | Self::Thread(_) => None,
            Self::Tls(TlsError::File(error)) if error.is_missing() => {
                Some("palisade-signer frost identity FILE makes it".into())
            }
            Self::Tls(TlsError::File(error)) => error.remedy(),
            Self::Tls(_) => None,
            Self::Listen { .. } => Some("another address for listen in the configuration".into()),
            #[cfg(feature = "etcd")]
            Self::Shared(_) => {
                Some("start it again once etcd answers; it is bound to the cluster that answers first".into())
            }
        }
    }
}
