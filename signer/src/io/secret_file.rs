//! Files that hold secrets: readable by their owner only, or refused; written once, never over another.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::Zeroizing;

/// Largest file read; every key form is far below.
const MAX: u64 = 64 * 1024;

/// Why a secret file was not read or written.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// The system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its error.
        source: io::Error,
    },
    /// Others can read it.
    #[error("{}: mode is {mode:04o}, others than its owner may read it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a plain file of reasonable size.
    #[error("{}: not a plain file of at most {MAX} bytes", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
}

/// Reads a text that nobody else can read.
pub fn read(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    text(path, read_with(path, true)?)
}

/// Reads what nobody else can read and what need not be text.
pub fn read_bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    read_with(path, true)
}

/// Reads a text to import, whatever its mode: the copy that is made of it is private.
pub fn read_to_import(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    text(path, read_with(path, false)?)
}

/// Reads bytes to import, whatever their mode.
pub fn read_bytes_to_import(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    read_with(path, false)
}

/// Bytes that were read from `path`, as text.
pub fn text(path: &Path, mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, SecretFileError> {
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        let source = io::Error::new(io::ErrorKind::InvalidData, "it is not text");
        SecretFileError::Io { path: path.into(), source }
    })
}

fn read_with(path: &Path, private: bool) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let io_error = |source| SecretFileError::Io { path: path.into(), source };
    let mut file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() || metadata.len() > MAX {
        return Err(SecretFileError::NotAFile { path: path.into() });
    }
    let mode = metadata.mode() & 0o7777;
    if private && mode & 0o077 != 0 {
        return Err(SecretFileError::Mode { path: path.into(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
    file.read_to_end(&mut bytes).map_err(io_error)?;
    Ok(bytes)
}

/// Writes a new file with mode 0600, durably, and its directory if need be. Never over an existing one.
pub fn create(path: &Path, content: &[u8]) -> Result<(), SecretFileError> {
    let io_error = |source| SecretFileError::Io { path: path.into(), source };
    let directory = directory_of(path);
    create_directory(directory).map_err(io_error)?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io_error)?;
    let written = (|| {
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        file.sync_all()?;
        sync_directory(directory)
    })();
    written.map_err(|source| {
        // It is ours and incomplete; leaving it would block the next attempt.
        let _ = fs::remove_file(path);
        io_error(source)
    })
}

/// Makes a directory for secrets, mode 0700 where it is new.
pub fn create_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the names in a directory durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory of a file, `.` for a bare name.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

// === impl SecretFileError ===

impl SecretFileError {
    /// What the operator can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Mode { path, .. } => Some(format!("chmod 600 {}", path.display())),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("another path; a key is never overwritten".into())
            }
            _ => None,
        }
    }

    /// Whether the file is simply not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
