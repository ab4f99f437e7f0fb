//! Where the programs under test are: the real nodes that `tests/run nodes` builds, and Palisade's own.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// CometBFT's own binary, v0.38.25.
pub fn cometbft() -> Result<PathBuf> {
    node("cometbft", "PALISADE_COMETBFT")
}

/// The Cosmos SDK 0.53 chain of `tests/nodes/hub053`.
pub fn hub053() -> Result<PathBuf> {
    node("hub053", "PALISADE_HUB053")
}

/// Prometheus' checker, out of Debian's package.
pub fn promtool() -> Result<PathBuf> {
    node("promtool", "PALISADE_PROMTOOL")
}

/// A program of this workspace, beside the test binary.
pub fn own(name: &str) -> Result<PathBuf> {
    let path = target_profile()?.join(name);
    if !path.is_file() {
        bail!("{} is not built; try: cargo build --workspace --bins --tests", path.display());
    }
    Ok(path)
}

fn node(name: &str, variable: &str) -> Result<PathBuf> {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => target_profile()?.with_file_name("nodes").join(name),
    };
    if !path.is_file() {
        bail!("{} is not there ({variable} may name another place); try: tests/run nodes", path.display());
    }
    Ok(path)
}

/// `target/debug`, from `target/debug/deps/<this test>`.
fn target_profile() -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    me.ancestors().nth(2).map(PathBuf::from).context("a test runs from target/<profile>/deps")
}
