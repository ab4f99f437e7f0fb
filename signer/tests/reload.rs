//! A running signer goes over to another configuration: what stays the same does not notice, what is wrong changes nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use comet::privval::{PREVOTE, Sum};
use node::{Listener, Node, eventually};
use palisade_signer::{
    config::Config,
    io::{key_cmd, run, state_cmd::Target, store_file::StateFileError},
    mark::Hrs,
};
use requests::vote;
use tempfile::TempDir;

/// Chains with the key of each and its nodes.
fn config(dir: &TempDir, chains: &[(&str, &str, &[&Listener])]) -> Config {
    let mut text = "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n".to_owned();
    let mut keys: Vec<_> = chains.iter().map(|chain| chain.1).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let file = dir.path().join(format!("{key}.json"));
        if !file.exists() {
            key_cmd::generate(&file, comet::consensus::KeyType::Ed25519).unwrap();
        }
        text += &format!("[[key]]\nname = \"{key}\"\nbackend = \"softsign\"\npath = \"{key}.json\"\n");
    }
    for (chain, key, nodes) in chains {
        let nodes: Vec<_> = nodes.iter().map(|node| node.address()).collect();
        text += &format!("[[chain]]\nid = \"{chain}\"\nkey = \"{key}\"\nnodes = {nodes:?}\n");
    }
    Config::parse(&text, dir.path()).unwrap()
}

fn init(config: &Config, chain: &str) {
    Target::find(config, chain).unwrap().init(Hrs::whole_height(0), false).unwrap();
}

fn signs(node: &mut Node, chain: &str, height: i64) {
    let mut request = vote(PREVOTE, height, 0, 1, 0);
    request.chain_id = chain.into();
    let Sum::SignedVoteResponse(answer) = node.ask(Sum::SignVoteRequest(request)) else { panic!("no vote") };
    assert_eq!(answer.error, None, "{chain} {height}");
}

#[test]
fn unchanged_links_stay_while_others_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let [stays, leaves, joins, fresh] = [(); 4].map(|()| Listener::tcp());
    let old = config(&dir, &[("one-1", "a", &[&stays, &leaves])]);
    init(&old, "one-1");
    let running = run::start(&old, "test").unwrap();
    let (mut stay, mut leave) = (stays.accept(), leaves.accept());
    signs(&mut stay, "one-1", 1);
    signs(&mut leave, "one-1", 2);

    // Another node for the chain, another chain with the same key, and one with a key of its own.
    let other = Listener::tcp();
    let new = config(
        &dir,
        &[("two-1", "b", &[&fresh]), ("one-1", "a", &[&joins, &stays]), ("three-1", "a", &[&other])],
    );
    for chain in ["two-1", "three-1"] {
        init(&new, chain);
    }
    let plan = running.reload(&new).unwrap();
    assert_eq!((plan.keys_added.len(), plan.chains_added.len()), (1, 2));
    assert_eq!(leave.receive(), None, "its node was taken away");
    signs(&mut stay, "one-1", 3);
    signs(&mut joins.accept(), "one-1", 4);
    signs(&mut fresh.accept(), "two-1", 1);
    // Kept until its chain goes, or the signer would have dialled anew by then, and that connection would be found below.
    let mut first = other.accept();
    signs(&mut first, "three-1", 1);
    // The connection is the one from before, and the same configuration again changes nothing.
    assert!(running.reload(&new).unwrap().is_empty());
    signs(&mut stay, "one-1", 5);

    // Back again: the chains that go give up the lock of their state.
    running.reload(&config(&dir, &[("one-1", "a", &[&stays])])).unwrap();
    signs(&mut stay, "one-1", 6);
    for chain in ["two-1", "three-1"] {
        assert!(Target::find(&new, chain).unwrap().init(Hrs::whole_height(50), true).is_ok(), "{chain}");
    }
    // And what is there can be taken up again, above what was signed in the meantime.
    let back = config(&dir, &[("one-1", "a", &[&stays]), ("three-1", "a", &[&other])]);
    running.reload(&back).unwrap();
    drop(first);
    let mut other = other.accept();
    let mut request = vote(PREVOTE, 50, 0, 1, 0);
    request.chain_id = "three-1".into();
    let refused = other.refused(Sum::SignVoteRequest(request)).description;
    assert!(refused.contains("height 50"), "{refused}");
    signs(&mut other, "three-1", 51);
}

#[test]
fn a_configuration_that_cannot_be_had_keeps_the_old_one_whole() {
    let dir = tempfile::tempdir().unwrap();
    let [stays, never, nor] = [(); 3].map(|()| Listener::tcp());
    let old = config(&dir, &[("one-1", "a", &[&stays])]);
    init(&old, "one-1");
    let running = run::start(&old, "test").unwrap();
    let mut node = stays.accept();
    signs(&mut node, "one-1", 1);

    // A chain without a state, behind one that is fine: neither comes.
    let new =
        config(&dir, &[("one-1", "a", &[&stays]), ("two-1", "b", &[&never]), ("three-1", "b", &[&nor])]);
    init(&new, "two-1");
    let error = running.reload(&new).unwrap_err();
    assert!(
        matches!(&error, run::ReloadError::Open(run::StartError::State { chain_id, source: StateFileError::Missing { .. } }) if chain_id == "three-1"),
        "{error}"
    );
    // What was opened for it was let go again.
    Target::find(&new, "two-1").unwrap().init(Hrs::whole_height(9), true).unwrap();
    // Another key for the chain, another place for the marks.
    for (new, says) in [
        (config(&dir, &[("one-1", "b", &[&stays])]), "from key \"a\" to key \"b\""),
        (Config { state_dir: "/elsewhere".into(), ..old.clone() }, "state_dir"),
    ] {
        let error = running.reload(&new).unwrap_err().to_string();
        assert!(error.starts_with("needs a restart: ") && error.contains(says), "{error}");
    }
    signs(&mut node, "one-1", 2);
    let metrics = http_get(&running);
    for line in ["config_reload_failures_total 3", "config_reload_success_timestamp_seconds 1"] {
        assert!(metrics.contains(&format!("palisade_signer_{line}")), "{metrics}");
    }
}

#[test]
fn links_that_are_taken_away_leave_no_series() {
    let dir = tempfile::tempdir().unwrap();
    let [stays, leaves] = [(); 2].map(|()| Listener::tcp());
    let old = config(&dir, &[("one-1", "a", &[&stays]), ("two-1", "b", &[&leaves])]);
    for chain in ["one-1", "two-1"] {
        init(&old, chain);
    }
    let running = run::start(&old, "test").unwrap();
    let (mut stay, mut leave) = (stays.accept(), leaves.accept());
    signs(&mut stay, "one-1", 1);
    signs(&mut leave, "two-1", 1);
    eventually("counted", || http_get(&running).contains("last_signed_height{chain_id=\"two-1\"} 1"));
    running.reload(&config(&dir, &[("one-1", "a", &[&stays])])).unwrap();
    let metrics = http_get(&running);
    for gauge in ["last_signed_height", "node_connected", "node_silence_seconds"] {
        assert!(!metrics.contains(&format!("{gauge}{{chain_id=\"two-1\"")), "{metrics}");
        assert!(metrics.contains(&format!("{gauge}{{chain_id=\"one-1\"")), "{metrics}");
    }
    assert!(!metrics.contains("key_stopped{key=\"b\"}"), "{metrics}");
}

fn http_get(running: &run::Running) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(running.listen()).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
