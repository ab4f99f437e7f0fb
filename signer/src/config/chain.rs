//! `[[chain]]`: a chain to sign for, with which key and for which nodes.

use std::path::Path;

use comet::secret::Dialect;
use serde::Deserialize;

use crate::{
    config::{
        ConfigError, DoppelgangerConfig, KeyConfig, NodeAddr, StoreConfig, doppelganger, node::RawNode,
        store::RawStore,
    },
    mark::MAX_CHAIN_ID,
    raw_bytes::{RawBytes, RawRawBytes},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChain {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) nodes: Vec<RawNode>,
    max_height: Option<i64>,
    #[serde(default)]
    rpc: Vec<String>,
    doppelganger_blocks: Option<u32>,
    doppelganger_max_wait: Option<String>,
    pub(super) raw_bytes: Option<RawRawBytes>,
    store: Option<RawStore>,
}

/// One chain to sign for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainConfig {
    /// Chain id.
    pub id: String,
    /// Index into [`Config::keys`].
    pub key: usize,
    /// What all its nodes speak. A mark holds sign-bytes, and those of Tendermint 0.33 are others for the same vote.
    pub dialect: Dialect,
    /// The nodes to dial.
    pub nodes: Vec<NodeAddr>,
    /// The last height to sign at; above it everything is refused.
    pub max_height: Option<i64>,
    /// Where to look for a second signer before the first signature; `None` where the operator wants no guard.
    pub doppelganger: Option<DoppelgangerConfig>,
    /// Raw bytes that may be signed for it.
    pub raw_bytes: RawBytes,
    /// Where its mark is.
    pub store: StoreConfig,
}

// === impl RawChain ===

impl RawChain {
    pub(super) fn resolve(self, keys: &[KeyConfig], dir: &Path) -> Result<ChainConfig, ConfigError> {
        let Self {
            id,
            key,
            nodes,
            max_height,
            rpc,
            doppelganger_blocks,
            doppelganger_max_wait,
            raw_bytes,
            store,
        } = self;
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
        let nodes: Vec<_> = nodes.iter().map(|node| node.resolve(dir)).collect::<Result<_, _>>()?;
        let (dialects, nodes): (Vec<_>, _) = nodes.into_iter().unzip();
        let dialect = dialects[0];
        if dialects.iter().any(|other| *other != dialect) {
            return Err(ConfigError::MixedProtocols(id));
        }
        if max_height.is_some_and(|height| height < 1) {
            return Err(ConfigError::MaxHeight(id));
        }
        let doppelganger =
            doppelganger::resolve(&id, &rpc, doppelganger_blocks, doppelganger_max_wait.as_deref())?;
        let raw_bytes = raw_bytes
            .map_or(Ok(RawBytes::Refused), RawRawBytes::resolve)
            .map_err(|source| ConfigError::RawBytes { chain: id.clone(), source })?;
        let store = store.map_or(Ok(StoreConfig::File), |store| store.resolve(&id, dir))?;
        Ok(ChainConfig { id, key: index, dialect, nodes, max_height, doppelganger, raw_bytes, store })
    }
}
