//! Compares a rendered tree with a directory, and writes it there.
//!
//! Only files that a manifest of ours names are ever removed, and a directory that holds other things and no manifest is
//! refused: a slip in `--out` must not cost anybody their files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::manifest::{self, Manifest};
use crate::tree::Tree;

/// How a file of the directory stands to the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Not there yet.
    New,
    /// There, with other content.
    Changed,
    /// There and equal.
    Same,
    /// Written by an earlier render, and no longer part of the fleet.
    Stale,
}

/// Why the directory cannot be compared or written.
#[derive(Debug, thiserror::Error)]
pub enum OutDirError {
    /// Reading or writing failed.
    #[error("{path}: {source}\ntry: check that the directory can be written, then run render again")]
    Io {
        /// Where.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The directory belongs to somebody else.
    #[error("{0} holds files, but no {name} of an earlier render\ntry: name an empty or new directory", name = manifest::NAME)]
    Foreign(String),
    /// The manifest is not ours.
    #[error("{path}: {reason}\ntry: name an empty or new directory")]
    Manifest {
        /// Where.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Every file of the tree and of the last render, and how it stands. The manifest itself is one of them.
///
/// # Errors
/// The directory cannot be read, or is not ours.
pub fn compare(
    dir: &Path,
    tree: &Tree,
    manifest: &Manifest,
) -> Result<BTreeMap<String, Change>, OutDirError> {
    let mut changes = BTreeMap::new();
    for path in earlier(dir)? {
        changes.insert(path, Change::Stale);
    }
    let manifest_text = manifest.text();
    for (path, text) in tree.texts().chain([(manifest::NAME, manifest_text.as_str())]) {
        let full = dir.join(path);
        let change = match std::fs::read(&full) {
            Ok(bytes) if bytes == text.as_bytes() => Change::Same,
            Ok(_) => Change::Changed,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Change::New,
            Err(source) => return Err(io(&full, source)),
        };
        changes.insert(path.to_owned(), change);
    }
    Ok(changes)
}

/// Makes the directory equal to the tree. The manifest comes last, so that a render cut short is finished by the next.
///
/// # Errors
/// A file cannot be written or removed.
pub fn write(
    dir: &Path,
    tree: &Tree,
    manifest: &Manifest,
    changes: &BTreeMap<String, Change>,
) -> Result<(), OutDirError> {
    for (path, text) in tree.texts() {
        if matches!(changes.get(path), Some(Change::New | Change::Changed)) {
            replace(&dir.join(path), text)?;
        }
    }
    for (path, _) in changes.iter().filter(|(_, change)| **change == Change::Stale) {
        let full = dir.join(path);
        match std::fs::remove_file(&full) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(&full, e)),
            _ => remove_empty_parents(dir, &full),
        }
    }
    replace(&dir.join(manifest::NAME), &manifest.text())
}

/// Of a manifest of any version, the paths.
#[derive(serde::Deserialize)]
struct Listed {
    files: Vec<ListedFile>,
    #[serde(default)]
    inventory: Vec<String>,
}

#[derive(serde::Deserialize)]
struct ListedFile {
    path: String,
}

/// Paths that the last render wrote.
fn earlier(dir: &Path) -> Result<Vec<String>, OutDirError> {
    let path = dir.join(manifest::NAME);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let empty = match std::fs::read_dir(dir) {
                Ok(mut entries) => entries.next().is_none(),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
                Err(source) => return Err(io(dir, source)),
            };
            return if empty { Ok(Vec::new()) } else { Err(OutDirError::Foreign(dir.display().to_string())) };
        }
        Err(source) => return Err(io(&path, source)),
    };
    let refuse = |reason: String| OutDirError::Manifest { path: path.display().to_string(), reason };
    let manifest: Listed = serde_json::from_slice(&bytes).map_err(|e| refuse(e.to_string()))?;
    let files = manifest.files.into_iter().map(|entry| entry.path);
    let paths: Vec<String> = files.chain(manifest.inventory).collect();
    match paths.iter().find(|path| !stays_inside(path)) {
        Some(out) => Err(refuse(format!("\"{out}\" points outside of the directory"))),
        None => Ok(paths),
    }
}

fn stays_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Writes beside, then renames: a reader sees the old file or the new one.
fn replace(path: &Path, text: &str) -> Result<(), OutDirError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| io(parent, e))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, text).map_err(|e| io(&beside, e))?;
    std::fs::rename(&beside, path).map_err(|e| io(path, e))
}

/// Removes directories that a removed file leaves empty. One that is not empty stays, and that is no error.
fn remove_empty_parents(dir: &Path, file: &Path) {
    for parent in file.ancestors().skip(1).take_while(|parent| *parent != dir && parent.starts_with(dir)) {
        if std::fs::remove_dir(parent).is_err() {
            return;
        }
    }
}

fn io(path: &Path, source: std::io::Error) -> OutDirError {
    OutDirError::Io { path: path.display().to_string(), source }
}
