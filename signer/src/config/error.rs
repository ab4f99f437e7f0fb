//! What can be wrong with `signer.toml`.

use comet::noise::PeerIdError;
use thiserror::Error;

use crate::{mark::MAX_CHAIN_ID, raw_bytes::RawBytesError};

/// What is wrong with the file.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not TOML, or not with these keys.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// Nothing to do.
    #[error("there is no [[{0}]]")]
    None(&'static str),
    /// Two of the same.
    #[error("{what} {name:?} is there twice")]
    Twice {
        /// `key`, `chain` or `node`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A chain names a key that is not there.
    #[error("chain {chain:?} uses key {key:?}, which no [[key]] has as its name")]
    NoSuchKey {
        /// The chain.
        chain: String,
        /// The name.
        key: String,
    },
    /// Raw bytes that could be votes, or none at all.
    #[error("chain {chain:?}: {source}")]
    RawBytes {
        /// The chain.
        chain: String,
        /// What is wrong.
        source: RawBytesError,
    },
    /// A shared store that cannot be meant so.
    #[error("chain {chain:?}: store: {what}")]
    Store {
        /// The chain.
        chain: String,
        /// What is wrong.
        what: String,
    },
    /// A key whose place is not said, or said twice.
    #[error("key {name:?}: {what}")]
    Key {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Not the public key of a TLS identity.
    #[error(
        "pin {0:?} is not a public key; palisade-signer frost identity FILE, on the machine that is meant, prints it"
    )]
    Pin(String),
    /// A key in a YubiHSM that cannot be meant so.
    #[error("key {key:?}: {what}")]
    Hsm {
        /// The key.
        key: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A chain that nobody asks for.
    #[error("chain {0:?} has no nodes")]
    NoNodes(String),
    /// The id is longer than CometBFT allows, empty, or no file name.
    #[error(
        "chain id {0:?} must have 1 to {MAX_CHAIN_ID} bytes, no slash, no control character and no leading dot"
    )]
    ChainId(String),
    /// None of the three forms.
    #[error("node {0:?} must be tcp://HOST:PORT, noise://PEERID@HOST:PORT or unix:///PATH")]
    Node(String),
    /// A protocol that needs no name, or that nobody speaks.
    #[error(
        "node {node:?} has protocol {protocol:?}; only \"0.33\" is ever named, every later line is spoken without it"
    )]
    Protocol {
        /// The node.
        node: String,
        /// As written.
        protocol: String,
    },
    /// Some nodes of a chain are of 0.33, others are not.
    #[error(
        "chain {0:?} has nodes with protocol \"0.33\" and nodes without; their votes for one block differ in the bytes that \
         are signed, so one chain has one protocol"
    )]
    MixedProtocols(String),
    /// Heights start at 1.
    #[error("chain {0:?}: max_height must be 1 or more")]
    MaxHeight(String),
    /// No plain HTTP address.
    #[error(
        "rpc {0:?} must be http://HOST:PORT, with a path where a proxy wants one; there is no TLS beside the key, so reach a \
         node elsewhere through WireGuard or a local proxy"
    )]
    Rpc(String),
    /// Half a guard.
    #[error("chain {chain:?}: {why}")]
    Doppelganger {
        /// The chain.
        chain: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Noise with nobody in particular.
    #[error(
        "node {0:?} names no peer id; noise is for one node: noise://PEERID@HOST:PORT (palisade-signer peer-id --node-key \
         node_key.json shows it)"
    )]
    NoPeerId(String),
    /// Noise with a peer id that cannot be read.
    #[error("peer id of node {node:?}: {source}")]
    BadPeerId {
        /// The node.
        node: String,
        /// What is wrong with it.
        source: PeerIdError,
    },
    /// Noise is younger than amino.
    #[error("node {0:?} has protocol \"0.33\", and Tendermint 0.33 knows no noise://")]
    NoiseOf033(String),
    /// A peer id, which cannot be checked.
    #[error(
        "node {0:?} names a peer id, but a node makes a fresh key for its privval listener at every start, so no id can \
         be checked; CometBFT 0.40 can be pinned with noise://PEERID@HOST:PORT, otherwise leave out everything up to the @ \
         and protect the link by firewall or WireGuard"
    )]
    PeerId(String),
}
