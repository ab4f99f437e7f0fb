//! The page, the API, the metrics and the probes, over HTTP. Read-only: nothing here changes anything.

use super::follow::Published;
use super::pool::Pool;
use crate::metrics::{self, Snapshot};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::{Stream, StreamExt as _};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

/// The page never asks another host, and no inline script or style runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// No news for this long is blindness, unless the chain is slow.
const BLIND: f64 = 30.0;
/// At most four updates a second, and one every five seconds for the age of the data.
const PAUSE: Duration = Duration::from_millis(250);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// One chain, as the server sees it.
#[derive(Clone, Debug)]
pub struct Served {
    /// What its task published last.
    pub published: watch::Receiver<Published>,
    /// Its endpoints.
    pub pool: Arc<Pool>,
}

#[derive(Debug)]
struct Shared {
    chains: Vec<Served>,
    started: Instant,
}

impl Shared {
    fn snapshots(&self) -> Vec<Snapshot> {
        self.chains.iter().map(|served| self.snapshot(served)).collect()
    }

    fn snapshot(&self, served: &Served) -> Snapshot {
        let Published { view, feed, received } = served.published.borrow().clone();
        let age = received.map(|at| at.elapsed().as_secs_f64());
        let patience = BLIND.max(10.0 * view.block_seconds.unwrap_or(0.0));
        Snapshot {
            blind: age.unwrap_or(self.started.elapsed().as_secs_f64()) > patience,
            chain: Arc::unwrap_or_clone(view),
            sources: served.pool.view(),
            feed,
            data_age_seconds: age,
        }
    }
}

/// Serves until `stop` is ready.
pub async fn serve(
    listener: TcpListener,
    chains: Vec<Served>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let shared = Arc::new(Shared { chains, started: Instant::now() });
    let (stopping, stopped) = watch::channel(false);
    let events = get(move |State(shared): State<Arc<Shared>>| {
        std::future::ready(Sse::new(events(shared, stopped.clone())).keep_alive(KeepAlive::default()))
    });
    let router = Router::new()
        .route("/", get(|| file("text/html; charset=utf-8", include_str!("../page/index.html"))))
        .route("/page.css", get(|| file("text/css; charset=utf-8", include_str!("../page/page.css"))))
        .route("/page.js", get(|| file("text/javascript; charset=utf-8", include_str!("../page/page.js"))))
        .route("/grid.js", get(|| file("text/javascript; charset=utf-8", include_str!("../page/grid.js"))))
        .route("/api/chains", get(|State(s): State<Arc<Shared>>| async move { Json(s.snapshots()) }))
        .route("/api/events", events)
        .route("/metrics", get(exposition))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .layer(axum::middleware::map_response(guard))
        .with_state(shared);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn guard(mut response: Response) -> Response {
    let set: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let set = set.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(HeaderMap::from_iter(set));
    response
}

fn file(kind: &'static str, text: &'static str) -> std::future::Ready<Response> {
    std::future::ready(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn exposition(State(shared): State<Arc<Shared>>) -> Response {
    let text = metrics::exposition(env!("CARGO_PKG_VERSION"), &shared.snapshots());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Ready: every chain has current data.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let blind: Vec<_> = shared
        .snapshots()
        .into_iter()
        .filter(|s| s.blind || s.chain.counted_height.is_none())
        .map(|s| format!("{}: no current blocks\n", s.chain.chain_id))
        .collect();
    if blind.is_empty() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, blind.concat()).into_response()
    }
}

/// All chains at once, whenever one of them changes. Ends when the daemon stops, so that it can.
fn events(
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut seen: Vec<_> = shared.chains.iter().map(|c| c.published.clone()).collect();
    seen.iter_mut().for_each(watch::Receiver::mark_changed);
    let updates = futures_util::stream::unfold((shared, seen), |(shared, mut seen)| async move {
        let changed = futures_util::future::select_all(seen.iter_mut().map(|r| Box::pin(r.changed())));
        let _ = tokio::time::timeout(HEARTBEAT, changed).await;
        for receiver in &mut seen {
            receiver.mark_unchanged();
        }
        let event = Event::default().event("chains").json_data(shared.snapshots());
        tokio::time::sleep(PAUSE).await;
        Some((Ok(event.unwrap_or_default()), (shared, seen)))
    });
    updates.take_until(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    })
}
