//! What a node serves from: who it is, and the blocks it keeps.

use comet::key::NodeId;

use crate::chain::Genesis;
use crate::ledger::Ledger;

/// A node of the chain. There is one; its RPC, websocket and gRPC answer from here.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its P2P identity. Nothing listens there.
    pub id: NodeId,
    /// Its name.
    pub moniker: String,
    /// `host:port` of its RPC.
    pub rpc_address: String,
    /// The seat whose validator it names in `status`.
    pub seat: usize,
    /// What the chain was born with.
    pub genesis: Genesis,
    /// The blocks.
    pub ledger: Ledger,
}

impl Node {
    /// Chain id.
    pub fn chain_id(&self) -> &str {
        &self.genesis.origin.chain_id
    }
}
