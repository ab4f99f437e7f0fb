//! A new configuration while the daemon runs: what did not change goes on undisturbed.

use super::fake_node::{self, App, Mood, Node, address};
use super::{Daemon, agrees, chain_of, config};

#[tokio::test]
async fn chains_come_and_go_and_the_others_are_not_disturbed() {
    let dir = tempfile::tempdir().unwrap();
    let first = Node::start(40, Mood::Good, App::KeyValue).await;
    let second = Node::start(60, Mood::OtherChain, App::KeyValue).await;
    let other = format!("[[chain]]\nid = \"{}\"\nrpc = [\"{}\"]\n", fake_node::OTHER, second.url());
    let daemon = Daemon::with(dir.path(), &chain_of(&[first.url()])).await;
    agrees(&daemon.until("at 40", |c| c["height"] == 40).await, 1, 39);
    let asked = first.asked("validators");

    let both = format!("{other}{}", chain_of(&[first.url()]));
    daemon.reload.send(config(dir.path(), &both)).await.unwrap();
    daemon
        .until("two chains, in the new order", |c| c["chain_id"] == fake_node::OTHER && c["height"] == 60)
        .await;
    let all = daemon.chains().await;
    assert_eq!(all[1]["counted_height"], 39, "{all:#}");
    first.grow(5);
    for _ in 0..100 {
        if daemon.chains().await[1]["height"] == 45 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    agrees(&daemon.chains().await[1], 1, 44);
    assert_eq!(first.asked("validators"), asked, "a chain that starts again asks for its set again");

    // An own validator more: only this chain starts again, from its history.
    let more = both.replace(&address(2), &format!("{}\", \"{}", address(2), address(3)));
    assert_ne!(more, both);
    let height = daemon.chains().await[0]["counted_height"].clone();
    daemon.reload.send(config(dir.path(), &more)).await.unwrap();
    let own = |c: &serde_json::Value| {
        c["validators"].as_array().unwrap().iter().filter(|v| v["own"] == true).count()
    };
    for _ in 0..100 {
        if own(&daemon.chains().await[1]) == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let all = daemon.chains().await;
    assert_eq!((own(&all[1]), &all[0]["counted_height"]), (2, &height));
    assert_eq!(all[1]["validators"][0]["missed"], (1..=44).filter(|h| fake_node::flag(2, *h) == 1).count());

    daemon.reload.send(config(dir.path(), &chain_of(&[first.url()]))).await.unwrap();
    daemon.until("one chain", |c| c["chain_id"] == fake_node::CHAIN).await;
    assert!(!daemon.get("/metrics").await.1.contains(fake_node::OTHER), "series go with their chain");
    daemon.stop().await;
}

#[tokio::test]
async fn what_cannot_change_while_it_runs_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(20, Mood::Good, App::KeyValue).await;
    let daemon = Daemon::start(dir.path(), &[node.url()]).await;
    agrees(&daemon.until("at 20", |c| c["height"] == 20).await, 1, 19);
    let mut moved = config(dir.path(), "[[chain]]\nid = \"x-1\"\nrpc = [\"http://127.0.0.1:1\"]\n");
    moved.data_dir = dir.path().join("elsewhere");
    daemon.reload.send(moved).await.unwrap();
    node.grow(5);
    let chain = daemon.until("at 25", |c| c["height"] == 25).await;
    agrees(&chain, 1, 24);
    assert_eq!(daemon.chains().await.as_array().unwrap().len(), 1);
    daemon.stop().await;
}
