//! The websocket: new blocks as they happen, from the endpoint that is first at the time of connecting.
//!
//! A node cancels slow subscribers with an error reply on a socket that stays open, and a dead node may leave it open
//! and silent: both end the connection here, and polling carries on meanwhile.

use super::pool::Pool;
use crate::event::Block;
use crate::live::{self, LiveError};
use comet::rpc;
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{self, Message};

/// How long to wait for the connection and the subscription.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a silent subscription is compared with the other endpoints.
const SILENCE: Duration = Duration::from_secs(10);
const BACKOFF: [u64; 5] = [500, 1000, 2000, 5000, 10_000];

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum FeedFailure {
    #[error("every endpoint is of another chain")]
    NoEndpoint,
    #[error("no connection within {} s", CONNECT.as_secs())]
    Timeout,
    #[error(transparent)]
    Socket(#[from] Box<tungstenite::Error>),
    #[error(transparent)]
    Message(#[from] LiveError),
    #[error("the node closed the connection")]
    Closed,
    #[error("silent at height {seen} while the chain is at {tip}")]
    Stale { seen: i64, tip: i64 },
    #[error("nobody reads any more")]
    Unread,
}

/// Keeps a subscription alive until the receiver is gone.
pub async fn run(chain_id: String, pool: Arc<Pool>, blocks: mpsc::Sender<Block>) {
    let mut failures = 0;
    loop {
        let error = match connected(&chain_id, &pool, &blocks, &mut failures).await {
            Ok(never) => match never {},
            Err(FeedFailure::Unread) => return,
            Err(error) => error,
        };
        pool.set_streaming(false);
        tracing::debug!(chain = %chain_id, %error, "websocket ended, polling meanwhile");
        let pause = BACKOFF[failures.min(BACKOFF.len() - 1)];
        failures += 1;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

async fn connected(
    chain_id: &str,
    pool: &Pool,
    blocks: &mpsc::Sender<Block>,
    failures: &mut usize,
) -> Result<std::convert::Infallible, FeedFailure> {
    let client = pool.order().into_iter().next().ok_or(FeedFailure::NoEndpoint)?;
    let endpoint = client.endpoint();
    let url = format!("ws://{}{}/websocket", endpoint.authority, endpoint.path);
    let connect = tokio::time::timeout(CONNECT, tokio_tungstenite::connect_async(url));
    let (mut socket, _) = connect.await.map_err(|_| FeedFailure::Timeout)?.map_err(Box::new)?;
    let subscribe = rpc::Request::new(1, "subscribe", serde_json::json!({ "query": "tm.event='NewBlock'" }));
    let subscribe = serde_json::to_string(&subscribe).unwrap_or_default();
    socket.send(Message::text(subscribe)).await.map_err(Box::new)?;
    let mut seen = 0;
    loop {
        let message = match tokio::time::timeout(SILENCE, socket.next()).await {
            Ok(Some(message)) => message.map_err(Box::new)?,
            Ok(None) => return Err(FeedFailure::Closed),
            Err(_) => match pool.tip() {
                Some(tip) if tip > seen + 1 => return Err(FeedFailure::Stale { seen, tip }),
                _ => continue,
            },
        };
        let text = match &message {
            Message::Text(text) => text.as_bytes(),
            Message::Close(_) => return Err(FeedFailure::Closed),
            _ => continue,
        };
        if let Some(block) = live::read(chain_id, text)? {
            pool.set_streaming(true);
            pool.saw(&endpoint.authority, block.height);
            *failures = 0;
            seen = block.height;
            blocks.send(block).await.map_err(|_| FeedFailure::Unread)?;
        }
    }
}
