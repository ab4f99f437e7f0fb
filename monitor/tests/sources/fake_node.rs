//! A CometBFT RPC endpoint on loopback that can be told to misbehave. Its chain follows a rule, so a test knows the truth
//! about every counter.

#[path = "fake_app.rs"]
mod fake_app;

pub(crate) use fake_app::App;
#[allow(unused_imports, reason = "not every test has a liar")]
pub(crate) use fake_app::Lie;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::key::PrivateKey;
use comet::privval::{BlockId, PartSetHeader, Timestamp, Vote};
use comet::rpc::{self, CommitSig, FLAG_COMMIT, FLAG_NIL};
use palisade_monitor::{decode, light};
use serde_json::json;
use std::collections::BTreeMap;
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
    /// From this height on it has blocks of its own, which nobody signed.
    Forked(i64),
    /// Its blocks name the true ids, but everybody is absent from their commits.
    Lying,
    /// 429 with `Retry-After: 2`.
    Limited,
    /// A byte now and then, for ever.
    Drip,
    /// More bytes than anybody wants.
    Giant,
    /// Its blocks are true, but their events send validator 2 to jail.
    FalseEvents,
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

    pub(crate) fn rewind(&self, blocks: i64) {
        self.world.lock().unwrap().tip -= blocks;
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

    pub(crate) fn app(&self, app: App) {
        self.world.lock().unwrap().app = app;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn key(n: u8) -> PrivateKey {
    PrivateKey::from_seed(&[n; 32])
}

pub(crate) fn address(n: u8) -> String {
    key(n).public().address().to_string()
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

/// A block a minute, so that a few hundred make hours.
fn time(height: i64) -> String {
    format!("2026-11-21T{:02}:{:02}:00Z", height / 60 % 24, height % 60)
}

/// Hash of a block: that of its header. `fork` = 0 for the chain that everybody has.
fn id(chain: &str, height: i64, fork: i64) -> rpc::BlockId {
    static KNOWN: Mutex<BTreeMap<(String, i64, i64), String>> = Mutex::new(BTreeMap::new());
    let of = fork;
    let fork = if fork > 0 && height >= fork { fork } else { 0 };
    if height < 1 {
        return rpc::BlockId::default();
    }
    let key = (chain.to_owned(), height, fork);
    let known = KNOWN.lock().unwrap().get(&key).cloned();
    // From the bottom, so that no stack grows with the height.
    if known.is_none() && height % 50 != 1 {
        (1..height).filter(|h| h % 50 == 1).for_each(|h| drop(id(chain, h, of)));
    }
    let hash = known.unwrap_or_else(|| light::ids(&block(chain, height, of, false), None).id);
    KNOWN.lock().unwrap().insert(key, hash.clone());
    rpc::BlockId { hash, parts: rpc::PartSetHeader { total: 1, hash: "AB".repeat(32) } }
}

fn set_hash() -> String {
    let validators = (1..=VALIDATORS).map(|n| comet::block::Validator::new(key(n).public(), 10)).collect();
    hex::encode_upper(comet::block::ValidatorSet::new(validators).hash())
}

/// The fake's validators in the order of the set.
fn members() -> Vec<u8> {
    let mut all: Vec<u8> = (1..=VALIDATORS).collect();
    all.sort_by_key(|n| key(*n).public().address());
    all
}

fn commit(chain: &str, height: i64, fork: i64, flag: impl Fn(u8) -> u8) -> rpc::Commit {
    let signature = |n: u8| match flag(n) {
        1 => CommitSig::absent(),
        flag => CommitSig {
            block_id_flag: flag,
            validator_address: address(n),
            timestamp: time(height + 1),
            signature: Some(BASE64.encode([n; 64])),
        },
    };
    let signatures = members().into_iter().map(signature).collect();
    rpc::Commit { height, signatures, block_id: id(chain, height, fork), ..rpc::Commit::default() }
}

fn block(chain: &str, height: i64, fork: i64, lying: bool) -> rpc::Block {
    let told = |lying: bool| commit(chain, height - 1, fork, |n| if lying { 1 } else { flag(n, height - 1) });
    let honest = told(false);
    let mut header = rpc::Header {
        version: rpc::Consensus { block: comet::block::BLOCK_PROTOCOL, app: 0 },
        chain_id: chain.into(),
        height,
        time: time(height),
        last_block_id: honest.block_id.clone(),
        validators_hash: set_hash(),
        next_validators_hash: set_hash(),
        proposer_address: address(proposer(height)),
        app_hash: if fork > 0 && height >= fork { "BAD0".into() } else { "600D".into() },
        ..rpc::Header::default()
    };
    let signatures: Vec<_> = honest.signatures.iter().map(signature).collect();
    if height > 1 {
        let hashed = comet::block::Commit { signatures, ..comet::block::Commit::default() };
        header.last_commit_hash = hex::encode_upper(hashed.hash());
    }
    rpc::Block { header, last_commit: (height > 1).then(|| told(lying)), ..rpc::Block::default() }
}

fn signature(sig: &CommitSig) -> comet::block::CommitSig {
    if sig.block_id_flag == 1 {
        return comet::block::CommitSig::absent();
    }
    comet::block::CommitSig {
        block_id_flag: sig.block_id_flag.into(),
        validator_address: hex::decode(&sig.validator_address).unwrap(),
        timestamp: Some(moment(&sig.timestamp)),
        signature: BASE64.decode(sig.signature.as_ref().unwrap()).unwrap(),
    }
}

fn moment(text: &str) -> Timestamp {
    let ns = decode::nanoseconds(text).unwrap();
    Timestamp { seconds: ns / 1_000_000_000, nanos: i32::try_from(ns % 1_000_000_000).unwrap() }
}

/// What the node has seen signed: everybody, late or not. A fork is signed by one.
fn seen_commit(chain: &str, height: i64, fork: i64) -> rpc::Commit {
    let mut commit = commit(chain, height, fork, |_| FLAG_COMMIT);
    let id = &commit.block_id;
    let vote = Vote {
        r#type: 2,
        height,
        block_id: Some(BlockId {
            hash: hex::decode(&id.hash).unwrap(),
            part_set_header: Some(PartSetHeader { total: 1, hash: hex::decode(&id.parts.hash).unwrap() }),
        }),
        timestamp: Some(moment(&time(height + 1))),
        ..Vote::default()
    };
    let bytes = comet::canonical::vote(chain, &vote);
    let forged = fork > 0 && height >= fork;
    for (n, sig) in members().into_iter().zip(&mut commit.signatures) {
        if !forged || n == 1 {
            sig.signature = Some(BASE64.encode(key(n).sign(&bytes)));
        }
    }
    commit
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
        Mood::Limited => {
            return (http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")], "slow down")
                .into_response();
        }
        Mood::Drip => {
            let drops = futures_util::stream::unfold((), |()| async {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                Some((Ok::<_, std::io::Error>(" "), ()))
            });
            return axum::body::Body::from_stream(drops).into_response();
        }
        Mood::Giant => {
            let flood = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]));
            return axum::body::Body::from_stream(flood).into_response();
        }
        Mood::Good | Mood::OtherChain | Mood::Forked(_) | Mood::Lying | Mood::FalseEvents => {}
    }
    let fork = if let Mood::Forked(from) = mood { from } else { 0 };
    let height: i64 = request.params["height"].as_str().unwrap_or("0").parse().unwrap();
    let result = match request.method.as_str() {
        "status" => json!({"node_info": {"network": chain, "version": "0.38.25"}, "sync_info": {
            "latest_block_hash": id(chain, tip, fork).hash, "latest_block_height": tip.to_string(), "earliest_block_height": earliest.to_string(), "catching_up": false}}),
        "block" if height > tip => {
            return refuse("height must be less than or equal to the current blockchain height");
        }
        "block" if height < earliest => return refuse("height is not available, lowest height is later"),
        "block" => serde_json::to_value(rpc::BlockAnswer {
            block_id: id(chain, height, fork),
            block: Some(block(chain, height, fork, mood == Mood::Lying)),
        })
        .unwrap(),
        "commit" => {
            let header = block(chain, height, fork, false).header;
            json!({"signed_header": {"header": header, "commit": seen_commit(chain, height, fork)}, "canonical": false})
        }
        "blockchain" => {
            let height: i64 = request.params["minHeight"].as_str().unwrap().parse().unwrap();
            if height > tip {
                return refuse(&format!("min height {height} can't be greater than max height {tip}"));
            }
            let header = block(chain, height, fork, false).header;
            json!({"last_height": tip.to_string(), "block_metas": [{"block_id": id(chain, height, fork), "header": header}]})
        }
        "block_results" if mood == Mood::FalseEvents => {
            let who = json!({"key": "jailed", "value": valcons(2)});
            json!({"height": height.to_string(), "finalize_block_events": [{"type": "slash", "attributes": [who]}]})
        }
        "block_results" => json!({"height": height.to_string(), "finalize_block_events": null}),
        "validators" => {
            let one = |n: u8| {
                json!({"address": address(n), "pub_key": {"type": "tendermint/PubKeyEd25519",
                "value": BASE64.encode(key(n).public().as_bytes())}, "voting_power": "10", "proposer_priority": "0"})
            };
            let all: Vec<_> = members().into_iter().map(one).collect();
            json!({"block_height": height.to_string(), "validators": all, "count": "4", "total": "4"})
        }
        "abci_query" => json!({"response": fake_app::query(app, &request.params, tip)}),
        _ => return refuse("method not found"),
    };
    axum::Json(json!({"jsonrpc": "2.0", "id": request.id, "result": result})).into_response()
}

fn refuse(data: &str) -> Response {
    let error = json!({"code": -32603, "message": "Internal error", "data": data});
    axum::Json(json!({"jsonrpc": "2.0", "id": 1, "error": error})).into_response()
}

fn valcons(n: u8) -> String {
    comet::bech32::encode("fakevalcons", &key(n).public().address().0).unwrap()
}
