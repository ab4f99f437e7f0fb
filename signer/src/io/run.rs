//! From a configuration to a running signer, and back.
//!
//! Everything that can be wrong is found before the first link is dialled: keys, states, link identity, listen address.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use thiserror::Error;
use tracing::{info, warn};

use crate::{
    config::Config,
    guard::Reason,
    io::{
        desk::Desk,
        http::Endpoints,
        identity::{IdentityError, LinkIdentity},
        key::{self, OpenKeyError},
        link::{Link, Stop},
        status::{LinkStatus, Status},
        store_file::{self, StateFileError},
    },
    keeper::Keeper,
    mark::Identity,
    metrics::Metrics,
    store::{Storage, Store},
};

/// How long stopping waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// A signer at work. Dropping it stops it.
pub struct Running {
    listen: SocketAddr,
    desks: Vec<Arc<Desk>>,
    links: Vec<(Arc<Stop>, JoinHandle<()>)>,
    endpoints: Option<Endpoints>,
}

/// Why the signer does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A key cannot be opened.
    #[error("key {name:?}: {source}")]
    Key {
        /// Its name in the configuration.
        name: String,
        /// What is wrong.
        source: OpenKeyError,
    },
    /// A state cannot be opened.
    #[error("chain {chain_id}: {source}")]
    State {
        /// The chain.
        chain_id: String,
        /// What is wrong.
        source: StateFileError,
    },
    /// No link identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The endpoints' address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// From the configuration.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Opens everything and starts every link.
pub fn start(config: &Config, version: &str) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new(version));
    let mut keys = Vec::new();
    let mut links = Vec::new();
    let mut identity = None;
    for (index, key_config) in config.keys.iter().enumerate() {
        let name = key_config.name.clone();
        let key = key::open(&key_config.backend)
            .map_err(|source| StartError::Key { name: name.clone(), source })?;
        let public_key = key.public_key();
        let chains: Vec<_> = config.chains.iter().filter(|chain| chain.key == index).collect();
        let mut stores = Vec::new();
        for chain in &chains {
            stores.push(open_store(config, &chain.id, public_key, &metrics)?);
        }
        let desk = Arc::new(Desk::new(Keeper::new(key, stores)));
        for (at, chain) in chains.into_iter().enumerate() {
            for node in &chain.nodes {
                let identity = match &identity {
                    Some(identity) => LinkIdentity::clone(identity),
                    None => identity.insert(LinkIdentity::open(&config.state_dir)?).clone(),
                };
                links.push(Link {
                    node: node.clone(),
                    public_key,
                    chain: at,
                    desk: Arc::clone(&desk),
                    identity,
                    status: Arc::new(LinkStatus::new(chain.id.clone(), node.to_string())),
                    metrics: Arc::clone(&metrics),
                    stop: Arc::default(),
                });
            }
        }
        keys.push((name, desk));
    }

    // After the states: whoever starts a second signer shall hear of the lock, not of the port.
    let listen_error = |source| StartError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(listen_error)?;
    let listen = listener.local_addr().map_err(listen_error)?;

    let desks = keys.iter().map(|(_, desk)| Arc::clone(desk)).collect();
    let statuses = links.iter().map(|link| Arc::clone(&link.status)).collect();
    let status = Arc::new(Status { keys, links: statuses, metrics });
    let endpoints = Endpoints::start(listener, status).map_err(listen_error)?;
    info!(%listen, links = links.len(), "signer started");
    let mut running = Running { listen, desks, links: Vec::new(), endpoints: Some(endpoints) };
    for link in links {
        let stop = Arc::clone(&link.stop);
        link.metrics
            .node_connected
            .with_label_values(&[link.status.chain_id.as_str(), link.status.node.as_str()])
            .set(0);
        let thread = thread::Builder::new()
            .name(format!("link-{}", running.links.len()))
            .spawn(move || link.run_for_good())
            .map_err(StartError::Thread)?;
        running.links.push((stop, thread));
    }
    Ok(running)
}

fn open_store(
    config: &Config,
    chain_id: &str,
    public_key: [u8; 32],
    metrics: &Metrics,
) -> Result<Store<Box<dyn Storage>>, StartError> {
    let identity = Identity { chain_id: chain_id.into(), public_key };
    let (slots, mark) = store_file::open(&config.state_file(chain_id), identity)
        .map_err(|source| StartError::State { chain_id: chain_id.into(), source })?;
    info!(chain_id, public_key = hex::encode(public_key), last = %mark.hrs, "state opened");
    if !mark.is_floor() {
        metrics.signed(chain_id, mark.hrs);
    }
    // Counters that alerts look at exist from the start.
    for reason in Reason::ALL.into_iter().filter(|reason| reason.is_double_sign()) {
        metrics.double_sign_prevented.with_label_values(&[chain_id, reason.name()]);
    }
    Ok(Store::new(mark, Box::new(slots)))
}

// === impl Running ===

impl Running {
    /// Where the endpoints are served.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (stop, thread) in &self.links {
            stop.ask();
            thread.thread().unpark();
        }
        // Requests being answered are finished, also when their node never reads the reply.
        for desk in &self.desks {
            if !desk.close(PATIENCE) {
                warn!("a request is still being answered");
            }
        }
        // What a thread may still be in is a connect, a handshake or a slow name server; none of them signs any more.
        let deadline = Instant::now() + PATIENCE;
        while self.links.iter().any(|(_, thread)| !thread.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        drop(self.endpoints.take());
        info!("signer stopped");
    }
}
