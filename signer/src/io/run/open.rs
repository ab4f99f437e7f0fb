//! Opening what a signer needs before it dials anybody, and everything that can be wrong with it.

#[cfg(feature = "etcd")]
use std::sync::Arc;
use std::{net::SocketAddr, path::PathBuf};

use comet::consensus::PublicKey;
use thiserror::Error;
use tracing::info;

#[cfg(feature = "etcd")]
use crate::{
    cluster::Shared,
    config::ClusterConfig,
    io::{
        etcd::Client,
        shared_state::{SharedState, SharedStateError},
    },
};
use crate::{
    config::{ChainConfig, Config, StoreConfig},
    guard::Reason,
    io::{
        doppelganger::MarkNow,
        identity::IdentityError,
        key::{self, OpenKeyError},
        pause_file::PauseFileError,
        store_file::{self, StateFileError},
    },
    key::{Health, Key},
    mark::Identity,
    metrics::Metrics,
    store::{PersistError, Storage, Store},
};

/// Why the signer does not start, or keeps its old configuration.
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
    /// The state beside a shared one cannot follow it.
    #[error("chain {chain_id}: the state file cannot follow the shared store: {source}")]
    Floor {
        /// The chain.
        chain_id: String,
        /// What is wrong.
        source: PersistError,
    },
    /// A shared state is of no use.
    #[cfg(feature = "etcd")]
    #[error("chain {chain_id}: {source}")]
    Shared {
        /// The chain.
        chain_id: String,
        /// What is wrong.
        source: SharedStateError,
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
    /// The admin socket.
    #[error("cannot listen for commands on {}: {source}", path.display())]
    Admin {
        /// From the configuration.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The audit log.
    #[error("audit log {}: {source}", path.display())]
    AuditLog {
        /// From the configuration.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Nobody knows what is paused.
    #[error(transparent)]
    Paused(#[from] PauseFileError),
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

pub(super) fn open_key(config: &Config, name: &str, metrics: &Metrics) -> Result<Box<dyn Key>, StartError> {
    let key = config.keys.iter().find(|key| key.name == name).expect("the plan names keys of this file");
    key::open(name, &key.backend, metrics).map_err(|source| StartError::Key { name: name.into(), source })
}

/// What is open for a chain.
pub(super) struct OpenedChain {
    pub(super) store: Store<Box<dyn Storage>>,
    /// The mark, for the doppelganger guard.
    pub(super) mark: MarkNow,
}

#[cfg_attr(not(feature = "etcd"), allow(unused_variables, reason = "without etcd there are no clusters"))]
pub(super) fn open_store(
    config: &Config,
    chain: &ChainConfig,
    public_key: &PublicKey,
    metrics: &Metrics,
    clusters: &mut Clusters,
) -> Result<OpenedChain, StartError> {
    let chain_id = chain.id.as_str();
    let identity = Identity { chain_id: chain_id.into(), public_key: public_key.clone() };
    let (slots, last) = store_file::open(&config.state_file(chain_id), identity.clone())
        .map_err(|source| StartError::State { chain_id: chain_id.into(), source })?;
    let opened = match &chain.store {
        StoreConfig::File => {
            let mark = last.mark.clone();
            OpenedChain { store: Store::new(last, Box::new(slots)), mark: Box::new(move || Ok(mark.clone())) }
        }
        #[cfg(feature = "etcd")]
        StoreConfig::Etcd(etcd) => {
            let failed = |source| StartError::Shared { chain_id: chain_id.into(), source };
            let client = clusters.client(&etcd.cluster, metrics);
            let shared = SharedState::of(config, chain, identity.clone(), client).expect("its store is etcd");
            let register = shared.register().map_err(failed)?;
            let own = slots.wanted().cloned();
            let (storage, now) =
                Shared::open(register, slots, &last, identity).map_err(|error| match error {
                    PersistError::Shared(error) => failed(error.into()),
                    error => StartError::Floor { chain_id: chain_id.into(), source: error },
                })?;
            metrics.etcd.peer_conflicts.with_label_values(&[chain_id]);
            info!(chain_id, key = shared.key(), "the mark is shared in etcd");
            let adopted = now.mark != last.mark && own.is_none_or(|own| own != now.mark);
            let store = Store::new(now, Box::new(storage) as Box<dyn Storage>).with_adopted(adopted);
            OpenedChain { store, mark: Box::new(move || shared.mark().map_err(|error| error.to_string())) }
        }
        #[cfg(not(feature = "etcd"))]
        StoreConfig::Etcd(_) => unreachable!("a configuration with etcd is refused by a program without it"),
    };
    let last = opened.store.mark();
    info!(chain_id, key_type = %public_key.key_type(), %public_key, last = %last.hrs, "state opened");
    if !last.is_floor() {
        metrics.signed(chain_id, last.hrs);
    }
    // Counters that alerts look at exist from the start.
    for reason in Reason::ALL.into_iter().filter(|reason| reason.is_double_sign()) {
        metrics.double_sign_prevented.with_label_values(&[chain_id, reason.name()]);
    }
    Ok(opened)
}

/// The clusters in use. Chains of one cluster share its client.
#[derive(Default)]
pub(super) struct Clusters {
    #[cfg(feature = "etcd")]
    clients: Vec<Client>,
}

// === impl Clusters ===

#[cfg(feature = "etcd")]
impl Clusters {
    fn client(&mut self, config: &ClusterConfig, metrics: &Metrics) -> Client {
        if let Some(there) = self.clients.iter().find(|client| client.is_of(config)) {
            return there.clone();
        }
        let client = Client::new(config.clone(), metrics.etcd.clone());
        self.clients.push(client.clone());
        client
    }

    /// Lets the clients' threads go until they are needed again: those of the start are outside of the walls.
    pub(super) fn rest(&self) {
        self.clients.iter().for_each(Client::rest);
    }

    /// Keeps an eye on each cluster of this configuration, and lets the others go.
    pub(super) fn watch_over(&mut self, config: &Config) {
        let used = |client: &Client| {
            config
                .chains
                .iter()
                .filter_map(|chain| chain.store.etcd())
                .find(|etcd| client.is_of(&etcd.cluster))
        };
        self.clients.retain(|client| used(client).is_some());
        for client in &self.clients {
            let prefix = used(client).map(|etcd| etcd.prefix.as_str()).unwrap_or_default();
            client.watch_over(format!("{prefix}/look"));
        }
    }

    /// What keeps them from serving.
    pub(super) fn healths(&self) -> Vec<Health> {
        let health = |client: &Client| -> Health {
            let client = client.clone();
            Arc::new(move || client.trouble().into_iter().collect())
        };
        self.clients.iter().map(health).collect()
    }
}

#[cfg(not(feature = "etcd"))]
impl Clusters {
    pub(super) fn rest(&self) {}

    pub(super) fn watch_over(&mut self, _: &Config) {}

    pub(super) fn healths(&self) -> Vec<Health> {
        Vec::new()
    }
}
