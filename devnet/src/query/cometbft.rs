//! The SDK's window on the consensus engine: `cosmos.base.tendermint.v1beta1.Service`, as far as tools ask it.
//!
//! Blocks come in CometBFT's own form (`block`); the SDK's copy with bech32 addresses (`sdk_block`) is absent.

use comet::block::Block;
use comet::privval::BlockId;
use prost::Message;

use super::QueryError;
use crate::chain::Finalized;
use crate::node::Node;

const SERVICE: &str = "/cosmos.base.tendermint.v1beta1.Service/";

#[derive(Clone, PartialEq, Message)]
struct HeightRequest {
    #[prost(int64, tag = "1")]
    height: i64,
}

#[derive(Clone, PartialEq, Message)]
struct BlockResponse {
    #[prost(message, optional, tag = "1")]
    block_id: Option<BlockId>,
    #[prost(message, optional, tag = "2")]
    block: Option<Block>,
}

#[derive(Clone, PartialEq, Message)]
struct SyncingResponse {
    #[prost(bool, tag = "1")]
    syncing: bool,
}

#[derive(Clone, PartialEq, Message)]
struct NodeInfoResponse {
    #[prost(message, optional, tag = "1")]
    node: Option<NodeInfo>,
    #[prost(message, optional, tag = "2")]
    application: Option<VersionInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeInfo {
    #[prost(string, tag = "2")]
    id: String,
    #[prost(string, tag = "4")]
    network: String,
    #[prost(string, tag = "5")]
    version: String,
    #[prost(string, tag = "7")]
    moniker: String,
}

#[derive(Clone, PartialEq, Message)]
struct VersionInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    app_name: String,
    #[prost(string, tag = "3")]
    version: String,
    #[prost(string, tag = "8")]
    cosmos_sdk_version: String,
}

/// Answers a method of the service; `None` for a path of another one.
pub fn answer(node: &Node, path: &str, data: &[u8]) -> Option<Result<Vec<u8>, QueryError>> {
    let method = path.strip_prefix(SERVICE)?;
    Some(match method {
        "GetSyncing" => Ok(SyncingResponse { syncing: false }.encode_to_vec()),
        "GetNodeInfo" => Ok(node_info(node).encode_to_vec()),
        "GetLatestBlock" => block(node, node.ledger.height()),
        "GetBlockByHeight" => super::decode(data).and_then(|r: HeightRequest| block(node, r.height)),
        _ => Err(QueryError::UnknownPath(path.to_owned())),
    })
}

fn block(node: &Node, height: i64) -> Result<Vec<u8>, QueryError> {
    if height > node.ledger.height() {
        return Err(QueryError::Request("requested block height is bigger then the chain length".to_owned()));
    }
    let found = node.ledger.get(height).ok_or(QueryError::Height(height))?;
    let Finalized { draft, .. } = found.as_ref();
    let (block_id, block) = (Some(draft.id.clone()), Some(draft.block.clone()));
    Ok(BlockResponse { block_id, block }.encode_to_vec())
}

fn node_info(node: &Node) -> NodeInfoResponse {
    NodeInfoResponse {
        node: Some(NodeInfo {
            id: node.id.to_string(),
            network: node.chain_id().to_owned(),
            version: node.genesis.origin.line.engine_version().to_owned(),
            moniker: node.moniker.clone(),
        }),
        application: Some(VersionInfo {
            name: "devnet".to_owned(),
            app_name: "palisade-devnet".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cosmos_sdk_version: node.genesis.origin.line.sdk_version().to_owned(),
        }),
    }
}
