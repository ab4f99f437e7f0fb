//! `state init`, `state show`, `state export`: what an operator may do to a mark, which is look at it, carry it and raise it.
//! `state import` is in [`crate::io::import_cmd`], `state recover` in [`crate::io::recover_cmd`].

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{
    config::{ChainConfig, Config},
    import::state::ImportStateError,
    interchange,
    io::{
        key::{self, OpenKeyError},
        rpc::AskError,
        secret_file::{self, SecretFileError},
        store_file::{self, Held, StateFileError},
    },
    mark::{Hrs, Identity, Mark, Step},
    recover::RecoverError,
};
#[cfg(feature = "etcd")]
use crate::{
    io::{
        etcd::Client,
        shared_state::{Look, SharedState, SharedStateError},
    },
    metrics::Metrics,
};

/// Why a state command did nothing.
#[derive(Debug, Error)]
pub enum StateError {
    /// The configuration has no such chain.
    #[error("the configuration has no chain {0:?}")]
    NoSuchChain(String),
    /// The chain's key cannot be opened.
    #[error("key {name:?}: {source}")]
    Key {
        /// Its name.
        name: String,
        /// What is wrong.
        source: OpenKeyError,
    },
    /// The state file.
    #[error(transparent)]
    File(#[from] StateFileError),
    /// The file to import, or to export to.
    #[error(transparent)]
    Other(#[from] SecretFileError),
    /// Its content.
    #[error("{}: {source}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ImportStateError,
    },
    /// A node was asked and did not help.
    #[error("{rpc}: {source}")]
    Rpc {
        /// Its RPC.
        rpc: String,
        /// What is wrong.
        source: AskError,
    },
    /// No RPC was named.
    #[error("there is no rpc to ask: neither --rpc nor rpc at this chain")]
    NoRpc,
    /// No floor from the chain.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The chain knows of a signature above what is to be imported.
    #[error(
        "{rpc} shows a precommit of this key at {at}, above what is imported: the old signer still runs, or this is not its newest state"
    )]
    StillSigning {
        /// Whose RPC.
        rpc: String,
        /// Where.
        at: Hrs,
    },
    /// The mark in etcd.
    #[cfg(feature = "etcd")]
    #[error(transparent)]
    Shared(#[from] SharedStateError),
    /// There is nothing to pin.
    #[error("the mark of chain {0} is in a file and nowhere else")]
    NotShared(String),
    /// Waiting for blocks that do not come.
    #[error("no new block after {height} in {minutes} minutes")]
    Halted {
        /// The newest height.
        height: i64,
        /// How long.
        minutes: u64,
    },
}

/// The chain, the identity of its mark and its state file.
pub struct Target {
    /// Chain and key.
    pub identity: Identity,
    /// State file.
    pub path: PathBuf,
    /// The mark in etcd, where it is there; the state file is its floor.
    #[cfg(feature = "etcd")]
    pub shared: Option<SharedState>,
}

// === impl Target ===

impl Target {
    /// Looks a chain up and opens its key.
    pub fn find(config: &Config, chain_id: &str) -> Result<Self, StateError> {
        let chain = config.chain(chain_id).ok_or_else(|| StateError::NoSuchChain(chain_id.into()))?;
        Self::of(config, chain)
    }

    /// Opens the key of a chain.
    pub fn of(config: &Config, chain: &ChainConfig) -> Result<Self, StateError> {
        let key_config = &config.keys[chain.key];
        let key = key::glance(&key_config.backend)
            .map_err(|source| StateError::Key { name: key_config.name.clone(), source })?;
        let identity = Identity { chain_id: chain.id.clone(), public_key: key.public_key };
        Ok(Self {
            path: config.state_file(&chain.id),
            #[cfg(feature = "etcd")]
            shared: chain.store.etcd().and_then(|etcd| {
                let client = Client::new(etcd.cluster.clone(), Metrics::new("").etcd);
                SharedState::of(config, chain, identity.clone(), client)
            }),
            identity,
        })
    }

    /// Raises the mark in etcd, where there is one, before that of the file: a crash in between leaves a floor that follows at
    /// the next start. Gives back the mark for the file.
    fn share(&self, mark: &Mark) -> Result<Mark, StateError> {
        #[cfg(feature = "etcd")]
        if let Some(shared) = &self.shared {
            return Ok(shared.raise(mark)?);
        }
        Ok(mark.clone())
    }

    /// Makes the state file with a floor. With `replace`, in the place of one that cannot be used, which is kept aside
    /// under the name returned.
    pub fn init(&self, floor: Hrs, replace: bool) -> Result<Option<PathBuf>, StateError> {
        if !replace && self.path.exists() {
            return Err(StateFileError::Exists { path: self.path.clone() }.into());
        }
        let mark = self.share(&Mark::floor(floor))?;
        match store_file::create(&self.path, &self.identity, &mark) {
            Err(StateFileError::Exists { .. }) if replace => {
                Ok(Some(store_file::replace(&self.path, &self.identity, &mark)?))
            }
            made => Ok(made.map(|()| None)?),
        }
    }

