//! What a CometBFT 0.38 node answers on its RPC, method by method, in the node's own words.
//!
//! The JSON is written out here instead of shared with the monitor's types in `comet::rpc`: two readings of the
//! format can disagree, one cannot. Absent are transactions, the mempool and the consensus dump.

pub mod block;
pub mod chain;
pub mod params;
mod query;

use serde_json::{Value, json};
use thiserror::Error;

use crate::ledger::HeightError;
use crate::node::Node;
use params::{ParamError, Params};

/// Why there is no result. [`Failure::code`] and the texts are the node's.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// No such method, or one for websockets only.
    #[error("Method not found")]
    Method,
    /// Parameters that cannot be read.
    #[error("error converting json params to arguments: {0}")]
    Params(#[from] ParamError),
    /// A height that is not there.
    #[error("{0}")]
    Height(#[from] HeightError),
    /// Anything else.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// JSON-RPC code and its message; the error's own text goes into `data`.
    pub fn code(&self) -> (i32, &'static str) {
        match self {
            Self::Method => (-32601, "Method not found"),
            Self::Params(_) => (-32602, "Invalid params"),
            Self::Height(_) | Self::Internal(_) => (-32603, "Internal error"),
        }
    }
}

/// Answers one call.
pub fn answer(node: &Node, method: &str, params: &Params) -> Result<Value, Failure> {
    match method {
        "health" => Ok(json!({})),
        "status" => Ok(chain::status(node)),
        "net_info" => Ok(chain::net_info(node)),
        "genesis" => Ok(json!({ "genesis": chain::genesis(node) })),
        "genesis_chunked" => chain::genesis_chunked(node, params),
        "validators" => chain::validators(node, params),
        "consensus_params" => chain::consensus_params(node, params),
        "blockchain" => block::blockchain(node, params),
        "block" => block::block(node, params),
        "block_by_hash" => Ok(block::block_by_hash(node, &params.bytes("hash")?)),
        "header" => block::header(node, params),
        "header_by_hash" => Ok(block::header_by_hash(node, &params.bytes("hash")?)),
        "block_results" => block::block_results(node, params),
        "commit" => block::commit(node, params),
        "abci_info" => Ok(query::abci_info(node)),
        "abci_query" => query::abci_query(node, params),
        _ => Err(Failure::Method),
    }
}

/// Wraps a result or failure as a JSON-RPC reply to `id`.
pub fn reply(id: &Value, result: Result<Value, Failure>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(failure) => {
            let (code, message) = failure.code();
            let mut error = json!({ "code": code, "message": message });
            if failure != Failure::Method {
                error["data"] = json!(failure.to_string());
            }
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        }
    }
}

#[cfg(test)]
mod tests;
