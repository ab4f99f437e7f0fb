//! A node's RPC, as far as the signer asks it anything: `/commit`, over plain HTTP/1.1, and nothing else.
//!
//! No TLS, because the node that asks for signatures is on this machine or behind the same WireGuard; no keep-alive, no
//! redirects, no proxies. Every answer is bounded in size and every question in time: whatever sits at that
//! address, it delays a look and nothing more.

use std::time::Duration;

use comet::rpc::{CommitAnswer, RpcError, SignedHeader};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use thiserror::Error;

use crate::config::RpcUrl;

/// Largest answer: a commit of 10,000 validators has 3 MiB.
const MAX: usize = 4 << 20;

/// Why a node gave no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Not HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// Not within the time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// Not 200, and no JSON with an error in it.
    #[error("status {0}")]
    Status(StatusCode),
    /// Longer than [`MAX`], or broken off.
    #[error("its answer is longer than {MAX} bytes, or broken off")]
    Body,
    /// No JSON of this shape.
    #[error("its answer is not that of a CometBFT RPC: {0}")]
    Shape(String),
    /// The node's own error.
    #[error(transparent)]
    Node(#[from] RpcError),
    /// The node of another chain.
    #[error("it is a node of chain {found:?}")]
    OtherChain {
        /// From its newest header.
        found: String,
    },
}

/// `/commit` of one height, or of the newest with `None`. `Ok(None)` where the chain has no block.
pub fn commit(
    url: &RpcUrl,
    chain_id: &str,
    height: Option<i64>,
    limit: Duration,
) -> Result<Option<SignedHeader>, AskError> {
    let path = height.map_or_else(|| "/commit".into(), |height| format!("/commit?height={height}"));
    let Some(answer) = ask::<CommitAnswer>(url, &path, limit)? else { return Ok(None) };
    let signed = answer.signed_header;
    if signed.header.chain_id != chain_id {
        return Err(AskError::OtherChain { found: signed.header.chain_id.chars().take(64).collect() });
    }
    if signed.commit.height != signed.header.height
        || height.is_some_and(|asked| asked != signed.commit.height)
    {
        return Err(AskError::Shape("the commit is for another height".into()));
    }
    Ok(Some(signed))
}

/// The lowest height that a node has, from the words with which it refuses a lower one.
pub fn lowest(error: &AskError) -> Option<i64> {
    let AskError::Node(error) = error else { return None };
    let text = format!("{} {}", error.message, error.data);
    let digits = text.split("lowest height is ").nth(1)?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn ask<T: serde::de::DeserializeOwned>(
    url: &RpcUrl,
    path: &str,
    limit: Duration,
) -> Result<Option<T>, AskError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let got = runtime.block_on(async {
        tokio::time::timeout(limit, get(url, path)).await.map_err(|_| AskError::Timeout(limit))?
    });
    // A name server that hangs is asked on a thread that nobody waits for.
    runtime.shutdown_background();
    let (status, body) = got?;
    let envelope: Value = match serde_json::from_slice(&body) {
        Ok(envelope) => envelope,
        Err(_) if status != StatusCode::OK => return Err(AskError::Status(status)),
        Err(error) => return Err(AskError::Shape(error.to_string())),
    };
    if let Some(error) = envelope.get("error").filter(|error| !error.is_null()) {
        let error: RpcError = serde_json::from_value(error.clone()).map_err(shape)?;
        return Err(error.into());
    }
    // "No block yet" is a fact that lets signatures pass, so a bare `{}` must not mean it: null has to stand there.
    match envelope.get("result") {
        _ if status != StatusCode::OK => Err(AskError::Status(status)),
        Some(Value::Null) if envelope.get("jsonrpc").is_some() => Ok(None),
        Some(result) => Ok(Some(T::deserialize(result).map_err(shape)?)),
        None => Err(AskError::Shape("it has neither result nor error".into())),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn shape(error: serde_json::Error) -> AskError {
    AskError::Shape(error.to_string())
}

async fn get(url: &RpcUrl, path: &str) -> Result<(StatusCode, Bytes), AskError> {
    let stream = tokio::net::TcpStream::connect(&url.authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the runtime, and its errors are the sender's.
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::get(format!("{}{path}", url.path))
        .header(header::HOST, &url.authority)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| AskError::Shape(error.to_string()))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX).collect().await.map_err(|error| {
        debug_assert!(error.is::<LengthLimitError>() || error.is::<hyper::Error>());
        AskError::Body
    })?;
    Ok((status, body.to_bytes()))
}
