//! A directory of the machine's cgroup tree for each host: systemd wants a tree that it may divide.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The place of this name. The host makes it when it boots.
pub(super) fn of(name: &str) -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let root = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1).zip(line.split(' ').nth(2)))
        .find_map(|(place, kind)| (kind == "cgroup2").then_some(place))
        .context("no cgroup2 is mounted here (try: mount -t cgroup2 cgroup2 /sys/fs/cgroup)")?;
    Ok(Path::new(root).join(name))
}

/// Removes it and everything below; processes are gone by now, directories are all that is left.
pub(super) fn remove(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .for_each(|entry| remove(&entry.path()));
    let _ = fs::remove_dir(dir);
}
