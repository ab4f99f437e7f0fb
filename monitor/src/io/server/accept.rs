//! Takes connections in: a bounded number of them, each with a handshake and a time limit for its head, so that slow or
//! many strangers keep nobody out for long. Chains, TLS and tokens may change while it runs.

use super::door::{Door, Duplex};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::Cursor;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Connections at once; each browser tab keeps one.
const CONNECTIONS: usize = 512;
/// For the head of a request, its first byte included.
const HEAD: Duration = Duration::from_secs(10);
/// What answers may still take once the daemon stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Its address, for counting failures.
    pub ip: IpAddr,
}

/// Serves until `stop` is ready.
pub(super) async fn run(
    listener: TcpListener,
    door: watch::Receiver<Arc<Door>>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let permit = tokio::select! {
            () = &mut stop => break,
            permit = room.clone().acquire_owned() => permit,
            Some(_) = connections.join_next() => continue,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors: those who are here will leave.
                tracing::debug!(%error, "a connection to the page was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (door, router) = (door.borrow().clone(), router.clone());
        connections.spawn(async move {
            converse(&door, stream, Peer { ip: peer.ip() }, router).await;
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, rest).await;
    connections.shutdown().await;
}

async fn converse(door: &Door, stream: TcpStream, peer: Peer, router: Router) {
    let (stream, speaks_http2) = match door.welcome(stream).await {
        Ok(welcomed) => welcomed,
        Err(error) => {
            tracing::debug!(peer = %peer.ip, %error, "no handshake with the page");
            return;
        }
    };
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let service = TowerToHyperService::new(service);
    // Not hyper-util's guess at the version: it waits for as long as a silent stranger likes.
    if speaks_http2 {
        let Ok(Ok(stream)) = tokio::time::timeout(HEAD, greeted(stream)).await else { return };
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(Some(HEAD)).max_concurrent_streams(32);
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    }
}

/// The connection once the other side has said that it speaks HTTP/2.
async fn greeted(mut stream: Box<dyn Duplex>) -> std::io::Result<impl AsyncRead + AsyncWrite + Unpin> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    let (reader, writer) = tokio::io::split(stream);
    Ok(tokio::io::join(Cursor::new(preface).chain(reader), writer))
}
