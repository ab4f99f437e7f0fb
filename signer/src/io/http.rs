//! `/metrics`, `/livez` and `/readyz`, on a thread of their own: a stuck scrape delays no signature.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Bytes, body::Incoming, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tracing::warn;

/// What the endpoints tell.
pub(crate) trait Tells: Send + Sync + 'static {
    /// `/metrics`.
    fn exposition(&self) -> String;
    /// What is not as it should be; `/readyz` is good without any.
    fn troubles(&self) -> Vec<String>;
}

/// The endpoints' thread; it ends when this is dropped.
pub(crate) struct Endpoints {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Endpoints ===

impl Endpoints {
    /// Serves on a bound listener.
    pub(crate) fn start(listener: TcpListener, status: Arc<impl Tells>) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("endpoints".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(serve(listener, status, stopped, &ready)),
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        is_ready.recv().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    status: Arc<impl Tells>,
    mut stopped: oneshot::Receiver<()>,
    ready: &mpsc::SyncSender<std::io::Result<()>>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return drop(ready.send(Err(error))),
    };
    drop(ready.send(Ok(())));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "cannot accept a scrape");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            _ = &mut stopped => return,
        };
        let status = Arc::clone(&status);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = respond(&request, &*status);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service);
            // Scrapers hang up as they like.
            let _ = connection.await;
        });
    }
}

fn respond(request: &Request<Incoming>, status: &impl Tells) -> Response<Full<Bytes>> {
    let (code, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, "text/plain; version=0.0.4", status.exposition()),
        (&Method::GET, "/livez") => (StatusCode::OK, "text/plain", "ok\n".into()),
        (&Method::GET, "/readyz") => match status.troubles() {
            troubles if troubles.is_empty() => (StatusCode::OK, "text/plain", "ok\n".into()),
            troubles => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", troubles.join("\n") + "\n"),
        },
        _ => (StatusCode::NOT_FOUND, "text/plain", "there are /metrics, /livez and /readyz\n".into()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
