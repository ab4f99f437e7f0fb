//! For Prometheus, and for whoever restarts containers: `/metrics`, `/livez`, `/readyz`.

use super::Shared;
use crate::metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// What Prometheus scrapes.
pub(super) fn metrics() -> Router<Arc<Shared>> {
    Router::new().route("/metrics", get(exposition))
}

/// What needs no token, whatever the page needs.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/livez", get(|| async { "ok\n" })).route("/readyz", get(ready))
}

async fn exposition(State(shared): State<Arc<Shared>>) -> Response {
    let mut text = metrics::exposition(env!("CARGO_PKG_VERSION"), &shared.snapshots());
    text += &metrics::pushed(&shared.pushed.borrow());
    text += &metrics::alerts(&shared.desk.board().borrow());
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
