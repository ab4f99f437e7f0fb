//! Where the history is that a verb is about.

use crate::io::history::Reader;
use anyhow::bail;
use std::path::PathBuf;

/// Data directory and chain.
#[derive(clap::Args)]
pub(super) struct Place {
    /// The configuration, for its data_dir and chains.
    #[arg(long, default_value = "monitor.toml")]
    config: PathBuf,
    /// The data directory, where there is no configuration at hand.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Which chain; may be left out where the configuration has one only.
    #[arg(long)]
    chain: Option<String>,
}

impl Place {
    /// Directory and chain id.
    pub(super) fn find(&self) -> anyhow::Result<(PathBuf, String)> {
        if let (Some(directory), Some(chain)) = (&self.data_dir, &self.chain) {
            return Ok((directory.clone(), chain.clone()));
        }
        let config = super::read(&self.config)?;
        let chain = match (&self.chain, config.chains.as_slice()) {
            (Some(chain), _) => chain.clone(),
            (None, [only]) => only.id.clone(),
            (None, chains) => {
                let ids: Vec<_> = chains.iter().map(|c| c.id.as_str()).collect();
                bail!("which chain?\ntry: --chain with one of {}", ids.join(", "))
            }
        };
        Ok((self.data_dir.clone().unwrap_or(config.data_dir), chain))
    }

    /// Its history, to read, and its chain id.
    pub(super) fn reader(&self) -> anyhow::Result<(Reader, String)> {
        let (directory, chain) = self.find()?;
        Ok((Reader::open(&directory, &chain)?, chain))
    }
}

/// Unix nanoseconds.
pub(super) fn now() -> i64 {
    i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX)
}
