//! `DefaultNodeInfo`: the first message of each side. A node sends it without waiting for ours, so it is readable by
//! anybody who completes the handshake (spec p2p.md §3.5 R1).

use prost::Message;
use thiserror::Error;

use crate::frame;
use crate::key::NodeId;

/// Bytes that a node info may have (`p2p.MaxNodeInfoSize`).
pub const MAX_NODE_INFO: usize = 10_240;

/// Channels that a node info may list (`maxNumChannels`).
const MAX_CHANNELS: usize = 16;

/// Protocol versions of a node.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Versions {
    /// P2P: 7 before 0.34, 8 to 0.40, 9 from 1.0.
    #[prost(uint64, tag = "1")]
    pub p2p: u64,
    /// Block: 10 before 0.34, 11 since. Peers must agree on this one.
    #[prost(uint64, tag = "2")]
    pub block: u64,
    /// The application's.
    #[prost(uint64, tag = "3")]
    pub app: u64,
}

/// What a node says about itself. Nothing but the id is checked by anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Protocol versions.
    pub versions: Versions,
    /// Must be the id of the key of the handshake.
    pub id: NodeId,
    /// Where it says it can be dialled, e.g. `tcp://0.0.0.0:26656`.
    pub listen_addr: String,
    /// Chain id.
    pub network: String,
    /// Version of the node software.
    pub version: String,
    /// Channels it speaks, a byte each.
    pub channels: Vec<u8>,
    /// Moniker.
    pub moniker: String,
    /// `on` or `off`: whether it indexes transactions.
    pub tx_index: String,
    /// Where its RPC listens, e.g. `tcp://127.0.0.1:26657`.
    pub rpc_address: String,
}

/// Why bytes are no node info.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NodeInfoError {
    /// No protobuf of this shape.
    #[error("node info does not decode")]
    Malformed,
    /// More than a node would take.
    #[error("node info of {0} bytes, a node takes {MAX_NODE_INFO}")]
    TooLarge(usize),
    /// No id, or none of 40 hex digits.
    #[error("node info has no valid id")]
    Id,
    /// More than a node would take.
    #[error("node info lists {0} channels, a node takes {MAX_CHANNELS}")]
    Channels(usize),
}

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(message, optional, tag = "1")]
    versions: Option<Versions>,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(string, tag = "3")]
    listen_addr: String,
    #[prost(string, tag = "4")]
    network: String,
    #[prost(string, tag = "5")]
    version: String,
    #[prost(bytes = "vec", tag = "6")]
    channels: Vec<u8>,
    #[prost(string, tag = "7")]
    moniker: String,
    #[prost(message, optional, tag = "8")]
    other: Option<Other>,
}

#[derive(Clone, PartialEq, Message)]
struct Other {
    #[prost(string, tag = "1")]
    tx_index: String,
    #[prost(string, tag = "2")]
    rpc_address: String,
}

// === impl NodeInfo ===

impl NodeInfo {
    /// Decodes the body of a frame.
    pub fn decode(body: &[u8]) -> Result<Self, NodeInfoError> {
        if body.len() > MAX_NODE_INFO {
            return Err(NodeInfoError::TooLarge(body.len()));
        }
        let wire = Wire::decode(body).map_err(|_| NodeInfoError::Malformed)?;
        if wire.channels.len() > MAX_CHANNELS {
            return Err(NodeInfoError::Channels(wire.channels.len()));
        }
        let other = wire.other.unwrap_or_default();
        Ok(Self {
            versions: wire.versions.unwrap_or_default(),
            id: NodeId::from_hex(&wire.id).ok_or(NodeInfoError::Id)?,
            listen_addr: wire.listen_addr,
            network: wire.network,
            version: wire.version,
            channels: wire.channels,
            moniker: wire.moniker,
            tx_index: other.tx_index,
            rpc_address: other.rpc_address,
        })
    }

    /// Encodes it as a frame, length first.
    pub fn to_frame(&self) -> Vec<u8> {
        frame::encode(&Wire {
            versions: Some(self.versions),
            id: self.id.to_string(),
            listen_addr: self.listen_addr.clone(),
            network: self.network.clone(),
            version: self.version.clone(),
            channels: self.channels.clone(),
            moniker: self.moniker.clone(),
            other: Some(Other { tx_index: self.tx_index.clone(), rpc_address: self.rpc_address.clone() }),
        })
    }

    /// Whether it speaks this channel.
    pub fn speaks(&self, channel: u8) -> bool {
        self.channels.contains(&channel)
    }
}
