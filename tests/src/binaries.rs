//! Where the programs under test are: the real nodes that `tests/run nodes` builds, and Palisade's own.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// CometBFT's own binary, v0.38.25.
pub fn cometbft() -> Result<PathBuf> {
    node("cometbft")
}

/// The Cosmos SDK 0.53 chain of `tests/nodes/hub053`.
pub fn hub053() -> Result<PathBuf> {
    node("hub053")
}

/// Tendermint's own test of a remote signer, v0.34.24.
pub fn signer_harness() -> Result<PathBuf> {
    node("tm-signer-harness-v0.34")
}

/// The same of v0.33.9, which speaks amino.
pub fn signer_harness_amino() -> Result<PathBuf> {
    node("tm-signer-harness-v0.33")
}

/// Prometheus' checker, out of Debian's package.
pub fn promtool() -> Result<PathBuf> {
    node("promtool")
}

/// A Python that has Yubico's own client for the YubiHSM 2.
pub fn python_yubihsm() -> Result<PathBuf> {
    node("python-yubihsm")
}

/// What `tests/run nodes` calls `name`: at `PALISADE_<NAME>`, or in `target/nodes/`.
pub fn node(name: &str) -> Result<PathBuf> {
    let variable = format!("PALISADE_{}", name.to_ascii_uppercase().replace(['.', '-'], "_"));
    let path = match std::env::var_os(&variable) {
        Some(path) => PathBuf::from(path),
        None => target_profile()?.with_file_name("nodes").join(name),
    };
    if !path.is_file() {
        bail!("{} is not there ({variable} may name another place); try: tests/run nodes", path.display());
    }
    Ok(path)
}

/// tmkms 0.15 with softsign, which tests move away from.
pub fn tmkms() -> Result<PathBuf> {
    node("tmkms")
}

/// The directory of a Debian 12 with systemd and sshd, for [`crate::hosts`]. It is read only: many hosts share it.
pub fn debian_root() -> Result<PathBuf> {
    // The link is to a file beside it, which is written last.
    Ok(node("debian-root")?.canonicalize()?.with_file_name("root"))
}

/// `ansible-playbook` of the oldest or the newest ansible-core that the collection supports.
pub fn ansible_playbook(newest: bool) -> Result<PathBuf> {
    node(if newest { "ansible-playbook" } else { "ansible-playbook-oldest" })
}

/// A program of this workspace, beside the test binary.
pub fn own(name: &str) -> Result<PathBuf> {
    let path = target_profile()?.join(name);
    if !path.is_file() {
        bail!("{} is not built; try: cargo build --workspace --bins --tests", path.display());
    }
    Ok(path)
}

/// `target/debug`, from `target/debug/deps/<this test>` or `target/debug/<this program>`.
fn target_profile() -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    let dir = me.parent().context("a program has a folder")?;
    let profile = if dir.ends_with("deps") { dir.parent() } else { Some(dir) };
    profile.map(PathBuf::from).context("a test runs from target/<profile>/deps")
}
