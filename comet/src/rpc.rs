//! CometBFT's JSON-RPC, as nodes from Tendermint 0.34 to CometBFT 1.0 really answer it.
//!
//! One set of structs serves both directions: a monitor reads with them, a devnet answers with them. Reading is
//! lenient, because the lines differ: int64 come as strings or numbers, arrays as `null`, fields are missing or new.
//! Writing follows CometBFT 0.38. Shapes are detected by what is there, never by the version a node reports: two of
//! six released binaries report a wrong one (spec/dependencies.md §a).
//!
//! Deliberately absent: transactions, evidence and consensus parameters as types (kept as raw JSON).

mod answer;
mod block;
mod event;
pub mod number;

pub use answer::{
    AbciQueryAnswer, AbciResponse, BlockAnswer, BlockResults, CommitAnswer, Genesis, GenesisAnswer,
    GenesisValidator, HeaderAnswer, NodeInfo, PubKey, SignedHeader, Status, SyncInfo, TxResult, Validator,
    ValidatorInfo, ValidatorUpdate, Validators,
};
pub use block::{
    Block, BlockId, Commit, CommitSig, Consensus, Data, EvidenceList, FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL,
    Header, PartSetHeader, ZERO_TIME,
};
pub use event::{Attribute, Event, FinalizeBlock, NewBlock, NewBlockData, Notification};

use serde::{Deserialize, Serialize};

/// A JSON-RPC request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// Echoed by the answer; a number or a string.
    #[serde(default)]
    pub id: serde_json::Value,
    /// `block`, `status`, `subscribe`, …
    pub method: String,
    /// Named parameters; a node accepts a list as well.
    #[serde(default)]
    pub params: serde_json::Value,
}

impl Request {
    /// A request with named parameters.
    pub fn new(id: u64, method: &str, params: serde_json::Value) -> Self {
        Self { jsonrpc: "2.0".into(), id: id.into(), method: method.into(), params }
    }
}

/// A JSON-RPC answer: exactly one of `result` and `error` is set by an honest node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Always `2.0`.
    #[serde(default = "version")]
    pub jsonrpc: String,
    /// The request's id; `-1` on URI requests.
    #[serde(default)]
    pub id: serde_json::Value,
    /// The answer.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub result: Option<T>,
    /// Why there is none. Arrives on an open websocket as well, when the node cancels a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
}

impl<T> Envelope<T> {
    /// An answer to request `id`.
    pub fn answer(id: serde_json::Value, result: T) -> Self {
        Self { jsonrpc: version(), id, result: Some(result), error: None }
    }

    /// A refusal of request `id`.
    pub fn refuse(id: serde_json::Value, error: RpcError) -> Self {
        Self { jsonrpc: version(), id, result: None, error: Some(error) }
    }

    /// The result, or the node's own error.
    pub fn into_result(self) -> Result<T, RpcError> {
        match (self.result, self.error) {
            (_, Some(error)) => Err(error),
            (Some(result), None) => Ok(result),
            (None, None) => Err(RpcError {
                code: -32603,
                message: "the answer has neither result nor error".into(),
                data: String::new(),
            }),
        }
    }
}

fn version() -> String {
    "2.0".into()
}

fn none<T>() -> Option<T> {
    None
}

/// A node's error reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the node answered with error {code}: {message} {data}")]
pub struct RpcError {
    /// JSON-RPC code, -32603 for nearly everything.
    #[serde(default)]
    pub code: i64,
    /// General text, mostly `Internal error`.
    #[serde(default)]
    pub message: String,
    /// The text that matters, such as `height 5 is not available, lowest height is 9`.
    #[serde(default, deserialize_with = "text")]
    pub data: String,
}

fn text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(s) => s,
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests;
