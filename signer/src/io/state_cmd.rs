//! `state init`, `state show`, `state import`: what an operator may do to a mark, which is raise it.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{
    config::{ChainConfig, Config},
    import::state::{self, ImportStateError, Imported},
    io::{
        key::{self, OpenKeyError},
        secret_file::{self, SecretFileError},
        store_file::{self, StateFileError},
    },
    mark::{Hrs, Identity, Mark, Step},
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
    /// The file to import.
    #[error(transparent)]
    Source(#[from] SecretFileError),
    /// Its content.
    #[error("{}: {source}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ImportStateError,
    },
}

/// How to import.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// The chain is new, so a state that never signed is fine.
    pub new_chain: bool,
    /// Close the imported round: a floor at its precommit.
    pub bump_to_precommit: bool,
}

/// What an import did.
#[derive(Debug)]
pub struct Outcome {
    /// What was read; `None` for a fresh state of a new chain.
    pub imported: Option<Imported>,
    /// The mark written.
    pub mark: Mark,
}

/// The chain, the identity of its mark and its state file.
pub struct Target {
    /// Chain and key.
    pub identity: Identity,
    /// State file.
    pub path: PathBuf,
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
        let key = key::open(&key_config.backend)
            .map_err(|source| StateError::Key { name: key_config.name.clone(), source })?;
        let identity = Identity { chain_id: chain.id.clone(), public_key: key.public_key().clone() };
        Ok(Self { identity, path: config.state_file(&chain.id) })
    }

    /// Makes the state file with a floor. With `replace`, in the place of one that cannot be used, which is kept aside
    /// under the name returned.
    pub fn init(&self, floor: Hrs, replace: bool) -> Result<Option<PathBuf>, StateError> {
        let mark = Mark::floor(floor);
        match store_file::create(&self.path, &self.identity, &mark) {
            Err(StateFileError::Exists { .. }) if replace => {
                Ok(Some(store_file::replace(&self.path, &self.identity, &mark)?))
            }
            made => Ok(made.map(|()| None)?),
        }
    }

    /// The mark.
    pub fn show(&self) -> Result<Mark, StateError> {
        Ok(store_file::read(&self.path, &self.identity)?)
    }

    /// Takes another signer's state over: makes the state file, or raises the one that is there.
    pub fn import(&self, from: &Path, options: ImportOptions) -> Result<Outcome, StateError> {
        let text = secret_file::read_to_import(from)?;
        let import_error = |source| StateError::Import { path: from.into(), source };
        let imported = match state::read(&text, &self.identity.chain_id, &self.identity.public_key) {
            Ok(imported) => Some(imported),
            Err(ImportStateError::Fresh) if options.new_chain => None,
            Err(source) => return Err(import_error(source)),
        };
        let mut mark =
            imported.as_ref().map_or_else(|| Mark::floor(Hrs::whole_height(0)), |it| it.mark.clone());
        if options.bump_to_precommit && mark.hrs.height > 0 && mark.hrs.step < Step::Precommit {
            mark = Mark::floor(Hrs { step: Step::Precommit, ..mark.hrs });
        }
        match store_file::create(&self.path, &self.identity, &mark) {
            Err(StateFileError::Exists { .. }) => {
                store_file::raise(&self.path, self.identity.clone(), mark.clone())?;
            }
            made => made?,
        }
        Ok(Outcome { imported, mark })
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
            Self::Import { source: ImportStateError::Fresh, .. } => Some(
                "on a chain that has not started, add --new-chain; otherwise import the state of the signer that signs now"
                    .into(),
            ),
            _ => None,
        }
    }

    /// Whether the command was understood and declined, rather than broken.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::File(StateFileError::Exists { .. } | StateFileError::NotAbove { .. })
                | Self::Import { source: ImportStateError::Fresh, .. }
        )
    }
}
