//! The daemon against endpoints on loopback that fail, lie, hang and come back.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod blindness;
mod fake_node;
mod faulty;
mod gap;
mod reload;
mod state;

use fake_node::{App, Mood, Node, VALIDATORS, address, flag, proposer};
use palisade_monitor::config::Config;
use palisade_monitor::io::run;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

struct Daemon {
    address: SocketAddr,
    reload: mpsc::Sender<Config>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), run::RunError>>,
}

impl Daemon {
    async fn start(dir: &Path, urls: &[String]) -> Self {
        Self::with(dir, &chain_of(urls)).await
    }

    /// Runs by `chains`, the part of the configuration that says what to watch.
    async fn with(dir: &Path, chains: &str) -> Self {
        let config = config(dir, chains);
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let (reload, reloads) = mpsc::channel(1);
        let task = tokio::spawn(run::run(config, reloads, move |_, a| bound.send(a).unwrap(), stopped));
        Self { address: address.await.unwrap(), reload, stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let mut socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.into())
    }

    async fn chains(&self) -> Value {
        serde_json::from_str(&self.get("/api/chains").await.1).unwrap()
    }

    async fn chain(&self) -> Value {
        self.chains().await[0].clone()
    }

    /// Waits until `true`, at most 20 s.
    async fn until(&self, what: &str, test: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let chain = self.chain().await;
            if test(&chain) {
                return chain;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never {what}: {:#}", self.chain().await);
    }
}

fn chain_of(urls: &[String]) -> String {
    format!("[[chain]]\nid = \"{}\"\nrpc = {urls:?}\nwatch = [\"{}\"]\n", fake_node::CHAIN, address(2))
}

fn config(dir: &Path, chains: &str) -> Config {
    let text = format!("listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n{chains}");
    Config::parse(&text, &dir.join("monitor.toml")).unwrap()
}

/// Compares every counter with the rule of the fake chain over `from..=to`.
fn agrees(chain: &Value, from: i64, to: i64) {
    assert_eq!(chain["counted_height"], to);
    let validators = chain["validators"].as_array().unwrap();
    assert_eq!(validators.len(), usize::from(VALIDATORS));
    assert_eq!(validators[0]["address"], address(2), "own validators first");
    for n in 1..=VALIDATORS {
        let v = validators.iter().find(|v| v["address"] == address(n)).unwrap();
        let count = |test: &dyn Fn(i64) -> bool| (from..=to).filter(|h| test(*h)).count();
        assert_eq!(v["missed"], count(&|h| flag(n, h) == 1), "missed of {n}");
        assert_eq!(v["nil"], count(&|h| flag(n, h) == 3), "nil of {n}");
        assert_eq!(v["signed"], count(&|h| flag(n, h) != 1), "signed of {n}");
        assert_eq!(v["proposed"], count(&|h| proposer(h) == n), "proposed of {n}");
        let streak = (from..=to).rev().take_while(|h| flag(n, *h) == 1).count();
        assert_eq!(v["consecutive_missed"], streak, "streak of {n}");
        assert_eq!(v["valoper"], address(n), "without a staking module the address is the name");
        for absent in
            ["window_missed", "window_limit", "blocks_to_jail", "seconds_to_jail", "jailed", "tombstoned"]
        {
            assert_eq!(v[absent], Value::Null, "{absent} is unknown on a key-value chain");
        }
    }
}

#[tokio::test]
async fn fails_over_fills_gaps_and_loses_nothing_at_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let bad = Node::start(90, Mood::Garbage, App::KeyValue).await;
    let good = Node::start(80, Mood::Good, App::KeyValue).await;
    let urls = [bad.url(), good.url()];
    let daemon = Daemon::start(dir.path(), &urls).await;
    let chain = daemon.until("at 80", |c| c["height"] == 80 && c["window_source"] == "none").await;
    agrees(&chain, 1, 79);
    assert_eq!(chain["feed"], "polling", "the fake has no websocket");
    assert!(chain["sources"][0]["errors"].as_u64().unwrap() > 0 && chain["sources"][0]["up"] == false);
    good.grow(25);
    agrees(&daemon.until("at 105", |c| c["height"] == 105).await, 1, 104);
    // The first recovers, the second dies.
    good.mood(Mood::ServerError);
    bad.mood(Mood::Good);
    bad.grow(30);
    agrees(&daemon.until("at 120", |c| c["height"] == 120).await, 1, 119);
    let metrics = daemon.get("/metrics").await.1;
    assert!(
        metrics.contains(&format!(
            "validator_missed_blocks_total{{chain_id=\"fake-1\",valoper=\"{}\"",
            address(2)
        ))
    );
    assert!(!metrics.contains("palisade_monitor_validator_window_"), "absent, not 0");
    daemon.stop().await;

    bad.grow(130);
    let daemon = Daemon::start(dir.path(), &urls).await;
    let chain = daemon.until("at 250", |c| c["height"] == 250).await;
    agrees(&chain, 1, 249);
    assert_eq!(chain["unknown_heights"], 0);
    assert_eq!(daemon.get("/readyz").await.0, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn pruned_heights_are_unknown_after_a_long_absence() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(50, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    agrees(&daemon.until("at 50", |c| c["height"] == 50).await, 1, 49);
    daemon.stop().await;
    node.grow(150);
    node.prune(120);
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    let chain = daemon.until("at 200", |c| c["height"] == 200).await;
    assert_eq!(chain["unknown_heights"], 70, "heights 50 to 119 are gone");
    let missed = (1..=199).filter(|h| flag(4, *h) == 1 && !(50..=119).contains(h)).count();
    let four = chain["validators"].as_array().unwrap().iter().find(|v| v["address"] == address(4)).unwrap();
    assert_eq!(four["missed"], missed);
    daemon.stop().await;
}

#[tokio::test]
async fn another_chain_is_quarantined_and_a_hung_endpoint_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let other = Node::start(500, Mood::OtherChain, App::KeyValue).await;
    let hung = Node::start(500, Mood::Hung, App::KeyValue).await;
    let good = Node::start(40, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[other.url(), hung.url(), good.url()]).await;
    let chain = daemon.until("at 40", |c| c["height"] == 40).await;
    agrees(&chain, 1, 39);
    assert_eq!(chain["sources"][0]["quarantined"], true);
    assert_eq!(chain["sources"][0]["errors"], 1, "said once, not at every status");
    let metrics = daemon.get("/metrics").await.1;
    assert!(metrics.contains(&format!(
        "source_quarantined{{chain_id=\"fake-1\",source=\"{}\",transport=\"rpc\"}} 1",
        other.address
    )));
    daemon.stop().await;
}

#[tokio::test]
async fn starts_before_any_node_does() {
    let dir = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let daemon = Daemon::start(dir.path(), &[format!("http://{address}")]).await;
    assert_eq!(daemon.get("/livez").await.0, 200);
    assert_eq!(daemon.get("/readyz").await.0, 503);
    assert_eq!(daemon.chain().await["height"], Value::Null);
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let _node = Node::at(listener, 30, Mood::Good, App::KeyValue);
    agrees(&daemon.until("at 30", |c| c["height"] == 30).await, 1, 29);
    daemon.stop().await;
}

#[tokio::test]
async fn without_the_raw_store_counters_and_lower_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(30, Mood::Good, App::Counters).await;
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    let chain = daemon.until("reading counters", |c| c["window_source"] == "counter").await;
    assert_eq!(chain["window"]["limit"], 500);
    let two = &chain["validators"][0];
    assert_eq!((two["exact"].as_bool(), two["window_limit"].as_i64()), (Some(false), Some(500)));
    assert!((20..=21).contains(&two["window_missed"].as_i64().unwrap()), "{two}");
    assert!(two["blocks_to_jail"].as_i64().unwrap() >= 480, "{two}");
    assert!(
        daemon
            .get("/metrics")
            .await
            .1
            .contains("chain_window_source{chain_id=\"fake-1\",source=\"counter\"} 1")
    );
    daemon.stop().await;
}

#[tokio::test]
async fn the_page_is_strict_and_asks_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(5, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    for path in ["/", "/page.css", "/page.js", "/grid.js"] {
        let (status, body) = daemon.get(path).await;
        assert_eq!(status, 200, "{path}");
        assert!(!body.contains("innerHTML") && !body.contains("https://"), "{path}");
    }
    assert_eq!(daemon.get("/api/nothing").await.0, 404);
    daemon.stop().await;
}
