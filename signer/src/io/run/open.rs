//! Opening what a signer needs before it dials anybody, and everything that can be wrong with it.

use std::{net::SocketAddr, path::PathBuf};

use comet::consensus::PublicKey;
use thiserror::Error;
use tracing::info;

use crate::{
    config::Config,
    guard::Reason,
    io::{
        identity::IdentityError,
        key::{self, OpenKeyError},
        pause_file::PauseFileError,
        store_file::{self, StateFileError},
    },
    key::Key,
    mark::Identity,
    metrics::Metrics,
    store::{Storage, Store},
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
    key::open(name, &key.backend, &metrics.hsm)
        .map_err(|source| StartError::Key { name: name.into(), source })
}

pub(super) fn open_store(
    config: &Config,
    chain_id: &str,
    public_key: &PublicKey,
    metrics: &Metrics,
) -> Result<Store<Box<dyn Storage>>, StartError> {
    let identity = Identity { chain_id: chain_id.into(), public_key: public_key.clone() };
    let (slots, last) = store_file::open(&config.state_file(chain_id), identity)
        .map_err(|source| StartError::State { chain_id: chain_id.into(), source })?;
    info!(chain_id, key_type = %public_key.key_type(), %public_key, last = %last.mark.hrs, "state opened");
    if !last.mark.is_floor() {
        metrics.signed(chain_id, last.mark.hrs);
    }
    // Counters that alerts look at exist from the start.
    for reason in Reason::ALL.into_iter().filter(|reason| reason.is_double_sign()) {
        metrics.double_sign_prevented.with_label_values(&[chain_id, reason.name()]);
    }
    Ok(Store::new(last, Box::new(slots)))
}
