//! One REST endpoint of a Cosmos SDK node: the LCD of 0.39, the gRPC gateway since. Bytes in; what they mean is read elsewhere.

use super::http::HttpFailure;
use super::reach::Reach;
use super::source::{Fault, patience};
use crate::health::Class;
use hyper::body::Bytes;
use serde::Deserialize;
use std::time::Duration;

const HEIGHT: &str = "x-cosmos-block-height";
const TIMEOUT: Duration = Duration::from_secs(10);
/// A page of 200 validators is 400 KB.
const LARGEST: usize = 16 * 1024 * 1024;
/// Where the latest block is: gateway, LCD.
const LATEST: [&str; 2] = ["/cosmos/base/tendermint/v1beta1/blocks/latest", "/blocks/latest"];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RestFailure {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpFailure),
    /// The node has no such route, or no such thing.
    #[error("HTTP status {status}: {text}")]
    Status {
        /// HTTP status.
        status: u16,
        /// What it says, shortened: hostile text.
        text: String,
    },
    /// It asks for less traffic.
    #[error("HTTP status {status}: wants no request for {} s", .patience.as_secs())]
    Limited {
        /// 429 or 503.
        status: u16,
        /// For how long.
        patience: Duration,
    },
    /// Not JSON of the expected shape.
    #[error("the answer is not a block: {0}")]
    Shape(String),
    /// No endpoint may be asked now.
    #[error("no REST endpoint may be asked now")]
    NoneLeft,
}

impl Fault for RestFailure {
    fn class(&self) -> Class {
        match self {
            Self::Http(HttpFailure::Unreachable(_)) => Class::Unreachable,
            Self::Http(HttpFailure::Timeout(_)) => Class::Timeout,
            Self::Http(HttpFailure::TooLarge(_)) => Class::TooLarge,
            Self::Status { status: 400..=404 | 500 | 501, .. } => Class::Refused,
            Self::Status { .. } => Class::Http,
            Self::Limited { .. } | Self::NoneLeft => Class::RateLimited,
            Self::Shape(_) => Class::Garbage,
        }
    }

    fn patience(&self) -> Option<Duration> {
        match self {
            Self::Limited { patience, .. } => Some(*patience),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Latest {
    block: Block,
}

#[derive(Deserialize)]
struct Block {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    chain_id: String,
    #[serde(deserialize_with = "comet::rpc::number::lenient")]
    height: i64,
}

/// A client of one endpoint; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Reach);

impl Client {
    /// A client; nothing is connected yet.
    pub fn new(reach: Reach) -> Self {
        Self(reach)
    }

    /// `GET path`, of the state at `height` (0 = latest); with the height that the node says it answered for.
    pub async fn get(&self, path: &str, height: i64) -> Result<(Bytes, Option<i64>), RestFailure> {
        let mut request = self.0.request(hyper::Method::GET, path);
        if height > 0 {
            request = request.header(HEIGHT, height);
        }
        let answer = self.0.send(request, Vec::new(), TIMEOUT, LARGEST).await?;
        if let Some(patience) = patience(answer.status, &answer.headers) {
            return Err(RestFailure::Limited { status: answer.status, patience });
        }
        if answer.status != 200 {
            let text =
                String::from_utf8_lossy(&answer.body).chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(RestFailure::Status { status: answer.status, text });
        }
        let said = ["grpc-metadata-x-cosmos-block-height", HEIGHT];
        let at = said.iter().find_map(|name| answer.headers.get(*name)?.to_str().ok()?.parse().ok());
        Ok((answer.body, at))
    }

    /// Chain id and height of the latest block.
    pub async fn latest(&self) -> Result<(String, i64), RestFailure> {
        let body = match self.get(LATEST[0], 0).await {
            Err(RestFailure::Status { status: 404 | 501, .. }) => self.get(LATEST[1], 0).await?.0,
            answer => answer?.0,
        };
        let latest: Latest = serde_json::from_slice(&body).map_err(|e| RestFailure::Shape(e.to_string()))?;
        Ok((latest.block.header.chain_id, latest.block.header.height))
    }
}
