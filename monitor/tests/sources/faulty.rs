//! Endpoints that lie, fork, drip, flood, ask for patience and go back: no wrong number is shown, and each comes back.

use super::fake_node::{App, Mood, Node};
use super::{Daemon, agrees};
use serde_json::Value;

fn source<'a>(chain: &'a Value, node: &Node) -> &'a Value {
    let name = node.address.to_string();
    chain["sources"].as_array().unwrap().iter().find(|s| s["endpoint"] == name.as_str()).unwrap()
}

pub(super) fn errors(chain: &Value, node: &Node, class: &str) -> u64 {
    let classes = source(chain, node)["errors_by_class"].as_array().unwrap();
    classes.iter().find(|c| c[0] == class).map_or(0, |c| c[1].as_u64().unwrap())
}

#[tokio::test]
async fn false_flags_are_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let liar = Node::start(40, Mood::Good, App::KeyValue).await;
    let good = Node::start(40, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[liar.url(), good.url()]).await;
    agrees(&daemon.until("at 40", |c| c["height"] == 40).await, 1, 39);
    liar.mood(Mood::Lying);
    for _ in 0..10 {
        liar.grow(1);
        good.grow(1);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let chain = daemon.until("at 50", |c| c["height"] == 50).await;
    agrees(&chain, 1, 49);
    assert!(errors(&chain, &liar, "foreign") > 0, "{chain:#}");
    // Alone with the liar nothing is counted, and its return to honesty is enough.
    good.mood(Mood::ServerError);
    liar.grow(5);
    good.grow(5);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    agrees(&daemon.chain().await, 1, 49);
    liar.mood(Mood::Good);
    agrees(&daemon.until("at 55", |c| c["height"] == 55).await, 1, 54);
    daemon.stop().await;
}

#[tokio::test]
async fn of_two_blocks_the_signed_one_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let fork = Node::start(30, Mood::Forked(35), App::KeyValue).await;
    let good = Node::start(30, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[fork.url(), good.url()]).await;
    agrees(&daemon.until("at 30", |c| c["height"] == 30).await, 1, 29);
    fork.grow(20);
    good.grow(20);
    let chain = daemon.until("at 50", |c| c["height"] == 50).await;
    agrees(&chain, 1, 49);
    let chain = daemon.until("the fork put aside", |c| source(c, &fork)["quarantine"] == "forked").await;
    assert_eq!(source(&chain, &good)["quarantine"], Value::Null);
    let name = fork.address.to_string();
    let line = format!("source_quarantined{{chain_id=\"fake-1\",source=\"{name}\",transport=\"rpc\"}} 1");
    assert!(daemon.get("/metrics").await.1.contains(&line));
    fork.mood(Mood::Good);
    daemon.until("taken back", |c| source(c, &fork)["quarantined"] == false).await;
    daemon.stop().await;
}

#[tokio::test]
async fn most_endpoints_are_believed_even_from_the_first_block() {
    let dir = tempfile::tempdir().unwrap();
    let fork = Node::start(30, Mood::Forked(2), App::KeyValue).await;
    let one = Node::start(30, Mood::Good, App::KeyValue).await;
    let two = Node::start(30, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[fork.url(), one.url(), two.url()]).await;
    agrees(&daemon.until("at 30", |c| c["height"] == 30).await, 1, 29);
    daemon.stop().await;
}

#[tokio::test]
async fn drips_floods_and_silence_delay_but_do_not_stop() {
    let dir = tempfile::tempdir().unwrap();
    let drip = Node::start(30, Mood::Drip, App::KeyValue).await;
    let giant = Node::start(30, Mood::Giant, App::KeyValue).await;
    let good = Node::start(30, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[drip.url(), giant.url(), good.url()]).await;
    agrees(&daemon.until("at 30", |c| c["height"] == 30).await, 1, 29);
    let chain = daemon
        .until("both failures are known", |c| {
            errors(c, &drip, "timeout") > 0 && errors(c, &giant, "too_large") > 0
        })
        .await;
    assert_eq!((&source(&chain, &drip)["up"], &source(&chain, &giant)["up"]), (&false.into(), &false.into()));
    drip.mood(Mood::Good);
    daemon.until("up again", |c| source(c, &drip)["up"] == true).await;
    daemon.stop().await;
}

