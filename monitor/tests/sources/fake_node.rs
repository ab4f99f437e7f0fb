//! A CometBFT RPC endpoint on loopback that can be told to misbehave. Its chain follows a rule, so a test knows the truth
//! about every counter.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::rpc::{self, CommitSig, FLAG_COMMIT, FLAG_NIL};
use comet::sdk::slashing::{self, Params, ParamsResponse, SigningInfo, SigningInfosResponse};
use comet::sdk::{Duration, store};
use prost::Message;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub(crate) const CHAIN: &str = "fake-1";
/// What a node in the mood of another chain says it is.
pub(crate) const OTHER: &str = "other-1";
pub(crate) const VALIDATORS: u8 = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Garbage,
    ServerError,
    Hung,
    OtherChain,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum App {
    KeyValue,
    /// x/slashing without its raw store.
    Counters,
}

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    world: Arc<Mutex<World>>,
    task: tokio::task::JoinHandle<()>,
}

struct World {
    tip: i64,
    mood: Mood,
    app: App,
    earliest: i64,
    asked: Vec<String>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    pub(crate) async fn start(tip: i64, mood: Mood, app: App) -> Self {
        Self::at(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), tip, mood, app)
    }

    pub(crate) fn at(listener: tokio::net::TcpListener, tip: i64, mood: Mood, app: App) -> Self {
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(World { tip, mood, app, earliest: 1, asked: Vec::new() }));
        let router = Router::new().route("/", post(answer)).with_state(world.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, world, task }
    }

    pub(crate) fn grow(&self, blocks: i64) {
        self.world.lock().unwrap().tip += blocks;
    }

    pub(crate) fn prune(&self, earliest: i64) {
        self.world.lock().unwrap().earliest = earliest;
    }

    /// How often `method` was asked.
    pub(crate) fn asked(&self, method: &str) -> usize {
        self.world.lock().unwrap().asked.iter().filter(|m| *m == method).count()
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.world.lock().unwrap().mood = mood;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

pub(crate) fn address(n: u8) -> String {
    hex::encode_upper([n; 20])
}

/// The rule: validator 1 signs all, 2 misses every third height, 3 votes nil every seventh, 4 misses from 60 on.
pub(crate) fn flag(n: u8, height: i64) -> u8 {
    match n {
        2 if height % 3 == 0 => 1,
        3 if height % 7 == 0 => FLAG_NIL,
        4 if height >= 60 => 1,
        _ => FLAG_COMMIT,
    }
}

pub(crate) fn proposer(height: i64) -> u8 {
    u8::try_from(height % i64::from(VALIDATORS)).unwrap() + 1
}

fn time(height: i64) -> String {
    format!("2026-11-21T{:02}:{:02}:{:02}Z", height / 3600 % 24, height / 60 % 60, height % 60)
}

fn block(chain: &str, height: i64) -> rpc::BlockAnswer {
    let signature = |n: u8| match flag(n, height - 1) {
        1 => CommitSig::absent(),
        flag => CommitSig {
            block_id_flag: flag,
            validator_address: address(n),
            timestamp: time(height),
            signature: Some(BASE64.encode([n; 64])),
        },
    };
    let commit = rpc::Commit {
        height: height - 1,
        signatures: (1..=VALIDATORS).map(signature).collect(),
        ..rpc::Commit::default()
    };
    let header = rpc::Header {
        chain_id: chain.into(),
        height,
        time: time(height),
        validators_hash: "AA".into(),
        proposer_address: address(proposer(height)),
        ..rpc::Header::default()
    };
    let block = rpc::Block { header, last_commit: (height > 1).then_some(commit), ..rpc::Block::default() };
    rpc::BlockAnswer { block: Some(block), ..rpc::BlockAnswer::default() }
}

async fn answer(State(world): State<Arc<Mutex<World>>>, body: String) -> Response {
    let request: rpc::Request = serde_json::from_str(&body).unwrap();
    let (mood, tip, app, earliest) = {
        let mut world = world.lock().unwrap();
        world.asked.push(request.method.clone());
        (world.mood, world.tip, world.app, world.earliest)
    };
    let chain = if mood == Mood::OtherChain { OTHER } else { CHAIN };
    match mood {
        Mood::Hung => std::future::pending().await,
        Mood::ServerError => return (http::StatusCode::BAD_GATEWAY, "<html>502</html>").into_response(),
        Mood::Garbage => return "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[1,".into_response(),
        Mood::Good | Mood::OtherChain => {}
    }
    let height: i64 = request.params["height"].as_str().unwrap_or("0").parse().unwrap();
    let result = match request.method.as_str() {
        "status" => json!({"node_info": {"network": chain, "version": "0.38.25"}, "sync_info": {
            "latest_block_height": tip.to_string(), "earliest_block_height": earliest.to_string(), "catching_up": false}}),
        "block" if height > tip => {
            return refuse("height must be less than or equal to the current blockchain height");
        }
        "block" if height < earliest => return refuse("height is not available, lowest height is later"),
        "block" => serde_json::to_value(block(chain, height)).unwrap(),
        "block_results" => json!({"height": height.to_string(), "finalize_block_events": null}),
        "validators" => {
            let one = |n: u8| {
                json!({"address": address(n), "pub_key": {"type": "tendermint/PubKeyEd25519",
                "value": BASE64.encode([n; 32])}, "voting_power": "10", "proposer_priority": "0"})
            };
            let all: Vec<_> = (1..=VALIDATORS).map(one).collect();
            json!({"block_height": height.to_string(), "validators": all, "count": "4", "total": "4"})
        }
        "abci_query" => json!({"response": query(app, &request.params, tip)}),
        _ => return refuse("method not found"),
    };
    axum::Json(json!({"jsonrpc": "2.0", "id": request.id, "result": result})).into_response()
}

fn refuse(data: &str) -> Response {
    let error = json!({"code": -32603, "message": "Internal error", "data": data});
    axum::Json(json!({"jsonrpc": "2.0", "id": 1, "error": error})).into_response()
}

fn query(app: App, params: &Value, tip: i64) -> Value {
    let value = match (app, params["path"].as_str().unwrap()) {
        (App::KeyValue, _) => {
            return json!({"code": 0, "log": "does not exist", "value": null, "height": tip.to_string()});
        }
        (App::Counters, slashing::PARAMS) => ParamsResponse {
            params: Some(Params {
                signed_blocks_window: 1000,
                min_signed_per_window: b"500000000000000000".to_vec(),
                downtime_jail_duration: Some(Duration { seconds: 600, nanos: 0 }),
                slash_fraction_downtime: b"10000000000000000".to_vec(),
                ..Params::default()
            }),
        }
        .encode_to_vec(),
        (App::Counters, slashing::SIGNING_INFOS) => {
            let info = |n: u8| SigningInfo {
                address: comet::bech32::encode("fakevalcons", &[n; 20]).unwrap(),
                index_offset: 5000,
                missed_blocks_counter: i64::from(n) * 10,
                ..SigningInfo::default()
            };
            SigningInfosResponse { info: (1..=VALIDATORS).map(info).collect(), pagination: None }
                .encode_to_vec()
        }
        (App::Counters, store::PATH) => {
            return json!({"code": 6, "log": "store queries are disabled here", "codespace": "sdk", "value": null});
        }
        _ => {
            return json!({"code": 6, "log": "unknown query path: unknown request", "codespace": "sdk", "value": null});
        }
    };
    json!({"code": 0, "value": BASE64.encode(value), "height": params["height"]})
}
