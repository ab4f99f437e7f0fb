//! One CometBFT RPC endpoint: requests out, checked answers in. Every request has a deadline and every answer a limit.

use super::http::{Answer, Http, HttpFailure};
use crate::config::Endpoint;
use crate::decode::{self, DecodeError};
use crate::event::{Block, Claims};
use crate::set::Set;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::rpc;
use http_body_util::Full;
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// A hung endpoint is given up after this long.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// Larger answers are refused: a block of 22 MB is CometBFT's default limit.
const LARGEST: usize = 64 * 1024 * 1024;
const PAGE: usize = 100;

/// Why an endpoint gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum RpcFailure {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpFailure),
    /// Every endpoint was put aside.
    #[error("every endpoint is of another chain")]
    NoneLeft,
    /// An HTTP error without a JSON-RPC answer in it.
    #[error("HTTP status {0}")]
    Status(u16),
    /// A refusal by the node.
    #[error(transparent)]
    Node(#[from] rpc::RpcError),
    /// An answer that cannot be true.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The application refused a query.
    #[error("the application answered with code {code} ({codespace}): {log}")]
    App {
        /// ABCI code.
        code: u32,
        /// Module.
        codespace: String,
        /// Its words.
        log: String,
    },
}

/// A client of one endpoint; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    endpoint: Endpoint,
}

impl Client {
    /// A client; nothing is connected yet.
    pub fn new(endpoint: Endpoint, http: Http) -> Self {
        Self { http, endpoint }
    }

    /// Where it asks.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn call<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, RpcFailure> {
        let Answer { status, body, .. } = self.exchange(method, params).await?;
        let envelope: Result<rpc::Envelope<T>, _> = decode::json(method, &body);
        match envelope {
            Ok(envelope) => Ok(envelope.into_result()?),
            Err(_) if status != 200 => Err(RpcFailure::Status(status)),
            Err(error) => Err(error.into()),
        }
    }

    async fn exchange(&self, method: &str, params: Value) -> Result<Answer, RpcFailure> {
        let body = serde_json::to_vec(&rpc::Request::new(1, method, params)).unwrap_or_default();
        let request = hyper::Request::post(format!("{}/", self.endpoint.url()))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| HttpFailure::Unreachable(e.to_string()))?;
        Ok(self.http.send(request, TIMEOUT, LARGEST).await?)
    }

    /// Where the node stands.
    pub async fn status(&self) -> Result<rpc::Status, RpcFailure> {
        self.call("status", json!({})).await
    }

    /// The block of `height`, checked to be of `chain_id`.
    pub async fn block(&self, chain_id: &str, height: i64) -> Result<Block, RpcFailure> {
        let answer: rpc::BlockAnswer = self.call("block", json!({ "height": height.to_string() })).await?;
        let Some(block) = answer.block else {
            return Err(DecodeError::Shape { what: "block", reason: "it is null".into() }.into());
        };
        let block = decode::block(chain_id, &block)?;
        if block.height != height {
            return Err(DecodeError::Height { found: block.height, expected: height }.into());
        }
        Ok(block)
    }

    /// What x/slashing emitted in the block of `height`.
    pub async fn claims(&self, height: i64) -> Result<Claims, RpcFailure> {
        Ok(decode::claims(self.results(height).await?.events()))
    }

    /// Results of the block of `height`, of whichever line.
    pub async fn results(&self, height: i64) -> Result<rpc::BlockResults, RpcFailure> {
        self.call("block_results", json!({ "height": height.to_string() })).await
    }

    /// The whole validator set of `height`, whose headers carry `hash`.
    pub async fn set(&self, height: i64, hash: &str) -> Result<Set, RpcFailure> {
        let mut all: Vec<rpc::Validator> = Vec::new();
        for page in 1..=100 {
            let params = json!({
                "height": height.to_string(), "page": page.to_string(), "per_page": PAGE.to_string(),
            });
            let answer: rpc::Validators = self.call("validators", params).await?;
            if answer.block_height != height {
                return Err(DecodeError::Height { found: answer.block_height, expected: height }.into());
            }
            let (got, total) = (answer.validators.len(), usize::try_from(answer.total).unwrap_or(0));
            all.extend(answer.validators);
            if got == 0 || all.len() >= total {
                break;
            }
        }
        Ok(decode::set(hash, &all)?)
    }

    /// `abci_query`: the value and the height of the state that answered. `height` 0 = latest.
    pub async fn abci_query(
        &self,
        path: &str,
        data: &[u8],
        height: i64,
    ) -> Result<(Vec<u8>, i64), RpcFailure> {
        let params = json!({
            "path": path, "data": hex::encode(data), "height": height.to_string(), "prove": false,
        });
        let answer: rpc::AbciQueryAnswer = self.call("abci_query", params).await?;
        let rpc::AbciResponse { code, log, codespace, value, height, .. } = answer.response;
        // Stores up to SDK 0.45 answer for a pruned version with code 0, no value, and these words.
        if code != 0 || (value.is_none() && log.contains("version does not exist")) {
            let log = log.chars().take(200).collect();
            return Err(RpcFailure::App { code, codespace, log });
        }
        let value = BASE64.decode(value.unwrap_or_default());
        let bad = |_| DecodeError::Shape { what: "abci_query", reason: "the value is not base64".into() };
        Ok((value.map_err(bad)?, height))
    }
}
