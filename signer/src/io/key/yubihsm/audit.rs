//! The audit log of a device, in a file that only grows: a line for each entry, durable before the device may forget it.
//!
//! ```text
//! {"serial":1234567,"read":1700000000,"entry":"<64 hex digits>","text":"12 sign-eddsa length=112 session=4 target=100 ok tick=77"}
//! {"serial":1234567,"read":1700000000,"unlogged_boots":1,"unlogged_authentications":0}
//! ```
//!
//! The hexadecimal entry is the truth and the text is for people. A line that a crash tore was not durable, so the device still has
//! its entry: it is cut off and written again.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    io::secret_file,
    yubihsm::log::{BrokenChain, ENTRY, LogEntry, LogPage, follow},
};

/// From the end of the file, so much is read to find the last entry: some hundred lines.
const TAIL: u64 = 64 * 1024;

/// The file, open and locked.
pub struct AuditFile {
    path: PathBuf,
    file: File,
    serial: u32,
    last: Option<LogEntry>,
    unlogged: (u16, u16),
}

/// The log cannot be kept.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The file.
    #[error("audit log {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another process writes it.
    #[error("audit log {}: another process writes it", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It is the log of another device.
    #[error("audit log {} is that of the device {theirs}, this one is {ours}", path.display())]
    OtherDevice {
        /// The file.
        path: PathBuf,
        /// Serial number in the file.
        theirs: u32,
        /// Serial number of the device.
        ours: u32,
    },
    /// A line that this program did not write.
    #[error("audit log {}: its last line is not an entry", path.display())]
    Line {
        /// The file.
        path: PathBuf,
    },
    /// The device's log does not continue the file.
    #[error("audit log {}: {source}", path.display())]
    Chain {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        source: BrokenChain,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    serial: u32,
    read: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unlogged_boots: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unlogged_authentications: Option<u16>,
}

// === impl AuditFile ===

impl AuditFile {
    /// Opens, or makes, the file of the device with this serial number.
    pub fn open(path: &Path, serial: u32) -> Result<Self, AuditError> {
        let io_error = |source| AuditError::Io { path: path.into(), source };
        let directory = secret_file::directory_of(path);
        secret_file::create_directory(directory).map_err(io_error)?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(io_error)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| AuditError::Locked { path: path.into() })?;
        secret_file::sync_directory(directory).map_err(io_error)?;
        let tail = read_tail(&mut file).map_err(io_error)?;
        let mut this = Self { path: path.into(), file, serial, last: None, unlogged: (0, 0) };
        let mut lines = tail.lines().rev().map(serde_json::from_str::<Line>);
        let Some(newest) = lines.next() else { return Ok(this) };
        let newest = newest.map_err(|_| AuditError::Line { path: path.into() })?;
        if newest.serial != serial {
            return Err(AuditError::OtherDevice { path: path.into(), theirs: newest.serial, ours: serial });
        }
        let mut whole = std::iter::once(newest).chain(lines.map_while(Result::ok));
        this.last = whole.find_map(|line| parse_entry(&line));
        Ok(this)
    }

    /// Makes durable what a page adds. Returns the number up to which the device may forget, and how many entries are new.
    pub fn keep(&mut self, page: &LogPage) -> Result<(Option<u16>, usize), AuditError> {
        let io_error = |source| AuditError::Io { path: self.path.clone(), source };
        let new = follow(self.last.as_ref(), &page.entries)
            .map_err(|source| AuditError::Chain { path: self.path.clone(), source })?;
        let read = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let blank = || Line {
            serial: self.serial,
            read,
            entry: None,
            text: None,
            unlogged_boots: None,
            unlogged_authentications: None,
        };
        let mut lines: Vec<_> = new
            .iter()
            .map(|entry| Line {
                entry: Some(hex::encode(entry.to_bytes())),
                text: Some(entry.to_string()),
                ..blank()
            })
            .collect();
        let unlogged = (page.unlogged_boots, page.unlogged_authentications);
        if unlogged != self.unlogged && unlogged != (0, 0) {
            lines.push(Line {
                unlogged_boots: Some(unlogged.0),
                unlogged_authentications: Some(unlogged.1),
                ..blank()
            });
        }
        if !lines.is_empty() {
            let mut text = String::new();
            for line in &lines {
                text.push_str(&serde_json::to_string(line).expect("numbers and text"));
                text.push('\n');
            }
            let whole = self.file.metadata().map_err(io_error)?.len();
            let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
            if let Err(error) = written {
                // A torn line in the middle would be found at the next start and refused.
                let _ = self.file.set_len(whole);
                return Err(io_error(error));
            }
        }
        self.unlogged = unlogged;
        self.last = new.last().copied().or(self.last);
        Ok((page.entries.last().map(LogEntry::number), new.len()))
    }
}

/// The last whole lines; what follows the last line end is cut off.
fn read_tail(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < tail.len() {
        file.set_len(start + whole as u64)?;
        file.sync_all()?;
        tail.truncate(whole);
    }
    // The first line may have been cut in the middle; it is not needed.
    let first =
        if start == 0 { 0 } else { tail.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
    Ok(String::from_utf8_lossy(&tail[first..]).into_owned())
}

fn parse_entry(line: &Line) -> Option<LogEntry> {
    let bytes = hex::decode(line.entry.as_ref()?).ok()?;
    Some(LogEntry::from_bytes(<[u8; ENTRY]>::try_from(bytes).ok()?))
}

/// Reads a whole file and follows its chain from the first entry to the last; how many there are.
pub fn verify(path: &Path) -> Result<usize, AuditError> {
    let io_error = |source| AuditError::Io { path: path.into(), source };
    let text = std::fs::read_to_string(path).map_err(io_error)?;
    let mut entries = Vec::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).map_err(|_| AuditError::Line { path: path.into() })?;
        if line.entry.is_some() {
            entries.push(parse_entry(&line).ok_or_else(|| AuditError::Line { path: path.into() })?);
        }
    }
    follow(None, &entries).map_err(|source| AuditError::Chain { path: path.into(), source })?;
    Ok(entries.len())
}

// === impl AuditError ===

impl AuditError {
    /// Whether it will not go away by trying again: the key stops.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Chain { .. } | Self::OtherDevice { .. })
    }

    /// What the operator can do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Io { .. } => "free space, or correct `audit_log` in the configuration".into(),
            Self::Locked { .. } => "one signer for one device; end the other".into(),
            Self::OtherDevice { path, .. } | Self::Line { path } | Self::Chain { path, .. } => format!(
                "find out why; then move {} aside and start again: a new file begins with what the device still has",
                path.display()
            ),
        }
    }
}
