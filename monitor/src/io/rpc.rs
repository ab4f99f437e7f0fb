//! One CometBFT RPC endpoint: requests out, checked answers in. Every request has a deadline and every answer a limit.

use super::http::{Answer, HttpFailure};
use super::reach::Reach;
use super::source::{Fault, patience};
use crate::decode::{self, DecodeError};
use crate::event::{Block, Claims};
use crate::health::Class;
use crate::light::{self, Ids, Untrue};
use crate::set::Set;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::rpc;
use serde::Deserialize;
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
    #[error("every endpoint is put aside, or asked for less traffic")]
    NoneLeft,
    /// Endpoints contradict each other.
    #[error("endpoints say different things of the state after height {height}, and there is no majority")]
    Disputed {
        /// Of which state.
        height: i64,
    },
    /// An HTTP error without a JSON-RPC answer in it.
    #[error("HTTP status {0}")]
    Status(u16),
    /// It asks for less traffic.
    #[error("HTTP status {status}: wants no request for {} s", .patience.as_secs())]
    Limited {
        /// 429 or 503.
        status: u16,
        /// For how long.
        patience: Duration,
    },
    /// A refusal by the node.
    #[error(transparent)]
    Node(#[from] rpc::RpcError),
    /// An answer that cannot be true.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// An answer that contradicts its own hashes.
    #[error(transparent)]
    Untrue(#[from] Untrue),
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

#[derive(Deserialize)]
struct Headers {
    #[serde(default, deserialize_with = "rpc::number::nullable")]
    block_metas: Vec<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    block_id: rpc::BlockId,
    header: rpc::Header,
}

/// A client of one endpoint; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    reach: Reach,
}

impl RpcFailure {
    /// Whether endpoints contradict each other: then none of them is believed, not over another way either.
    pub fn is_disputed(&self) -> bool {
        matches!(self, Self::Disputed { .. })
    }
}

impl Fault for RpcFailure {
    fn class(&self) -> Class {
        match self {
            Self::Http(HttpFailure::Unreachable(_)) => Class::Unreachable,
            Self::Http(HttpFailure::Timeout(_)) => Class::Timeout,
            Self::Http(HttpFailure::TooLarge(_)) => Class::TooLarge,
            Self::Status(_) => Class::Http,
            Self::Limited { .. } | Self::NoneLeft => Class::RateLimited,
            Self::Node(error) if lowest(&error.data).is_some() || is_ahead(&error.data) => Class::Unavailable,
            Self::Node(_) | Self::App { .. } => Class::Refused,
            Self::Untrue(_) | Self::Disputed { .. } | Self::Decode(DecodeError::Chain { .. }) => {
                Class::Foreign
            }
            Self::Decode(_) => Class::Garbage,
        }
    }

    fn patience(&self) -> Option<Duration> {
        match self {
            Self::Limited { patience, .. } => Some(*patience),
            _ => None,
        }
    }

    fn lowest(&self) -> Option<i64> {
        match self {
            Self::Node(error) => lowest(&error.data),
            _ => None,
        }
    }
}

/// `height 5 is not available, lowest height is 9`
fn lowest(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("lowest height is ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// `height 9 must be less than or equal to the current blockchain height 5`
fn is_ahead(text: &str) -> bool {
    text.contains("must be less than or equal to the current")
        || text.contains("can't be greater than max height")
}

impl Client {
    /// A client; nothing is connected yet.
    pub fn new(reach: Reach) -> Self {
        Self { reach }
    }

    /// Where it asks.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    async fn call<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, RpcFailure> {
        let Answer { status, headers, body } = self.exchange(method, params).await?;
        if let Some(patience) = patience(status, &headers) {
            return Err(RpcFailure::Limited { status, patience });
        }
        let envelope: Result<rpc::Envelope<T>, _> = decode::json(method, &body);
        match envelope {
            Ok(envelope) => Ok(envelope.into_result()?),
            Err(_) if status != 200 => Err(RpcFailure::Status(status)),
            Err(error) => Err(error.into()),
        }
    }

    async fn exchange(&self, method: &str, params: Value) -> Result<Answer, RpcFailure> {
        let body = serde_json::to_vec(&rpc::Request::new(1, method, params)).unwrap_or_default();
        let request = self.reach.request(hyper::Method::POST, "/").header("content-type", "application/json");
        Ok(self.reach.send(request, body, TIMEOUT, LARGEST).await?)
    }

    /// Where the node stands.
    pub async fn status(&self) -> Result<rpc::Status, RpcFailure> {
        self.call("status", json!({})).await
    }

    /// The block of `height`, checked to be of `chain_id`.
    pub async fn block(&self, chain_id: &str, height: i64) -> Result<(Block, Ids), RpcFailure> {
        let answer: rpc::BlockAnswer = self.call("block", json!({ "height": height.to_string() })).await?;
        let Some(block) = answer.block else {
            return Err(DecodeError::Shape { what: "block", reason: "it is null".into() }.into());
        };
        let ids = light::ids(&block, Some(&answer.block_id.hash));
        let block = decode::block(chain_id, &block)?;
        if block.height != height {
            return Err(DecodeError::Height { found: block.height, expected: height }.into());
        }
        Ok((block, ids))
    }

    /// Id of the block of `height`, in upper-case hex. Costs the node little, unlike the block.
    pub async fn block_hash(&self, height: i64) -> Result<String, RpcFailure> {
        let params = json!({ "minHeight": height.to_string(), "maxHeight": height.to_string() });
        let answer: Headers = self.call("blockchain", params).await?;
        let found = answer.block_metas.into_iter().find(|m| m.header.height == height);
        let missing = || DecodeError::Shape { what: "blockchain", reason: "the header is not in it".into() };
        Ok(found.ok_or_else(missing)?.block_id.hash)
    }

    /// The signatures for the block of `height` that the node has.
    pub async fn commit(&self, height: i64) -> Result<rpc::Commit, RpcFailure> {
        let answer: rpc::CommitAnswer = self.call("commit", json!({ "height": height.to_string() })).await?;
        Ok(answer.signed_header.commit)
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
