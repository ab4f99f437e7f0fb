//! State files: two slots in a file that one process holds locked.
//!
//! A file is made whole under another name and then linked into place, so a crash leaves either no file or a good one, and
//! an existing one is never overwritten. The lock is `flock`: it goes with the process however that ends.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

use crate::{
    cluster, guard,
    io::secret_file::{create_directory, directory_of, sync_directory},
    mark::{Hrs, Identity, Mark},
    slots::{self, FILE, Medium, OpenError, Slots},
    store::Last,
    store::PersistError,
};

/// A state file that is locked for this process.
pub struct LockedFile(File);

/// Why there is no state to sign with.
#[derive(Debug, Error)]
pub enum StateFileError {
    /// No file: nobody knows what was signed.
    #[error("there is no state file {}", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Another process signs with it.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// There is one already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its error.
        source: io::Error,
    },
    /// Torn, corrupt or somebody else's.
    #[error("state file {} cannot be used: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: OpenError,
    },
    /// The floor asked for is not above the one that is there.
    #[error("{} is at {}, and it only ever goes up", path.display(), there.hrs)]
    NotAbove {
        /// The file.
        path: PathBuf,
        /// What it holds.
        there: Mark,
    },
}

/// Opens a state file for signing: locks it, reads the last mark, makes sure that it is durable.
pub fn open(path: &Path, identity: Identity) -> Result<(Slots<LockedFile>, Last), StateFileError> {
    let (file, image) = lock(path)?;
    Slots::open(LockedFile(file), &image, identity).map_err(unusable(path))
}

/// Reads the mark without locking or changing anything.
pub fn read(path: &Path, identity: &Identity) -> Result<Mark, StateFileError> {
    let mut file = File::open(path).map_err(missing_or(path))?;
    let image = content(&mut file).map_err(io_error(path))?;
    slots::read(&image, identity).map_err(unusable(path))
}

/// Makes a new state file. Fails if there is one.
pub fn create(path: &Path, identity: &Identity, mark: &Mark) -> Result<(), StateFileError> {
    let directory = directory_of(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = directory.join(format!(".{name}.{}", std::process::id()));
    let made = (|| {
        create_directory(directory)?;
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&slots::image(identity, mark))?;
        file.sync_all()?;
        // Unlike rename, link never replaces what is there.
        fs::hard_link(&new, path)
    })();
    let _ = fs::remove_file(&new);
    match made {
        Ok(()) => sync_directory(directory).map_err(io_error(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(StateFileError::Exists { path: path.into() })
        }
        Err(source) => Err(StateFileError::Io { path: path.into(), source }),
    }
}

/// Puts a new state file in the place of one that cannot be used; the old one is kept under the name returned.
/// A floor below what the old one still shows for this chain and key is refused.
pub fn replace(path: &Path, identity: &Identity, mark: &Mark) -> Result<PathBuf, StateFileError> {
    let (_locked, image) = lock(path)?;
    if let Some(there) = slots::salvage(&image, identity).filter(|there| mark.hrs <= there.hrs) {
        return Err(StateFileError::NotAbove { path: path.into(), there });
    }
    let aside = put_aside(path, "replaced")?;
    create(path, identity, mark)?;
    Ok(aside)
}

/// Raises the mark of a good state file.
pub fn raise(path: &Path, identity: Identity, mark: Mark) -> Result<(), StateFileError> {
    let (mut slots, Last { mark: there, .. }) = open(path, identity)?;
    let Some(raised) = guard::raise(&there, mark) else {
        return Err(StateFileError::NotAbove { path: path.into(), there });
    };
    slots.raise(&raised).map_err(|error| unusable(path)(error.into()))
}

/// Makes a mark durable, as an operator's word about a shared store; nothing else that the file knew of it is left.
pub fn renew(path: &Path, identity: Identity, mark: &Mark) -> Result<(), StateFileError> {
    let (mut slots, Last { mark: there, .. }) = open(path, identity)?;
    if mark.hrs < there.hrs {
        return Err(StateFileError::NotAbove { path: path.into(), there });
    }
    slots.renew(mark).map_err(|error| unusable(path)(error.into()))
}

/// The highest place that has certainly been reached. Locks and changes nothing.
pub fn reached(path: &Path, identity: &Identity) -> Result<Option<Hrs>, StateFileError> {
    let mut file = File::open(path).map_err(missing_or(path))?;
    let image = content(&mut file).map_err(io_error(path))?;
    slots::reached(&image, identity).map_err(unusable(path))
}

/// A good state file that nobody signs with, for as long as this lives.
pub struct Held {
    /// What it holds.
    pub mark: Mark,
    wanted: Option<Mark>,
    path: PathBuf,
    _locked: File,
}

/// Takes hold of a good state file without changing it.
pub fn hold(path: &Path, identity: &Identity) -> Result<Held, StateFileError> {
    let (locked, image) = lock(path)?;
    let mark = slots::read(&image, identity).map_err(unusable(path))?;
    let wanted = slots::wanted(&image, identity).map_err(unusable(path))?;
    Ok(Held { mark, wanted, path: path.into(), _locked: locked })
}

/// The highest mark of this chain and key in whatever is left of a state file.
pub fn salvage(path: &Path, identity: &Identity) -> Result<Option<Mark>, StateFileError> {
    let mut file = File::open(path).map_err(missing_or(path))?;
    let image = content(&mut file).map_err(io_error(path))?;
    Ok(slots::salvage(&image, identity))
}

/// Renames a file to the first free `<name>.<word>-<n>`.
fn put_aside(path: &Path, word: &str) -> Result<PathBuf, StateFileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = (1..)
        .map(|n: u32| path.with_file_name(format!("{name}.{word}-{n}")))
        .find(|aside| !aside.exists())
        .expect("some number is free");
    fs::rename(path, &aside).map_err(io_error(path))?;
    Ok(aside)
}

