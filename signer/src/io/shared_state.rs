//! The mark of a chain in etcd, with what binds it to this signer: the pin, a file that names the one cluster whose marks are believed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    cluster::{self, Register as _, Seen, Swap, higher},
    config::{ChainConfig, Config},
    guard,
    io::{
        etcd::{Client, EtcdRegister},
        secret_file::{directory_of, sync_directory},
    },
    mark::{Hrs, Identity, Mark, Step},
    record::Record,
    store::SharedError,
};

/// How often a race with signers at work may be lost while a mark is raised.
const RACES: u32 = 10;

/// A mark in etcd and its pin.
pub struct SharedState {
    identity: Identity,
    client: Client,
    key: String,
    pin_file: PathBuf,
}

/// What is in etcd.
#[derive(Clone, Debug)]
pub struct Look {
    /// The mark, if there is one.
    pub mark: Option<Mark>,
    /// Its number; counts every record.
    pub sequence: u64,
    /// How often etcd has put it.
    pub version: i64,
    /// When it was put.
    pub revision: i64,
    /// The cluster that answered.
    pub cluster: u64,
    seen: Option<Seen>,
}

/// Why the mark in etcd is of no use.
#[derive(Debug, Error)]
pub enum SharedStateError {
    /// Etcd itself, or what it holds.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// Nobody has bound this signer to a cluster.
    #[error("there is no {}: this signer is not bound to a cluster yet", path.display())]
    NotPinned {
        /// Where the pin should be.
        path: PathBuf,
    },
    /// The pin cannot be read or written.
    #[error("{}: {source}", path.display())]
    Pin {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Signers are at work: the mark moves faster than it can be raised.
    #[error("the mark moves while it is being raised: signers are at work with it")]
    Moving,
}

/// The cluster that a file names.
pub fn read_pin(path: &Path) -> Result<Option<u64>, SharedStateError> {
    let failed = |source| SharedStateError::Pin { path: path.into(), source };
    match fs::read_to_string(path) {
        Ok(text) => match u64::from_str_radix(text.trim(), 16) {
            Ok(pin) if text.trim().len() == 16 => Ok(Some(pin)),
            _ => Err(failed(io::Error::other("it does not hold the 16 hex digits of a cluster id"))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Makes a file name a cluster, durably.
pub fn write_pin(path: &Path, cluster: u64) -> Result<(), SharedStateError> {
    let failed = |source| SharedStateError::Pin { path: path.into(), source };
    let (directory, new) = (directory_of(path), path.with_extension("cluster.new"));
    let written = crate::io::secret_file::create_directory(directory).and_then(|()| {
        fs::write(&new, format!("{cluster:016x}\n"))?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, path)?;
        sync_directory(directory)
    });
    written.map_err(failed)
}

// === impl SharedState ===

impl SharedState {
    /// Of a chain whose store is etcd.
    pub fn of(config: &Config, chain: &ChainConfig, identity: Identity, client: Client) -> Option<Self> {
        let key = cluster::key(&chain.store.etcd()?.prefix, &identity);
        Some(Self { identity, client, key, pin_file: config.pin_file(&chain.id) })
    }

    /// Where it is in etcd.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The register, bound to the pinned cluster.
    pub fn register(&self) -> Result<EtcdRegister, SharedStateError> {
        let path = || self.pin_file.clone();
        let pin = self.pin()?.ok_or_else(|| SharedStateError::NotPinned { path: path() })?;
        Ok(self.unbound(Some(pin)))
    }

    /// The cluster that this signer is bound to.
    pub fn pin(&self) -> Result<Option<u64>, SharedStateError> {
        read_pin(&self.pin_file)
    }

    /// Binds this signer to a cluster, durably.
    pub fn set_pin(&self, cluster: u64) -> Result<(), SharedStateError> {
        write_pin(&self.pin_file, cluster)
    }

    /// What is there, whatever the pin says.
    pub fn look(&self) -> Result<Look, SharedStateError> {
        let (found, cluster) = self.unbound(None).look()?;
        let Some((seen, version)) = found else {
            return Ok(Look { mark: None, sequence: 0, version: 0, revision: 0, cluster, seen: None });
        };
        let Record { mark, sequence, .. } = cluster::read(&seen.value, &self.identity)?;
        Ok(Look { mark: Some(mark), sequence, version, revision: seen.revision, cluster, seen: Some(seen) })
    }

    /// The mark as it is now, in the pinned cluster.
    pub fn mark(&self) -> Result<Mark, SharedStateError> {
        let seen = self.register()?.read()?.ok_or(SharedError::Gone)?;
        Ok(cluster::read(&seen.value, &self.identity)?.mark)
    }

    /// Sees to it that the mark in etcd is not below `mark`, and binds this signer to the cluster if it is bound to none. Gives back
    /// the mark that holds for both.
    pub fn raise(&self, mark: &Mark) -> Result<Mark, SharedStateError> {
        let pin = self.pin()?;
        for _ in 0..RACES {
            let look = self.look()?;
            if let Some(bound) = pin.filter(|bound| *bound != look.cluster) {
                return Err(SharedError::OtherCluster { found: look.cluster, bound }.into());
            }
            // Below every mark that anything can be raised to, height 0 included.
            let nothing = Mark::floor(Hrs { height: -1, round: 0, step: Step::None });
            let there = look.mark.clone().unwrap_or(nothing);
            let mut register = self.unbound(Some(look.cluster));
            let swap = match guard::raise(&there, mark.clone()) {
                Some(raised) => cluster::raise(&mut register, &self.identity, look.seen.as_ref(), &raised)?,
                None => Swap::Done(look.revision),
            };
            if let Swap::Done(_) = swap {
                if pin.is_none() {
                    self.set_pin(look.cluster)?;
                }
                return Ok(higher(mark, &there));
            }
        }
        Err(SharedStateError::Moving)
    }

    /// Closes the mark for good and gives back the last one, which no signer is above, however many of them run.
    pub fn retire(&self) -> Result<Mark, SharedStateError> {
        for _ in 0..RACES {
            let mut register = self.register()?;
            let seen = register.read()?.ok_or(SharedError::Gone)?;
            if let Some(last) = cluster::retire(&mut register, &self.identity, &seen)? {
                return Ok(last);
            }
        }
        Err(SharedStateError::Moving)
    }

    fn unbound(&self, pin: Option<u64>) -> EtcdRegister {
        EtcdRegister::new(self.client.clone(), &self.identity.chain_id, self.key.clone(), pin)
    }
}

// === impl SharedStateError ===

impl SharedStateError {
    /// What the operator can do, for a chain of this configuration file.
    pub fn remedy(&self, config: &Path, chain_id: &str) -> String {
        let of = format!("--config {} --chain {chain_id}", config.display());
        match self {
            Self::NotPinned { .. } | Self::Shared(SharedError::Gone) => format!(
                "palisade-signer etcd pin {of} --i-stopped-every-signer puts this signer's own state into etcd; where it has none, \
                 palisade-signer state init {of} --height N (N: last height this key may have signed on any signer)"
            ),
            Self::Shared(SharedError::OtherCluster { .. }) => format!(
                "the endpoints of the right cluster; if it was restored from a backup, stop every signer of this key and run \
                 palisade-signer etcd pin {of} --i-stopped-every-signer on each of them (docs/etcd.md)"
            ),
            Self::Shared(SharedError::Behind { .. }) => format!(
                "if etcd was restored from a backup, stop every signer of this key and run palisade-signer etcd pin {of} \
                 --i-stopped-every-signer on each of them, which raises etcd to what each has signed (docs/etcd.md)"
            ),
            Self::Pin { .. } => "look at the file; palisade-signer etcd pin writes it anew".into(),
            Self::Moving => "stop every signer of this key first".into(),
            Self::Shared(_) => format!("palisade-signer etcd check --config {}", config.display()),
        }
    }

    /// Whether it was understood and declined, rather than broken.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Moving | Self::Shared(SharedError::OtherCluster { .. } | SharedError::Behind { .. })
        )
    }
}