#[tokio::test]
async fn who_asks_for_patience_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let busy = Node::start(30, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[busy.url()]).await;
    agrees(&daemon.until("at 30", |c| c["height"] == 30).await, 1, 29);
    busy.mood(Mood::Limited);
    daemon.until("limited", |c| source(c, &busy)["rate_limited"] == true).await;
    let asked =
        || ["status", "block", "validators", "abci_query"].iter().map(|m| busy.asked(m)).sum::<usize>();
    let before = asked();
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    // One request may have been on its way.
    assert!(asked() <= before + 1, "{} requests in spite of Retry-After", asked() - before);
    busy.mood(Mood::Good);
    busy.grow(5);
    agrees(&daemon.until("at 35", |c| c["height"] == 35).await, 1, 34);
    daemon.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_goes_back_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(50, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    agrees(&daemon.until("at 50", |c| c["height"] == 50).await, 1, 49);
    node.rewind(20);
    let chain = daemon.until("below", |c| c["source_below"] == 30).await;
    agrees(&chain, 1, 49);
    assert!(daemon.get("/metrics").await.1.contains("chain_source_below{chain_id=\"fake-1\"} 1"));
    node.grow(30);
    let chain = daemon.until("at 60", |c| c["height"] == 60).await;
    agrees(&chain, 1, 59);
    assert_eq!(chain["unknown_heights"], 0);
    daemon.stop().await;
}

/// What validator 2 has missed by the counter of the chain, which the fake's rule raises by one at most.
fn is_true(chain: &Value) -> bool {
    let missed = chain["validators"][0]["window_missed"].as_i64();
    chain["window"]["limit"] == 500 && missed.is_some_and(|missed| (20..=21).contains(&missed))
}

#[tokio::test]
async fn of_the_state_most_endpoints_are_believed() {
    for lie in [App::FalseParams, App::FalseInfos] {
        let dir = tempfile::tempdir().unwrap();
        let liar = Node::start(30, Mood::Good, lie).await;
        let one = Node::start(30, Mood::Good, App::Counters).await;
        let two = Node::start(30, Mood::Good, App::Counters).await;
        let daemon = Daemon::start(dir.path(), &[liar.url(), one.url(), two.url()]).await;
        let chain = daemon.until("reading counters", |c| c["window_source"] == "counter").await;
        assert!(is_true(&chain), "{chain:#}");
        daemon.until("knowing the liar", |c| errors(c, &liar, "foreign") > 0).await;
        daemon.stop().await;
    }
}

#[tokio::test]
async fn of_two_states_without_a_majority_none_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let liar = Node::start(30, Mood::Good, App::FalseInfos).await;
    let good = Node::start(30, Mood::Good, App::Counters).await;
    let daemon = Daemon::start(dir.path(), &[liar.url(), good.url()]).await;
    daemon.until("at 30", |c| c["height"] == 30).await;
    daemon
        .until("both asked, twice", |c| {
            assert_eq!(c["window_source"], "unknown", "{c:#}");
            liar.asked("abci_query").min(good.asked("abci_query")) >= 4
        })
        .await;
    liar.app(App::Counters);
    let chain = daemon.until("reading counters", |c| c["window_source"] == "counter").await;
    assert!(is_true(&chain), "{chain:#}");
    daemon.stop().await;
}

#[tokio::test]
async fn one_endpoint_alone_sends_nobody_to_jail() {
    let dir = tempfile::tempdir().unwrap();
    let liar = Node::start(30, Mood::FalseEvents, App::Counters).await;
    let good = Node::start(30, Mood::Good, App::Counters).await;
    let daemon = Daemon::start(dir.path(), &[liar.url(), good.url()]).await;
    daemon.until("reading counters", |c| c["window_source"] == "counter").await;
    for height in 31..=36 {
        liar.grow(1);
        good.grow(1);
        let chain = daemon.until("the next block", |c| c["height"] == height).await;
        assert_eq!(chain["validators"][0]["jailed"], false, "{chain:#}");
    }
    assert!(liar.asked("block_results") > 0, "its word was asked for");
    daemon.stop().await;
}

#[tokio::test]
async fn whoever_is_left_alone_has_to_prove_its_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let fork = Node::start(30, Mood::Forked(35), App::KeyValue).await;
    let dead = Node::start(50, Mood::ServerError, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[fork.url(), dead.url()]).await;
    agrees(&daemon.until("at 30", |c| c["height"] == 30).await, 1, 29);
    fork.grow(20);
    daemon.until("as far as blocks are signed", |c| c["height"] == 34).await;
    let asked = fork.asked("commit");
    let chain = daemon.until("asked for signatures again", |_| fork.asked("commit") > asked).await;
    agrees(&chain, 1, 33);
    dead.mood(Mood::Good);
    agrees(&daemon.until("at 50", |c| c["height"] == 50).await, 1, 49);
    daemon.stop().await;
}