    /// Makes the state file, or raises the one that is there.
    pub fn raise(&self, mark: &Mark) -> Result<(), StateError> {
        // A file that cannot be used is found before anything is raised.
        if self.path.exists() {
            let there = store_file::hold(&self.path, &self.identity)?.mark;
            if mark.hrs <= there.hrs {
                return Err(StateFileError::NotAbove { path: self.path.clone(), there }.into());
            }
        }
        let mark = &self.share(mark)?;
        match store_file::create(&self.path, &self.identity, mark) {
            Err(StateFileError::Exists { .. }) => {
                Ok(store_file::raise(&self.path, self.identity.clone(), mark.clone())?)
            }
            made => Ok(made?),
        }
    }

    /// The mark.
    pub fn show(&self) -> Result<Mark, StateError> {
        Ok(store_file::read(&self.path, &self.identity)?)
    }

    /// What is in etcd, where the mark is shared.
    #[cfg(feature = "etcd")]
    pub fn show_shared(&self) -> Result<Option<(&SharedState, Look)>, StateError> {
        self.shared.as_ref().map(|shared| Ok((shared, shared.look()?))).transpose()
    }

    /// The mark as a file to carry, written to `out` or given back. No signer may be at work with it. With `retire` the state
    /// file is put aside afterwards under the name returned, so that no signer starts here with it by mistake; and a mark in etcd is closed
    /// for good before, so that no other signer signs with it any more.
    pub fn export(&self, out: Option<&Path>, retire: bool) -> Result<(String, Option<PathBuf>), StateError> {
        let held = store_file::hold(&self.path, &self.identity)?;
        let mark = self.exported(&held, retire)?;
        let text = interchange::write(&self.identity, &mark, None);
        if let Some(out) = out {
            secret_file::create(out, text.as_bytes())?;
        }
        let aside = if retire { Some(held.retire()?) } else { None };
        Ok((text, aside))
    }

    /// What a mark that is `held` here stands for: where it is shared, the higher of both, since the others may have gone on.
    #[cfg_attr(
        not(feature = "etcd"),
        allow(clippy::unused_self, clippy::unnecessary_wraps, unused_variables)
    )]
    fn exported(&self, held: &Held, retire: bool) -> Result<Mark, StateError> {
        #[cfg(feature = "etcd")]
        if let Some(shared) = &self.shared {
            return Ok(held.beside(&if retire { shared.retire()? } else { shared.mark()? }));
        }
        Ok(held.mark.clone())
    }
}

/// The floor that the arguments of `state init` mean. A height alone closes the whole height.
pub fn floor(height: i64, round: Option<i32>, step: Option<Step>) -> Hrs {
    match (round, step) {
        (None, None) => Hrs::whole_height(height),
        (round, step) => {
            Hrs { height, round: round.unwrap_or(Hrs::ALL_ROUNDS), step: step.unwrap_or(Step::Precommit) }
        }
    }
}

// === impl StateError ===

impl StateError {
    /// What the operator can do.
    pub fn remedy(&self, config: &Path, chain_id: &str) -> Option<String> {
        match self {
            Self::Key { source, .. } => source.remedy(),
            Self::File(source) => source.remedy(config, chain_id),
            Self::Other(source) => source.remedy(),
            Self::Import { source: ImportStateError::Fresh, .. } => Some(
                "on a chain that has not started, add --new-chain; otherwise import the state of the signer that signs now"
                    .into(),
            ),
            Self::Import {
                source: ImportStateError::OtherChain(_) | ImportStateError::OtherKey(_), ..
            } => Some(format!("the file of chain {chain_id} and its key")),
            #[cfg(feature = "etcd")]
            Self::Shared(source) => Some(source.remedy(config, chain_id)),
            Self::NoRpc => Some("--rpc http://HOST:PORT of a node that you trust".into()),
            Self::Recover(RecoverError::Old { .. }) => {
                Some("a node that has caught up, or --chain-is-halted if no node makes blocks".into())
            }
            Self::StillSigning { .. } => {
                Some("stop the old signer for good, then import the state that it leaves".into())
            }
            Self::Halted { .. } => Some("without --wait-blocks on a chain that has halted".into()),
            _ => None,
        }
    }

    /// Whether the command was understood and declined, rather than broken.
    pub fn is_refusal(&self) -> bool {
        #[cfg(feature = "etcd")]
        if let Self::Shared(error) = self {
            return error.is_refusal();
        }
        matches!(
            self,
            Self::File(StateFileError::Exists { .. } | StateFileError::NotAbove { .. })
                | Self::Import {
                    source: ImportStateError::Fresh
                        | ImportStateError::OtherChain(_)
                        | ImportStateError::OtherKey(_),
                    ..
                }
                | Self::Recover(_)
                | Self::StillSigning { .. }
        )
    }
}
