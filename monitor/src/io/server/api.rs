//! What the page and scripts ask once, as JSON. Read-only.

use super::Shared;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/api/chains", get(|State(s): State<Arc<Shared>>| async move { Json(s.snapshots()) }))
}
