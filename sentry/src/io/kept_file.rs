//! Reads a file of a node and replaces it in one step with its mode and owner kept, unless somebody else wrote it meanwhile.
//!
//! Serves address books and configurations. A reader sees the old file or the new one, whole. That the node is stopped nobody can promise from here; that the
//! file did not change between reading and replacing is checked at the last moment.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// Largest file that is read. A node's address book holds thousands of entries of 500 bytes.
const LARGEST: u64 = 64 << 20;

/// Why a file was not read or not replaced; in every case the old file is as it was. Ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("{path}: {source}\ntry: name a node's {what}, as a user who may read and write there")]
    Io {
        /// Which file.
        path: String,
        /// Which one it should be.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory, a device, or larger than any of these.
    #[error("{path} is no file of at most 64 MiB\ntry: name a node's {what}")]
    NoFile {
        /// Which file.
        path: String,
        /// Which one it should be.
        what: &'static str,
    },
    /// Somebody wrote it after it was read, most likely the node.
    #[error("{0} changed meanwhile and was left alone\ntry: stop the node, then run the command again")]
    Changed(String),
}

/// A file as it was read.
#[derive(Debug)]
pub struct KeptFile {
    what: &'static str,
    /// Behind symbolic links, so that replacing it keeps them.
    path: PathBuf,
    metadata: Metadata,
    text: String,
}

/// Reads a file; `what` is which one the operator should name, such as `config/addrbook.json`.
///
/// # Errors
/// It cannot be read, is no file, is too large, or is no UTF-8.
pub fn read(path: &Path, what: &'static str) -> Result<KeptFile, FileError> {
    let path = path.canonicalize().map_err(io(path, what))?;
    let metadata = path.metadata().map_err(io(&path, what))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(FileError::NoFile { path: path.display().to_string(), what });
    }
    let mut text = String::new();
    let file = File::open(&path).map_err(io(&path, what))?;
    file.take(LARGEST).read_to_string(&mut text).map_err(io(&path, what))?;
    Ok(KeptFile { what, path, metadata, text })
}

impl KeptFile {
    /// What was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the file by `text`, keeping mode and owner.
    ///
    /// # Errors
    /// The file changed since it was read, or the system refuses.
    pub fn replace(&self, text: &str) -> Result<(), FileError> {
        self.put(&self.path, text)
    }

    /// Writes `text` to another file, which is replaced if it exists.
    ///
    /// # Errors
    /// It changed since it was read, or the system refuses.
    pub fn write(&self, out: &Path, text: &str) -> Result<(), FileError> {
        let itself = out.canonicalize().is_ok_and(|out| out == self.path);
        self.put(if itself { &self.path } else { out }, text)
    }

    fn put(&self, out: &Path, text: &str) -> Result<(), FileError> {
        let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        let beside = parent.join(format!(".{name}.{}.new", std::process::id()));
        let written =
            self.fill(&beside, out == self.path, text).map_err(io(&beside, self.what)).and_then(|()| {
                self.unchanged()?;
                std::fs::rename(&beside, out).map_err(io(out, self.what))
            });
        if let Err(error) = written {
            // What cannot be removed either is a hidden file beside it; the first error says more.
            let _ = std::fs::remove_file(&beside);
            return Err(error);
        }
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(io(parent, self.what))
    }

    fn fill(&self, beside: &Path, in_place: bool, text: &str) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
        file.write_all(text.as_bytes())?;
        let (ours, old) = (file.metadata()?, &self.metadata);
        // A node that runs as another user must still be able to open it.
        if in_place && (ours.uid(), ours.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(old.permissions())?;
        file.sync_all()
    }

    fn unchanged(&self) -> Result<(), FileError> {
        let now = read(&self.path, self.what)?;
        let same = |m: &Metadata| (m.dev(), m.ino(), m.mtime(), m.mtime_nsec());
        if now.text == self.text && same(&now.metadata) == same(&self.metadata) {
            Ok(())
        } else {
            Err(FileError::Changed(self.path.display().to_string()))
        }
    }
}

fn io(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.display().to_string();
    move |source| FileError::Io { path, what, source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const WHAT: &str = "config/addrbook.json";

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_behind_links_and_keeps_the_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (book, link) = (dir.path().join("book"), dir.path().join("link"));
        fs::write(&book, "old").unwrap();
        fs::set_permissions(&book, PermissionsExt::from_mode(0o640)).unwrap();
        symlink(&book, &link).unwrap();
        read(&link, WHAT).unwrap().replace("new").unwrap();
        assert_eq!(fs::read_to_string(&book).unwrap(), "new");
        read(&book, WHAT).unwrap().write(&link, "newer").unwrap();
        assert_eq!(fs::read_to_string(&book).unwrap(), "newer");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&book).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(dir.path()), ["book", "link"]);
    }

    #[test]
    fn a_book_that_changed_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (book, out) = (dir.path().join("book"), dir.path().join("out"));
        fs::write(&book, "old").unwrap();
        let read_before = read(&book, WHAT).unwrap();
        // The node saves: a new file under the same name, here even with the same content.
        fs::write(dir.path().join("saved"), "old").unwrap();
        fs::rename(dir.path().join("saved"), &book).unwrap();
        assert!(matches!(read_before.replace("new"), Err(FileError::Changed(_))));
        let read_before = read(&book, WHAT).unwrap();
        fs::write(&book, "other").unwrap();
        assert!(matches!(read_before.replace("new"), Err(FileError::Changed(_))));
        assert!(matches!(read_before.write(&out, "new"), Err(FileError::Changed(_))));
        fs::remove_file(&book).unwrap();
        assert!(matches!(read_before.replace("new"), Err(FileError::Io { .. })));
        assert_eq!(names(dir.path()), [] as [&str; 0]);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read(dir.path(), WHAT), Err(FileError::NoFile { .. })));
        assert!(matches!(read(Path::new("/dev/zero"), WHAT), Err(FileError::NoFile { .. })));
        assert!(matches!(read(&dir.path().join("none"), WHAT), Err(FileError::Io { .. })));
        let book = dir.path().join("book");
        fs::write(&book, [0xff, 0xfe]).unwrap();
        assert!(matches!(read(&book, WHAT), Err(FileError::Io { .. })));
        File::create(&book).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(matches!(read(&book, WHAT), Err(FileError::NoFile { .. })));
    }
}
