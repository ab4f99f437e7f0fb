//! What the page and scripts ask once, as JSON. Read-only.

use super::super::follow::Question;
use super::{Served, Shared};
use crate::view::ValidatorView;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use comet::key::Address;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/overview", get(|State(s): State<Arc<Shared>>| async move { Json(s.summaries()) }))
        .route("/api/chains", get(|State(s): State<Arc<Shared>>| async move { Json(s.snapshots()) }))
        .route("/api/chains/{chain}", get(chain))
        .route("/api/chains/{chain}/validators/{validator}", get(validator))
        .route("/api/chains/{chain}/validators/{validator}/history", get(super::past::history))
}

/// A task that catches up answers late; the page asks again.
const PATIENCE: Duration = Duration::from_secs(5);

async fn chain(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.find(&id) {
        Some(served) => Json(served.snapshot()).into_response(),
        None => (StatusCode::NOT_FOUND, "this chain is not watched").into_response(),
    }
}

/// In depth; by operator address, or consensus address in hex.
async fn validator(State(shared): State<Arc<Shared>>, Path((id, who)): Path<(String, String)>) -> Response {
    let (served, found, address) = match find_validator(&shared, &id, &who) {
        Ok(found) => found,
        Err(refusal) => return *refusal,
    };
    let (answer, answered) = oneshot::channel();
    let ask = async {
        served.ask.send(Question { address, answer }).await.ok()?;
        answered.await.ok()
    };
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Some(Some(detail))) => Json(json!({ "validator": found, "detail": detail })).into_response(),
        Ok(Some(None)) => (StatusCode::NOT_FOUND, "nothing is known of this validator").into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the chain is being read, ask again").into_response(),
    }
}

/// The chain, and the validator of it by operator address, or consensus address in hex; or what to answer instead.
pub(super) fn find_validator(
    shared: &Shared,
    id: &str,
    who: &str,
) -> Result<(Served, ValidatorView, Address), Box<Response>> {
    let refusal = |why: &'static str| Box::new((StatusCode::NOT_FOUND, why).into_response());
    let served = shared.find(id).ok_or_else(|| refusal("this chain is not watched"))?;
    let view = served.published.borrow().view.clone();
    let found = view.validators.iter().find(|v| v.valoper == who || v.address == who);
    let found = found.and_then(|v| Some((v.clone(), Address::from_hex(&v.address)?)));
    let (found, address) = found.ok_or_else(|| refusal("this validator is not known here"))?;
    Ok((served, found, address))
}
