//! The websocket: new blocks as they happen, from the endpoint that is first at the time of connecting.
//!
//! A node cancels slow subscribers with an error reply on a socket that stays open, and a dead node may leave it open
//! and silent: both end the connection here, and polling carries on meanwhile.

use super::follow::Seen;
use super::pool::Pool;
use super::reach::Reach;
use crate::live::{self, LiveError};
use comet::rpc;
use futures_util::{SinkExt as _, StreamExt as _};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

/// How long to wait for the connection and the subscription.
const CONNECT: Duration = Duration::from_secs(5);
/// How often, at least, a silent subscription is compared with the other endpoints.
const SILENCE: Duration = Duration::from_secs(10);
/// Blocks whose intervals say how fast the chain is.
const PACE: usize = 8;
const BACKOFF: [u64; 5] = [500, 1000, 2000, 5000, 10_000];

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum FeedFailure {
    #[error("every endpoint is of another chain")]
    NoEndpoint,
    #[error("no connection within {} s", CONNECT.as_secs())]
    Timeout,
    #[error(transparent)]
    Connect(#[from] std::io::Error),
    #[error(transparent)]
    Name(#[from] InvalidDnsNameError),
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
pub async fn run(chain_id: String, pool: Arc<Pool>, blocks: mpsc::Sender<Seen>) {
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

/// Three intervals, at least a second.
fn patience(times: &VecDeque<Instant>) -> Duration {
    let (Some(first), Some(last)) = (times.front(), times.back()) else { return SILENCE };
    match u32::try_from(times.len() - 1) {
        Ok(intervals) if intervals > 1 => ((*last - *first) * 3 / intervals).max(Duration::from_secs(1)),
        _ => SILENCE,
    }
}

/// A plain or a TLS connection under a websocket.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(reach: &Reach) -> Result<WebSocketStream<Box<dyn Stream>>, FeedFailure> {
    let endpoint = reach.endpoint();
    let scheme = if endpoint.tls { "wss" } else { "ws" };
    let url = reach.url("/websocket");
    let url = format!("{scheme}{}", url.trim_start_matches("https").trim_start_matches("http"));
    let mut request = url.into_client_request().map_err(Box::new)?;
    if let Some((name, value)) = reach.header() {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    let tcp = TcpStream::connect(&endpoint.authority).await?;
    tcp.set_nodelay(true)?;
    let stream: Box<dyn Stream> = if endpoint.tls {
        let name = ServerName::try_from(endpoint.host().to_owned())?;
        Box::new(TlsConnector::from(reach.http().tls().clone()).connect(name, tcp).await?)
    } else {
        Box::new(tcp)
    };
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await.map_err(Box::new)?;
    Ok(socket)
}

async fn connected(
    chain_id: &str,
    pool: &Pool,
    blocks: &mpsc::Sender<Seen>,
    failures: &mut usize,
) -> Result<std::convert::Infallible, FeedFailure> {
    let source = pool.order(0).into_iter().next().ok_or(FeedFailure::NoEndpoint)?;
    let reach = source.client.reach();
    let mut socket =
        tokio::time::timeout(CONNECT, connect(reach)).await.map_err(|_| FeedFailure::Timeout)??;
    let subscribe = rpc::Request::new(1, "subscribe", serde_json::json!({ "query": "tm.event='NewBlock'" }));
    let subscribe = serde_json::to_string(&subscribe).unwrap_or_default();
    socket.send(Message::text(subscribe)).await.map_err(Box::new)?;
    let mut seen = pool.tip().unwrap_or(0);
    let mut times = VecDeque::new();
    loop {
        // A block is late after three intervals; then the other endpoints are asked what they see.
        let late = SILENCE.min(patience(&times));
        let message = match tokio::time::timeout(late, socket.next()).await {
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
        if let Some((block, ids)) = live::read(chain_id, text)? {
            pool.set_streaming(true);
            pool.saw(source.name(), block.height);
            times.push_back(Instant::now());
            times.drain(..times.len().saturating_sub(PACE));
            *failures = 0;
            seen = block.height;
            let name = source.name().to_owned();
            let seen = Seen { block, ids, source: name.clone(), teller: name };
            blocks.send(seen).await.map_err(|_| FeedFailure::Unread)?;
        }
    }
}
