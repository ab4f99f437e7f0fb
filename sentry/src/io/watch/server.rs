//! Metrics, health and the redacted findings over TCP; the findings whole over a unix socket that only its owner opens.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State as Of;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::now;
use crate::watch::metrics;
use crate::watch::view::{State, findings};

type Shared = Arc<watch::Sender<State>>;

/// Serves strangers until `stop` is ready. A last result older than `longest` is none.
pub(super) async fn public(
    listener: TcpListener,
    state: Shared,
    longest: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let ready = move |Of(state): Of<Shared>| std::future::ready(ready(&state.borrow(), longest));
    let router = Router::new()
        .route("/metrics", get(async |Of(state): Of<Shared>| exposition(&state.borrow())))
        .route("/findings", get(async |Of(state): Of<Shared>| document(&state.borrow(), false)))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(state);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Serves the operator until `stopped` says so.
pub(super) async fn details(listener: UnixListener, state: Shared, mut stopped: watch::Receiver<bool>) {
    let router = Router::new()
        .route("/findings", get(async |Of(state): Of<Shared>| document(&state.borrow(), true)))
        .with_state(state);
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the details are no longer served");
    }
}

/// A socket at `path`, in the place of one that a former run left. It never stands there with another mode than 0600.
pub(super) fn socket(path: &Path) -> std::io::Result<UnixListener> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let private = dir.join(format!(".palisade-sentry.{}", std::process::id()));
    std::fs::DirBuilder::new().create(&private)?;
    let made = (|| {
        set_permissions(&private, Permissions::from_mode(0o700))?;
        let inner = private.join("s");
        let listener = UnixListener::bind(&inner)?;
        set_permissions(&inner, Permissions::from_mode(0o600))?;
        std::fs::rename(&inner, path)?;
        Ok(listener)
    })();
    // Empty now, or with what could not be moved; the first error says more.
    let _ = std::fs::remove_dir_all(&private);
    made
}

fn exposition(state: &State) -> Response {
    let text = metrics::exposition(env!("CARGO_PKG_VERSION"), state, now());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn document(state: &State, whole: bool) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (kind, findings(state, whole)).into_response()
}

/// Ready: the last run came to a result, and it is not too old.
fn ready(state: &State, longest: Duration) -> Response {
    let fresh =
        state.good_at.is_some_and(|at| now().saturating_sub(at).unsigned_abs() <= longest.as_secs().max(60));
    let text = match state.run.as_ref().map(|run| run.error.is_none()) {
        None => "no audit has ended yet\n",
        Some(false) => "the last audit came to no result\n",
        Some(true) if !fresh => "the last result is too old\n",
        Some(true) => return "ok\n".into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}
