//! All endpoints fail at once, each in its own way: whoever is on call hears of it from the real program, and that it is over.

use super::fake_node::{App, CHAIN, Mood, Node};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const RULE: &str = "PalisadeMonitorBlind";
/// Too few blocks to know the chain's pace: with a block a minute it would be blind after five of them.
const SEEN: i64 = 2;
/// It is blind after 30 s; a machine that does much else may take its time.
const LIMIT: Duration = Duration::from_secs(300);

type Took = Arc<Mutex<Vec<Value>>>;

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Takes whatever is sent to it.
async fn receiver() -> (String, Took) {
    let took = Took::default();
    let take =
        |State(took): State<Took>, Json(body): Json<Value>| async move { took.lock().unwrap().push(body) };
    let router = Router::new().route("/hook", post(take)).with_state(took.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, took)
}

async fn until(what: &str, test: impl Fn() -> bool) {
    let begin = Instant::now();
    while !test() {
        assert!(begin.elapsed() < LIMIT, "never {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn told(took: &Took, kind: &str) -> bool {
    took.lock().unwrap().iter().any(|t| t["kind"] == kind && t["labels"]["alertname"] == RULE)
}

#[tokio::test]
async fn who_is_on_call_hears_that_nothing_is_seen_and_that_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let (url, took) = receiver().await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::start(SEEN, Mood::Good, App::KeyValue).await);
    }
    let rpc: Vec<String> = nodes.iter().map(Node::url).collect();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata_dir = \".\"\n[[chain]]\nid = \"{CHAIN}\"\nrpc = {rpc:?}\n\
         [[alerts.rule]]\nname = \"{RULE}\"\nfor = \"0s\"\nclear = \"0s\"\n\
         [[alerts.channel]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{url}\"\n"
    );
    std::fs::write(dir.path().join("monitor.toml"), text).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_palisade-monitor"));
    program
        .args(["run", "--config", "monitor.toml"])
        .current_dir(dir.path())
        .env("PALISADE_LOG", "error")
        .stdout(Stdio::null());
    let mut program = Program(program.spawn().unwrap());
    let asked = || nodes.iter().map(|n| n.asked("block")).sum::<usize>();
    until("all blocks read", || asked() >= usize::try_from(SEEN).unwrap()).await;
    for (node, mood) in nodes.iter().zip([Mood::Hung, Mood::Garbage, Mood::Limited]) {
        node.mood(mood);
        node.grow(5);
    }
    until("told of the blindness", || told(&took, "fired")).await;
    assert!(!told(&took, "resolved"));
    nodes.iter().for_each(|node| node.mood(Mood::Good));
    until("told of its end", || told(&took, "resolved")).await;
    assert!(program.0.try_wait().unwrap().is_none(), "without a restart");
}
