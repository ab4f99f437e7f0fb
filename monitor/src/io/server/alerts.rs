//! Alerts over HTTP: what fires and who is told, for everybody who may see the page; orders only for those who may give them.

use crate::alert::board::Board;
use crate::alert::command::Command;
use crate::io::alert::Desk;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    channel: String,
}

/// `GET /api/alerts`, for viewers.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(desk: Arc<Desk>) -> Router<S> {
    Router::new().route("/api/alerts", get(board)).with_state(desk)
}

/// `POST /api/alerts/order` (a [`Command`]) and `POST /api/alerts/test`. Whoever mounts it guards it.
pub(super) fn changes<S: Clone + Send + Sync + 'static>(desk: Arc<Desk>) -> Router<S> {
    Router::new()
        .route("/api/alerts/order", post(order))
        .route("/api/alerts/test", post(test))
        .with_state(desk)
}

/// Everything, for `monitor.sock`, which guards itself.
pub fn all(desk: Arc<Desk>) -> Router {
    Router::new().merge(routes(desk.clone())).merge(changes(desk))
}

async fn board(State(desk): State<Arc<Desk>>) -> Json<Board> {
    Json(desk.board().borrow().clone())
}

async fn order(State(desk): State<Arc<Desk>>, Json(command): Json<Command>) -> (StatusCode, String) {
    tracing::info!(?command, "order");
    match desk.order(command) {
        Ok(said) => (StatusCode::OK, said + "\n"),
        Err(error) => (StatusCode::CONFLICT, format!("{error}\n")),
    }
}

async fn test(State(desk): State<Arc<Desk>>, Json(test): Json<Test>) -> (StatusCode, String) {
    match desk.test(&test.channel).await {
        Ok(said) => (StatusCode::OK, said + "\n"),
        Err(error) => (StatusCode::CONFLICT, format!("{error}\n")),
    }
}
