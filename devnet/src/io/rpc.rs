//! JSON-RPC over HTTP: URI calls with GET, JSON calls with POST, single or in batches.
//!
//! One difference to a node: quotes in a URI must be written `%22`, because the HTTP library refuses raw ones with 400.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::shared::{Shared, stopped};
use super::websocket;
use crate::answers::params::{self, Params};
use crate::answers::{self, Failure};
use crate::script::Answers;

/// What each handler gets.
#[derive(Clone)]
pub(super) struct Surface {
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Serves until told to stop.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let surface = Surface { shared, stop: stop.clone() };
    let router = Router::new()
        .route("/", post(by_json).get(list))
        .route("/websocket", get(websocket::upgrade))
        .route("/{method}", get(by_uri))
        .with_state(surface);
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await {
        tracing::error!(%error, "the RPC server ended");
    }
}

async fn list() -> &'static str {
    "A devnet node of Palisade. Methods: health status net_info genesis genesis_chunked validators consensus_params \
     blockchain block block_by_hash header header_by_hash block_results commit abci_info abci_query, and /websocket.\n"
}

async fn by_uri(
    State(surface): State<Surface>,
    Path(method): Path<String>,
    Query(pairs): Query<BTreeMap<String, String>>,
) -> Response {
    if let Some(spoiled) = spoil(&surface).await {
        return spoiled;
    }
    let result = answers::answer(&surface.shared.node(), &method, &Params::from_uri(pairs));
    let status = match &result {
        Ok(_) => StatusCode::OK,
        Err(Failure::Method) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json_response(status, &answers::reply(&json!(-1), result))
}

async fn by_json(State(surface): State<Surface>, body: Bytes) -> Response {
    if let Some(spoiled) = spoil(&surface).await {
        return spoiled;
    }
    let request: Value = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let data = format!("error unmarshaling request: {error}");
            let error = json!({ "code": -32700, "message": "Parse error. Invalid JSON", "data": data });
            let reply = json!({ "jsonrpc": "2.0", "error": error });
            return json_response(StatusCode::INTERNAL_SERVER_ERROR, &reply);
        }
    };
    let node = surface.shared.node();
    let one = |request: &Value| {
        // A request without an id is a notification and gets no answer.
        let id = request.get("id").filter(|id| !id.is_null())?;
        let method = request["method"].as_str().unwrap_or_default();
        let params = Params::from_json(&request["params"], params::names(method));
        Some(answers::reply(id, answers::answer(&node, method, &params)))
    };
    let reply = match &request {
        Value::Array(batch) => Some(Value::Array(batch.iter().filter_map(one).collect())),
        single => one(single),
    };
    match reply {
        Some(reply) => json_response(StatusCode::OK, &reply),
        None => StatusCode::OK.into_response(),
    }
}

/// The answer that the script wants instead of a good one.
async fn spoil(surface: &Surface) -> Option<Response> {
    match surface.shared.answers() {
        Answers::Normal => None,
        Answers::Slow(wait) => {
            tokio::time::sleep(wait).await;
            None
        }
        Answers::Unavailable => {
            Some((StatusCode::SERVICE_UNAVAILABLE, "no node behind this").into_response())
        }
        Answers::Garbage => Some((StatusCode::OK, "<html>\u{fffd}{\"jsonrpc\":").into_response()),
    }
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(value.to_string())).into_response()
}
