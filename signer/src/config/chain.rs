//! `[[chain]]`: a chain to sign for, with which key and for which nodes.

use std::path::Path;

use serde::Deserialize;

use crate::{
    config::{ConfigError, KeyConfig, NodeAddr},
    mark::MAX_CHAIN_ID,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChain {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) nodes: Vec<String>,
}

/// One chain to sign for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainConfig {
    /// Chain id.
    pub id: String,
    /// Index into [`Config::keys`].
    pub key: usize,
    /// The nodes to dial.
    pub nodes: Vec<NodeAddr>,
}

// === impl RawChain ===

impl RawChain {
    pub(super) fn resolve(self, keys: &[KeyConfig], dir: &Path) -> Result<ChainConfig, ConfigError> {
        let Self { id, key, nodes } = self;
        let is_file_name = !id.contains(|c: char| c == '/' || c.is_control()) && !id.starts_with('.');
        if id.is_empty() || id.len() > MAX_CHAIN_ID || !is_file_name {
            return Err(ConfigError::ChainId(id));
        }
        if nodes.is_empty() {
            return Err(ConfigError::NoNodes(id));
        }
        let Some(index) = keys.iter().position(|k| k.name == key) else {
            return Err(ConfigError::NoSuchKey { chain: id, key });
        };
        let nodes = nodes.iter().map(|node| NodeAddr::parse(node, dir)).collect::<Result<_, _>>()?;
        Ok(ChainConfig { id, key: index, nodes })
    }
}