fn lock(path: &Path) -> Result<(File, Vec<u8>), StateFileError> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(missing_or(path))?;
    let locked = || StateFileError::Locked { path: path.into() };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(locked()),
        Err(errno) => return Err(StateFileError::Io { path: path.into(), source: errno.into() }),
    }
    // Whoever held the lock before may have put another file in this place.
    let (ours, there) =
        (file.metadata().map_err(io_error(path))?, fs::metadata(path).map_err(missing_or(path))?);
    if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
        return Err(locked());
    }
    let image = content(&mut file).map_err(io_error(path))?;
    Ok((file, image))
}

/// The content, cut off just above the size of a good file.
fn content(file: &mut File) -> io::Result<Vec<u8>> {
    let mut image = Vec::with_capacity(FILE);
    file.take(FILE as u64 + 1).read_to_end(&mut image)?;
    Ok(image)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> StateFileError {
    move |source| StateFileError::Io { path: path.into(), source }
}

fn missing_or(path: &Path) -> impl Fn(io::Error) -> StateFileError {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => StateFileError::Missing { path: path.into() },
        _ => StateFileError::Io { path: path.into(), source },
    }
}

fn unusable(path: &Path) -> impl Fn(OpenError) -> StateFileError {
    move |source| match source {
        OpenError::Write(PersistError::Medium(source)) => StateFileError::Io { path: path.into(), source },
        source => StateFileError::Unusable { path: path.into(), source },
    }
}

// === impl Held ===

impl Held {
    /// The mark that holds where a shared store has `there`.
    pub fn beside(&self, there: &Mark) -> Mark {
        cluster::beside(&self.mark, self.wanted.as_ref(), there)
    }

    /// Puts the file aside durably, under the name returned.
    pub fn retire(self) -> Result<PathBuf, StateFileError> {
        let aside = put_aside(&self.path, "exported")?;
        sync_directory(directory_of(&self.path)).map_err(io_error(&self.path))?;
        Ok(aside)
    }
}

// === impl LockedFile ===

impl Medium for LockedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

// === impl StateFileError ===

impl StateFileError {
    /// The command that repairs it, for a chain of this configuration file.
    pub fn remedy(&self, config: &Path, chain_id: &str) -> Option<String> {
        let of = format!("--config {} --chain {chain_id}", config.display());
        match self {
            Self::Missing { .. } => Some(format!(
                "palisade-signer state init {of} --height N (N: last height this key may have signed, 0 on a new chain), \
                 or state import"
            )),
            Self::Locked { .. } => Some("stop the other process; the lock ends with it".into()),
            Self::Unusable { source: OpenError::OtherChain { .. } | OpenError::OtherKey { .. }, .. } => {
                Some(format!(
                    "put the right file back, or palisade-signer state init {of} --height N --replace (N: last height this \
                     key may have signed; the old file is kept)"
                ))
            }
            Self::Unusable { .. } => Some(format!(
                "palisade-signer state init {of} --height N --replace (N: last height this key may have signed, see a \
                 block explorer; the old file is kept)"
            )),
            Self::Exists { .. } | Self::NotAbove { .. } => Some(format!("palisade-signer state show {of}")),
            Self::Io { .. } => None,
        }
    }
}
