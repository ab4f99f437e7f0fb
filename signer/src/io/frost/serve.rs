//! The cosigner's daemon: signers connect, each on a thread of its own, and one after the other they get the share's turn.
//!
//! A connection has one promise of nonces at a time. It is made when the connection is, replaced after every answer, and gone with the
//! connection; nothing of it is ever written down.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use comet::consensus::PublicKey;
use thiserror::Error;
use tracing::{debug, error, info};

use crate::{
    config::CosignerConfig,
    frost::{
        cosigner::Cosigner,
        share::{Share, ShareError},
    },
    io::{
        frost::{
            agreed::Agreement,
            hall::Hall,
            talk::{ANSWER, Room, Seat, Shared, talk},
            tls::{Identity, TlsError},
        },
        http::{Endpoints, Tells},
        key::{
            sealed::{self, SealedError},
            source,
        },
        store_file::{self, StateFileError},
    },
    mark::{Identity as Owner, Mark},
    metrics::cosigner::CosignerMetrics,
    store::Store,
};

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

/// Why a configuration is not taken while a cosigner runs.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// More is changed than can be.
    #[error("more than signers is changed: the rest is read at the start only")]
    Restart,
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Everything open and bound; no thread runs yet.
pub struct Ready {
    config: CosignerConfig,
    cosigner: Arc<Shared>,
    metrics: CosignerMetrics,
    hall: Hall,
    listen: SocketAddr,
    endpoints: Option<TcpListener>,
}

/// A cosigner at work. Dropping it stops it, and hangs up on everybody.
pub struct Serving {
    listen: SocketAddr,
    hall: Arc<Hall>,
    thread: Option<thread::JoinHandle<()>>,
    config: Mutex<CosignerConfig>,
    metrics: CosignerMetrics,
    /// Address and thread of the metrics.
    endpoints: Option<(SocketAddr, Endpoints)>,
}

/// What scrapes see.
struct Told(CosignerMetrics);

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
    let bind = |address| {
        let bound = TcpListener::bind(address).and_then(|bound| Ok((bound.local_addr()?, bound)));
        bound.map_err(|source| ServeError::Listen { address, source })
    };
    let (listen, listener) = bind(config.listen)?;
    let endpoints = config.metrics.map(bind).transpose()?.map(|(_, listener)| listener);
    let (id, group) = (share.id(), share.group());
    info!(
        cosigner = id, %listen, public_key = %group.public_key(), threshold = group.threshold(),
        of = group.ids().len(), group = group.fingerprint(), pin = %identity.public(), "cosigner opened"
    );
    let hall = Hall::new(listener, identity, &config.signers)?;
    let metrics = CosignerMetrics::new(env!("CARGO_PKG_VERSION"), id, &group.fingerprint().to_string());
    #[cfg(feature = "etcd")]
    let agreement = Agreement::new(config, &share)?;
    #[cfg(not(feature = "etcd"))]
    let agreement = Agreement::new(config, &share);
    let cosigner = Cosigner::new(share, stores);
    cosigner.marks().for_each(|(chain_id, mark)| metrics.stands(chain_id, mark.hrs));
    let cosigner = Arc::new(Mutex::new(Seat { cosigner, agreement }));
    Ok(Ready { config: config.clone(), cosigner, metrics, hall, listen, endpoints })
}

// === impl Ready ===

impl Ready {
    /// Starts to serve.
    pub fn serve(self) -> Result<Serving, ServeError> {
        let Self { config, cosigner, metrics, hall, listen, endpoints } = self;
        let endpoints = endpoints
            .map(|listener| {
                let address = listener.local_addr()?;
                Ok((address, Endpoints::start(listener, Arc::new(Told(metrics.clone())))?))
            })
            .transpose()
            .map_err(ServeError::Thread)?;
        let hall = Arc::new(hall);
        let room = Arc::new(Room { cosigner, hall: Arc::clone(&hall), metrics: metrics.clone() });
        let accept = move || {
            for (number, stream) in (0u64..).zip(room.hall.listener.incoming()) {
                if room.hall.is_closed() {
                    return;
                }
                let Ok(stream) = stream else {
                    // Out of descriptors: they come back.
                    thread::sleep(Duration::from_millis(50));
                    continue;
                };
                if !room.hall.enter(number, &stream) {
                    continue;
                }
                let inside = Arc::clone(&room);
                let talk = move || {
                    let peer = stream.peer_addr().map_or_else(|_| "?".into(), |address| address.to_string());
                    if let Err(error) = talk(&inside, number, stream, &peer) {
                        debug!(peer, %error, "signer gone");
                    }
                    inside.hall.leave(number);
                };
                if thread::Builder::new().name("signer".into()).spawn(talk).is_err() {
                    room.hall.leave(number);
                }
            }
        };
        let thread =
            thread::Builder::new().name("accept".into()).spawn(accept).map_err(ServeError::Thread)?;
        Ok(Serving { listen, hall, thread: Some(thread), config: Mutex::new(config), metrics, endpoints })
    }
}

impl Tells for Told {
    fn exposition(&self) -> String {
        self.0.text()
    }

    fn troubles(&self) -> Vec<String> {
        let stopped = self.0.stopped.with_label_values::<&str>(&[]).get() != 0;
        stopped
            .then(|| "no share is given any more: a mark could not be made durable".into())
            .into_iter()
            .collect()
    }
}

// === impl Serving ===

impl Serving {
    /// Where signers connect to.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where the metrics are.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.endpoints.as_ref().map(|(address, _)| *address)
    }

    /// Takes another list of signers from the configuration; refuses one that differs in anything else.
    pub fn reload(&self, new: &CosignerConfig) -> Result<(), ReloadError> {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let same = CosignerConfig { signers: config.signers.clone(), ..new.clone() } == *config;
        let done = match same {
            true => self.hall.admit(&new.signers).map_err(ReloadError::from),
            false => Err(ReloadError::Restart),
        };
        match &done {
            Ok(()) => {
                info!(signers = new.signers.len(), "configuration read again");
                *config = new.clone();
            }
            Err(error) => error!(%error, "the configuration is not taken; the old one stays"),
        }
        let result = if done.is_ok() { "taken" } else { "refused" };
        self.metrics.reloads.with_label_values(&[result]).inc();
        done
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.hall.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.hall.empty();
        // Whoever is being answered is waited for: a mark that is being written is written.
        let end = Instant::now() + ANSWER;
        while !self.hall.is_empty() && Instant::now() < end {
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
