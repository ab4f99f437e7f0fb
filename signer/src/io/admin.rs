//! The admin socket: gRPC for whoever the kernel says is root, this user, or a member of the configured group.
//!
//! A thread of its own, so that a slow reload delays neither a signature nor a scrape. Commands are performed on it, one at a time.
//! HTTP/2 comes from hyper and the gRPC framing from tonic's core; tonic's own server would bring axum with it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::oneshot,
    task::JoinSet,
};
use tonic::{Request, Response, Status as Refusal, body::Body, server::Grpc};
use tonic_prost::ProstCodec;
use tracing::{info, warn};

use crate::{
    admin::{Named, Nothing, path},
    config::AdminConfig,
    io::{command::Commands, dial},
};

/// How long a command's answer may take to leave when the signer ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The socket's thread; it ends when this is dropped.
pub(crate) struct Admin {
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A handler of one call.
struct Call<F>(F);

// === impl Admin ===

impl Admin {
    /// Binds the socket file, private from its first moment; one that nobody answers on is replaced.
    pub(crate) fn bind(config: &AdminConfig) -> io::Result<std::os::unix::net::UnixListener> {
        let path = &config.socket;
        match dial::unix(path) {
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another signer answers on it")),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(_) => {}
        }
        let listener = private_socket(path)?;
        if let Some(group) = config.group {
            std::os::unix::fs::chown(path, None, Some(group))?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        }
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Serves on the bound socket.
    pub(crate) fn start(
        listener: std::os::unix::net::UnixListener,
        config: &AdminConfig,
        commands: Commands,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let group = config.group;
        let thread = std::thread::Builder::new().name("admin".into()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(serve(listener, group, Arc::new(commands), stopped, &ready)),
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok(Self { socket: config.socket.clone(), stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked; there is nothing left to stop.
            let _ = thread.join();
        }
        // The next start would do it too.
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// On Linux a socket file gets the mode of its socket at bind, so there is no moment in which others may connect.
fn private_socket(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    use rustix::{fs::Mode, net};
    let socket =
        net::socket_with(net::AddressFamily::UNIX, net::SocketType::STREAM, net::SocketFlags::CLOEXEC, None)?;
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    net::bind(&socket, &net::SocketAddrUnix::new(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    net::listen(&socket, 16)?;
    Ok(socket.into())
}

async fn serve(
    listener: std::os::unix::net::UnixListener,
    group: Option<u32>,
    commands: Arc<Commands>,
    mut stopped: oneshot::Receiver<()>,
    ready: &mpsc::SyncSender<io::Result<()>>,
) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return drop(ready.send(Err(error))),
    };
    drop(ready.send(Ok(())));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "cannot accept a command");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            _ = &mut stopped => break,
        };
        if let Some(uid) = may_command(&stream, group) {
            connections.spawn(converse(stream, uid, Arc::clone(&commands)));
        }
    }
    // Whoever asked for the end shall hear that it came.
    let _ =
        tokio::time::timeout(LAST_WORDS, async { while connections.join_next().await.is_some() {} }).await;
}

/// The peer's user, if it may command.
fn may_command(stream: &UnixStream, group: Option<u32>) -> Option<u32> {
    let peer = stream.peer_cred().inspect_err(|error| warn!(%error, "a peer without credentials")).ok()?;
    let own = rustix::process::geteuid().as_raw();
    let allowed = peer.uid() == 0 || peer.uid() == own || group == Some(peer.gid());
    if !allowed {
        warn!(uid = peer.uid(), gid = peer.gid(), "a stranger at the admin socket was turned away");
    }
    allowed.then(|| peer.uid())
}

async fn converse(stream: UnixStream, uid: u32, commands: Arc<Commands>) {
    let service = service_fn(move |request| {
        let commands = Arc::clone(&commands);
        async move { Ok::<_, Infallible>(answer(request, uid, &commands).await) }
    });
    // Clients hang up as they like.
    let _ = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(4)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: hyper::Request<Incoming>, uid: u32, commands: &Commands) -> hyper::Response<Body> {
    let asked = request.uri().path().to_owned();
    if asked != path::STATUS {
        info!(uid, command = asked, "an operator's command");
    }
    macro_rules! unary {
        ($handler:expr) => {
            Grpc::new(ProstCodec::default()).unary(Call($handler), request).await
        };
    }
    match asked.as_str() {
        path::STATUS => unary!(|_: Nothing| Ok(commands.status())),
        path::PAUSE => unary!(|named: Named| commands.hold(&named, true)),
        path::RESUME => unary!(|named: Named| commands.hold(&named, false)),
        path::RELOAD => unary!(|_: Nothing| commands.reload()),
        path::DRAIN => unary!(|_: Nothing| Ok(commands.drain())),
        _ => Refusal::unimplemented("there is no such command").into_http(),
    }
}

impl<F, A, B> tonic::server::UnaryService<A> for Call<F>
where
    F: FnMut(A) -> Result<B, Refusal>,
{
    type Response = B;
    type Future = Ready<Result<Response<B>, Refusal>>;

    fn call(&mut self, request: Request<A>) -> Self::Future {
        ready((self.0)(request.into_inner()).map(Response::new))
    }
}
