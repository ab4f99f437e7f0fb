//! Serves a device as Yubico's connector does, so that the operator's tools reach it while the signer holds it.
//!
//! `GET /connector/status`, `POST /connector/api`, on a unix socket or a loopback address. A client needs an authentication key
//! for anything it wants of the device, but not for being a nuisance; so it is kept away from the signer: it can touch none of
//! the signer's sessions, has half of the device's sessions at most, and its commands go one at a time.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs, io,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
    task,
};
use tracing::{debug, info, warn};

use crate::{
    config::Connector,
    io::key::yubihsm::{
        lane::{Lane, lock},
        transport::{self, Transport, TransportError},
    },
    yubihsm::{
        frame::{self, MAX_REPLY},
        refusal::Refusal,
    },
};

/// Sessions that clients may have at a time, of the device's 16.
const MOST_SESSIONS: usize = 8;
/// The device forgets a session after this silence.
const IDLE: Duration = Duration::from_secs(30);
/// Longest command of a client: making a key takes some tenths of a second, a reset some seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A device being served; it ends when this is dropped.
pub struct Served {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    address: String,
    socket: Option<PathBuf>,
}

enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// What all clients share.
struct Desk {
    lane: Arc<Lane>,
    wire: Mutex<Wire>,
    address: String,
}

struct Wire {
    transport: Box<dyn Transport>,
    /// Sessions of clients, and when they were used last.
    sessions: BTreeMap<u8, Instant>,
}

/// Serves the device behind `connector` until the process ends or the answer is dropped.
pub fn serve_connector(at: &Connector, connector: &Connector) -> io::Result<Served> {
    serve(at, &Lane::of(connector))
}

pub(super) fn serve(at: &Connector, lane: &Arc<Lane>) -> io::Result<Served> {
    let lane = Arc::clone(lane);
    let at = at.clone();
    let socket = match &at {
        Connector::Unix { path } => Some(path.clone()),
        _ => None,
    };
    let (stop, stopped) = oneshot::channel();
    let (ready, is_ready) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("hsm-connector".into()).spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
        match runtime {
            Ok(runtime) => runtime.block_on(async {
                match Listener::bind(&at) {
                    Ok((listener, address)) => {
                        drop(ready.send(Ok(address.clone())));
                        let wire = Wire { transport: transport::open(&lane), sessions: BTreeMap::new() };
                        let desk = Arc::new(Desk { lane, wire: Mutex::new(wire), address });
                        tokio::select! {
                            () = listener.run(&desk) => {}
                            _ = stopped => {}
                        }
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            }),
            Err(error) => drop(ready.send(Err(error))),
        }
    })?;
    let address = is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
    info!(listen = address, "hsm served as a connector");
    Ok(Served { stop: Some(stop), thread: Some(thread), address, socket })
}

// === impl Served ===

impl Served {
    /// Where it is served: `http://…` or `unix://…`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(socket) = &self.socket {
            // Gone already is fine.
            let _ = fs::remove_file(socket);
        }
        // A command under way ends by itself; nobody waits for it.
        drop(self.thread.take());
    }
}

// === impl Listener ===

impl Listener {
    fn bind(at: &Connector) -> io::Result<(Self, String)> {
        match at {
            Connector::Unix { path } => {
                // What a killed process left; a live one would answer.
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    return Err(io::ErrorKind::AddrInUse.into());
                }
                let _ = fs::remove_file(path);
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
                listener.set_nonblocking(true)?;
                Ok((Self::Unix(tokio::net::UnixListener::from_std(listener)?), at.to_string()))
            }
            Connector::Http { host, port } => {
                let listener = TcpListener::bind((host.as_str(), *port))?;
                listener.set_nonblocking(true)?;
                let address = format!("http://{}", listener.local_addr()?);
                Ok((Self::Tcp(tokio::net::TcpListener::from_std(listener)?), address))
            }
            Connector::Usb { .. } => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    async fn run(&self, desk: &Arc<Desk>) {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| answer(stream, desk)),
                Self::Unix(listener) => listener.accept().await.map(|(stream, _)| answer(stream, desk)),
            };
            if let Err(error) = accepted {
                warn!(%error, "cannot accept a client of the hsm");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, desk: &Arc<Desk>) {
    let desk = Arc::clone(desk);
    tokio::spawn(async move {
        let service = service_fn(move |request| {
            let desk = Arc::clone(&desk);
            async move { Ok::<_, Infallible>(respond(request, desk).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service);
        // Clients hang up as they like.
        let _ = connection.await;
    });
}

async fn respond(request: Request<Incoming>, desk: Arc<Desk>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/connector/status") => (StatusCode::OK, "text/plain", desk.status().into_bytes()),
        (&Method::POST, "/connector/api") => {
            let read =
                tokio::time::timeout(IDLE, Limited::new(request.into_body(), MAX_REPLY).collect()).await;
            let done = match read {
                Ok(Ok(body)) => {
                    let frame = body.to_bytes();
                    task::spawn_blocking(move || desk.exchange(&frame)).await.unwrap_or(Err(None))
                }
                _ => Err(None),
            };
            match done {
                Ok(reply) => (StatusCode::OK, "application/octet-stream", reply),
                Err(None) => {
                    (StatusCode::BAD_REQUEST, "text/plain", b"not a message for a device\n".to_vec())
                }
                Err(Some(error)) => {
                    debug!(%error, "a client of the hsm got no answer");
                    (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("{error}\n").into_bytes())
                }
            }
        }
        _ => (StatusCode::NOT_FOUND, "text/plain", b"/connector/status, /connector/api\n".to_vec()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

// === impl Desk ===

impl Desk {
    /// The lines that Yubico's tools look for.
    fn status(&self) -> String {
        let serial = match self.lane.connector() {
            Connector::Usb { serial: Some(serial) } => serial.to_string(),
            _ => "*".into(),
        };
        let (host, port) =
            self.address.trim_start_matches("http://").rsplit_once(':').unwrap_or((&self.address, "0"));
        let version = env!("CARGO_PKG_VERSION");
        let pid = std::process::id();
        format!("status=OK\nserial={serial}\nversion={version}\npid={pid}\naddress={host}\nport={port}\n")
    }

    /// One frame of a client; no error at all for what is no frame.
    fn exchange(&self, message: &[u8]) -> Result<Vec<u8>, Option<TransportError>> {
        if !frame::is_whole(message) {
            return Err(None);
        }
        let session = frame::session_of(message);
        if session.is_some_and(|id| self.lane.is_reserved(id)) {
            return Ok(frame::refusal(Refusal::INVALID_SESSION));
        }
        let mut wire = lock(&self.wire);
        let now = Instant::now();
        wire.sessions.retain(|_, used| now.saturating_duration_since(*used) < IDLE);
        if session.is_none() && message[0] == crate::yubihsm::command::CREATE_SESSION {
            if wire.sessions.len() >= MOST_SESSIONS {
                return Ok(frame::refusal(Refusal::SESSIONS_FULL));
            }
        } else if let Some(used) = session.and_then(|id| wire.sessions.get_mut(&id)) {
            *used = now;
        }
        let reply = wire.transport.exchange(message, now + PATIENCE).map_err(Some)?;
        if let Some(made) = frame::session_made_by(message, &reply) {
            wire.sessions.insert(made, now);
        }
        Ok(reply)
    }
}
