//! What a chain's genesis gives away about its validators: `gentx` writes the validator's own `id@ip:port` into the memo
//! unless it is told otherwise, and a genesis is public for as long as the chain lives. Leak vector 12 (spec p2p.md §4).
//!
//! Reads both spellings of a gentx: amino (SDK 0.39 and earlier) and protobuf JSON (SDK 0.40 and later).

mod gentx;
mod memo;

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::Severity;
use crate::reach::Reach;

pub use gentx::Gentx;
pub use memo::Published;

/// Why a genesis says nothing. The text ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// It is not JSON of the shape that every genesis has, or ends early.
    #[error("{0}\ntry: name a whole genesis.json of a Cosmos SDK chain, or the answer of /genesis")]
    Json(#[from] serde_json::Error),
    /// JSON, but without the place where gentxs are.
    #[error(
        "no {0} in it, so nobody can say what its gentxs publish\ntry: name the genesis.json that the chain started with"
    )]
    Missing(&'static str),
}

/// What the gentxs of a genesis publish.
#[derive(Debug)]
pub struct Census {
    /// Chain id, empty where the genesis has none.
    pub chain: String,
    /// Every gentx, in the order of the genesis.
    pub gentxs: Vec<Gentx>,
}

#[derive(Deserialize)]
struct Document {
    chain_id: Option<String>,
    app_state: Option<AppState>,
    genesis: Option<Box<Document>>,
    result: Option<Box<Document>>,
}

#[derive(Deserialize)]
struct AppState {
    genutil: Option<Genutil>,
}

#[derive(Deserialize)]
struct Genutil {
    gentxs: Option<Vec<Value>>,
    gen_txs: Option<Vec<Value>>,
}

/// Reads a genesis, or an RPC answer around one. Only its gentxs are held in memory.
///
/// # Errors
/// It is no JSON, or has no place for gentxs.
pub fn census(genesis: impl Read) -> Result<Census, GenesisError> {
    let mut document: Document = serde_json::from_reader(genesis)?;
    while let Some(inner) = document.result.take().or_else(|| document.genesis.take()) {
        document = *inner;
    }
    let state = document.app_state.ok_or(GenesisError::Missing("app_state"))?;
    let genutil = state.genutil.ok_or(GenesisError::Missing("app_state.genutil"))?;
    let gentxs = genutil.gentxs.into_iter().chain(genutil.gen_txs).flatten();
    let chain = document.chain_id.unwrap_or_default();
    Ok(Census { chain, gentxs: gentxs.map(|tx| Gentx::read(&tx)).collect() })
}

impl Census {
    /// How many gentxs there are of each reach; those that cannot be read are in none.
    pub fn counts(&self) -> BTreeMap<Reach, usize> {
        let mut counts = BTreeMap::new();
        for reach in self.gentxs.iter().filter_map(Gentx::reach) {
            *counts.entry(reach).or_default() += 1;
        }
        counts
    }

    /// How many gentxs have no memo where one belongs. They are not safe, they are unknown.
    pub fn unreadable(&self) -> usize {
        self.gentxs.iter().filter(|tx| tx.reach().is_none()).count()
    }

    /// Whether somebody published something, or may have.
    pub fn is_clean(&self) -> bool {
        self.gentxs.iter().all(|tx| tx.reach() == Some(Reach::None))
    }
}

/// What a published address of one reach means.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Consequence {
    /// How bad.
    pub severity: Severity,
    /// What it lets an attacker do.
    pub attack: &'static str,
    /// What ends it.
    pub fix: &'static str,
}

/// What follows for a validator whose memo publishes an address of that reach; nothing if there is none.
pub fn consequence(reach: Reach) -> Option<Consequence> {
    let known = "The node id is public for ever: whoever meets it in a PEX answer, a net_info or a handshake knows whose \
                 node answers there.";
    let new_id = "make a new node_key.json (`init` into an empty home makes one), put its id into private_peer_ids of every \
                  sentry and restart those, then start the validator with it.";
    let (severity, attack, fix) = match reach {
        Reach::None => return None,
        Reach::Public => (
            Severity::Error,
            "Whoever reads the genesis has the id and the address of the validator: flooding that one address stops it from \
             signing, and the sentries are not asked.",
            "a genesis cannot be changed: move the validator to an address that was never published, and give it a new \
             node_key.json. Before a launch: sign the gentx again with --node-id and --ip of a sentry.",
        ),
        Reach::Name => (
            Severity::Error,
            "Whoever reads the genesis resolves the name and has the validator's address, also after it has moved.",
            "point the name at a sentry or remove it, move the validator to an address that was never published, and give \
             it a new node_key.json.",
        ),
        Reach::CarrierGrade => (
            Severity::Warn,
            "The node id is public for ever, and an address book takes 100.64.0.0/10 as routable: sentries without the id in \
             private_peer_ids gossip it.",
            new_id,
        ),
        Reach::Private | Reach::Loopback | Reach::Nowhere => (Severity::Warn, known, new_id),
    };
    Some(Consequence { severity, attack, fix })
}

#[cfg(test)]
mod tests;
