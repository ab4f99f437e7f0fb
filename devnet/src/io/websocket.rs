//! `/websocket`: the same calls, and subscriptions to new blocks.
//!
//! A subscription's notifications carry the id of the request that made it. One that lags too far behind is ended by an
//! error reply on the open socket, as a node does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::rpc::Surface;
use super::shared::stopped;
use crate::answers::params::{self, Params};
use crate::answers::{self, Failure, block, chain};
use crate::chain::Finalized;
use crate::event;
use crate::line::Line;
use crate::script::Answers;

/// Subscriptions of one client.
const MAX_SUBSCRIPTIONS: usize = 5;

/// What can be subscribed to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    NewBlock,
    NewBlockHeader,
    NewBlockEvents,
    ValidatorSetUpdates,
    /// Known to a node, never sent here: no transactions, and rounds are not shown from inside.
    Quiet,
}

pub(super) async fn upgrade(State(surface): State<Surface>, socket: WebSocketUpgrade) -> Response {
    socket.on_upgrade(move |socket| serve(socket, surface))
}

async fn serve(mut socket: WebSocket, surface: Surface) {
    let mut subscriptions: BTreeMap<String, (Topic, Value)> = BTreeMap::new();
    let mut blocks = surface.shared.blocks();
    let line = surface.shared.node().genesis.origin.line;
    let stop = stopped(surface.stop.clone());
    tokio::pin!(stop);
    loop {
        let messages = tokio::select! {
            () = &mut stop => break,
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Text(text))) => request(&surface, &mut subscriptions, text.as_str()),
                Some(Ok(Message::Binary(bytes))) => {
                    request(&surface, &mut subscriptions, &String::from_utf8_lossy(&bytes))
                }
                Some(Ok(_)) => Vec::new(),
                Some(Err(_)) | None => return,
            },
            block = blocks.recv() => match block {
                Ok(block) => notifications(&subscriptions, &block, line),
                Err(RecvError::Lagged(_)) => cancel(&mut subscriptions),
                Err(RecvError::Closed) => break,
            },
        };
        for message in messages {
            let text = match surface.shared.answers() {
                Answers::Garbage => "{\"jsonrpc\":\"2.0\",\"id\":".to_owned(),
                _ => message.to_string(),
            };
            if socket.send(Message::Text(text.into())).await.is_err() {
                return;
            }
        }
    }
    // The peer may be gone already.
    let _ = socket.send(Message::Close(None)).await;
}

fn request(
    surface: &Surface,
    subscriptions: &mut BTreeMap<String, (Topic, Value)>,
    text: &str,
) -> Vec<Value> {
    let Ok(request) = serde_json::from_str::<Value>(text) else {
        let error = json!({ "code": -32700, "message": "Parse error. Invalid JSON", "data": "error unmarshaling request" });
        return vec![json!({ "jsonrpc": "2.0", "error": error })];
    };
    let id = request["id"].clone();
    if id.is_null() {
        return Vec::new();
    }
    let method = request["method"].as_str().unwrap_or_default();
    let params = Params::from_json(&request["params"], params::names(method));
    let query = params.text("query").to_owned();
    let result = match method {
        "subscribe" => subscribe(subscriptions, query, id.clone()),
        "unsubscribe" => match subscriptions.remove(&query) {
            Some(_) => Ok(json!({})),
            None => Err(Failure::Internal("subscription not found".into())),
        },
        "unsubscribe_all" => {
            subscriptions.clear();
            Ok(json!({}))
        }
        _ => answers::answer(&surface.shared.node(), method, &params),
    };
    vec![answers::reply(&id, result)]
}

fn subscribe(
    subscriptions: &mut BTreeMap<String, (Topic, Value)>,
    query: String,
    id: Value,
) -> Result<Value, Failure> {
    if subscriptions.len() >= MAX_SUBSCRIPTIONS {
        return Err(Failure::Internal(format!("max_subscriptions_per_client {MAX_SUBSCRIPTIONS} reached")));
    }
    let topic = topic(&query).ok_or_else(|| Failure::Internal(format!("failed to parse query: {query}")))?;
    if subscriptions.contains_key(&query) {
        return Err(Failure::Internal("already subscribed".into()));
    }
    subscriptions.insert(query, (topic, id));
    Ok(json!({}))
}

/// Only `tm.event='…'` by itself is understood.
fn topic(query: &str) -> Option<Topic> {
    let compact: String = query.split_whitespace().collect();
    match compact.strip_prefix("tm.event='")?.strip_suffix('\'')? {
        "NewBlock" => Some(Topic::NewBlock),
        "NewBlockHeader" => Some(Topic::NewBlockHeader),
        "NewBlockEvents" => Some(Topic::NewBlockEvents),
        "ValidatorSetUpdates" => Some(Topic::ValidatorSetUpdates),
        "Tx" | "Vote" | "NewRound" | "NewRoundStep" | "CompleteProposal" | "Polka" | "Lock" | "Relock"
        | "ValidBlock" | "TimeoutPropose" | "TimeoutWait" | "NewEvidence" => Some(Topic::Quiet),
        _ => None,
    }
}

fn notifications(
    subscriptions: &BTreeMap<String, (Topic, Value)>,
    block: &Arc<Finalized>,
    line: Line,
) -> Vec<Value> {
    subscriptions
        .iter()
        .filter_map(|(query, (topic, id))| notification(query, *topic, id, block, line))
        .collect()
}

fn notification(query: &str, topic: Topic, id: &Value, finalized: &Finalized, line: Line) -> Option<Value> {
    let (name, value) = match topic {
        Topic::NewBlock => ("NewBlock", chain::new_block(finalized, line)),
        Topic::NewBlockHeader => {
            ("NewBlockHeader", json!({ "header": block::header_json(finalized.draft.block.header.as_ref()) }))
        }
        Topic::NewBlockEvents => (
            "NewBlockEvents",
            json!({
                "height": finalized.draft.height.to_string(),
                "events": block::events(&finalized.events, line),
                "num_txs": "0",
            }),
        ),
        Topic::Quiet => return None,
        Topic::ValidatorSetUpdates if finalized.updates.is_empty() => return None,
        Topic::ValidatorSetUpdates => {
            ("ValidatorSetUpdates", json!({ "validator_updates": chain::changed(&finalized.updates) }))
        }
    };
    let mut events = match topic {
        Topic::NewBlock | Topic::NewBlockEvents => event::by_name(&finalized.events),
        Topic::NewBlockHeader | Topic::ValidatorSetUpdates | Topic::Quiet => BTreeMap::new(),
    };
    events.insert("tm.event".to_owned(), vec![name.to_owned()]);
    let data = json!({ "type": format!("tendermint/event/{name}"), "value": value });
    let result = json!({ "query": query, "data": data, "events": events });
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// Ends every subscription with the error that a node sends to a slow client.
fn cancel(subscriptions: &mut BTreeMap<String, (Topic, Value)>) -> Vec<Value> {
    let error = json!({
        "code": -32000,
        "message": "Server error",
        "data": "subscription was canceled (reason: slow client)",
    });
    let cancelled = std::mem::take(subscriptions).into_values();
    cancelled.map(|(_, id)| json!({ "jsonrpc": "2.0", "id": id, "error": error })).collect()
}
