//! The doppelganger guard before a scripted RPC: when requests wait, when they pass, when nothing passes any more.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;
#[path = "support/rpc.rs"]
mod rpc;

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use comet::{
    key::PrivateKey,
    key_file,
    privval::{PRECOMMIT, PubKeyRequest, Sum},
};
use node::{Listener, Node};
use palisade_signer::{
    config::Config,
    io::{
        run::{self, Running},
        store_file,
    },
    mark::{Hrs, Identity, Mark},
};
use requests::CHAIN;
use rpc::Rpc;
use tempfile::TempDir;

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[9; 32])
}

/// A signer whose mark closes everything up to `height`, guarded as `guard` says.
fn start(dir: &Path, node: &Listener, height: i64, guard: &str) -> Running {
    let config = format!(
        "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n[[key]]\nname = \"k\"\nbackend = \"softsign\"\npath = \"k.json\"\n\
         [[chain]]\nid = \"{CHAIN}\"\nkey = \"k\"\nnodes = [\"{}\"]\n{guard}\n",
        node.address()
    );
    let config = Config::parse(&config, dir).unwrap();
    if !dir.join("k.json").exists() {
        let json = key_file::write_priv_validator_key(&key().into());
        palisade_signer::io::secret_file::create(&dir.join("k.json"), json.as_bytes()).unwrap();
        let identity = Identity { chain_id: CHAIN.into(), public_key: key().public().into() };
        let floor = Mark::floor(Hrs::whole_height(height));
        store_file::create(&config.state_file(CHAIN), &identity, &floor).unwrap();
    }
    run::start(&config, "test").unwrap()
}

fn guard(rpc: &[&Rpc], more: &str) -> String {
    let urls: Vec<_> = rpc.iter().map(|rpc| format!("\"http://{}\"", rpc.address())).collect();
    format!("rpc = [{}]\ndoppelganger_blocks = 5\n{more}", urls.join(", "))
}

/// The error of the answer to a precommit at this height, or `None` when it was signed.
fn ask(link: &mut Node, height: i64) -> Option<String> {
    match link.ask(Sum::SignVoteRequest(requests::vote(PRECOMMIT, height, 0, 1, 0))) {
        Sum::SignedVoteResponse(answer) => answer.error.map(|error| error.description),
        other => panic!("not a vote's answer: {other:?}"),
    }
}

fn scene() -> (TempDir, Listener, Rpc) {
    (tempfile::tempdir().unwrap(), Listener::tcp(), Rpc::start(CHAIN))
}

#[test]
fn a_chain_without_our_signatures_is_cleared_at_once() {
    let (dir, node, rpc) = scene();
    rpc.blocks(1..=20, &[]);
    let running = start(dir.path(), &node, 10, &guard(&[&rpc], ""));
    let mut link = node.accept();
    assert_eq!(ask(&mut link, 21), None);
    // Settled: the chain may go on without another look.
    rpc.refuse(true);
    assert_eq!(ask(&mut link, 30), None);
    // From the newest down to what the mark does not cover, at most five of them.
    assert_eq!(rpc.asked(), [None, Some(19), Some(18), Some(17), Some(16)]);
    assert!(running.foreign().is_empty());
}

#[test]
fn nothing_is_signed_once_a_foreign_signature_was_seen() {
    let (dir, node, rpc) = scene();
    rpc.blocks(1..=20, &[(18, &key())]);
    let running = start(dir.path(), &node, 10, &guard(&[&rpc], ""));
    let mut link = node.accept();
    for height in [21, 22] {
        let error = ask(&mut link, height).unwrap();
        assert!(error.contains("another signer has this key") && error.contains("height 18"), "{error}");
    }
    let foreign = running.foreign();
    assert_eq!((foreign.len(), foreign[0].sighting.hrs.height), (1, 18));
    // Its only chain: `run` ends with 2.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(5), running.nothing_left()).await })
        .unwrap();
}

/// The node of a second rpc may be ahead; what one of them shows is enough.
#[test]
fn a_lagging_rpc_clears_nothing_that_it_has_not_seen() {
    let (dir, node, lagging) = scene();
    let ahead = Rpc::start(CHAIN);
    lagging.blocks(1..=12, &[]);
    ahead.blocks(1..=20, &[(19, &key())]);
    let running = start(dir.path(), &node, 10, &guard(&[&lagging, &ahead], ""));
    let mut link = node.accept();
    assert!(ask(&mut link, 21).unwrap().contains("height 19"));
    drop(running);

    // Alone it holds the request, until it has caught up.
    let (dir, node) = (tempfile::tempdir().unwrap(), Listener::tcp());
    let _running = start(dir.path(), &node, 10, &guard(&[&lagging], ""));
    let mut link = node.accept();
    let error = ask(&mut link, 21).unwrap();
    assert!(error.contains("not cleared by the doppelganger guard: no rpc has block 20 yet"), "{error}");
    lagging.blocks(13..=20, &[]);
    assert_eq!(ask(&mut link, 21), None);
}

/// A node's RPC comes up after it has the public key: the key is told at once, signatures wait.
#[test]
fn the_key_is_told_while_no_rpc_answers() {
    let (dir, node, rpc) = scene();
    rpc.refuse(true);
    let _running = start(dir.path(), &node, 10, &guard(&[&rpc], ""));
    let mut link = node.accept();
    let before = Instant::now();
    let key_answer = link.ask(Sum::PubKeyRequest(PubKeyRequest { chain_id: CHAIN.into() }));
    assert!(matches!(key_answer, Sum::PubKeyResponse(answer) if answer.error.is_none()));
    let error = ask(&mut link, 21).unwrap();
    assert!(error.contains("not cleared by the doppelganger guard: http://127.0.0.1"), "{error}");
    // The node hangs up after 5 s; the answer is there well before.
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    rpc.blocks(1..=20, &[]);
    rpc.refuse(false);
    assert_eq!(ask(&mut link, 21), None);
}

#[test]
fn an_operator_may_rather_sign_blind_than_miss_blocks() {
    let (dir, node, rpc) = scene();
    rpc.refuse(true);
    let _running = start(dir.path(), &node, 10, &guard(&[&rpc], "doppelganger_max_wait = \"3s\""));
    let mut link = node.accept();
    assert!(ask(&mut link, 21).is_some());
    thread::sleep(Duration::from_secs(1));
    assert_eq!(ask(&mut link, 21), None);
}

/// After a halt all validators wait for each other, and there is no new block to wait for.
#[test]
fn a_halted_chain_goes_on() {
    let (dir, node, rpc) = scene();
    rpc.blocks(1..=10, &[]);
    let _running = start(dir.path(), &node, 10, &guard(&[&rpc], ""));
    assert_eq!(ask(&mut node.accept(), 11), None);
}

#[test]
fn hostile_answers_hold_and_nothing_more() {
    let cases = [
        ("HTTP/1.1 500 no\r\n\r\n", "status 500"),
        ("HTTP/1.1 200 OK\r\n\r\n{}", "neither result nor error"),
        ("HTTP/1.1 200 OK\r\n\r\n{\"result\":null}", "not that of a CometBFT RPC"),
        ("HTTP/1.1 200 OK\r\n\r\n[", "not that of a CometBFT RPC"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "invalid HTTP"),
        ("", "connection closed"),
        (
            "HTTP/1.1 200 OK\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":{\"signed_header\":{\"header\":{\"chain_id\":\"x\",\
             \"height\":\"20\",\"time\":\"2026-01-02T03:04:05Z\"},\"commit\":{\"height\":\"20\"}}}}",
            "it is a node of chain \"x\"",
        ),
    ];
    // Each takes as long as a node waits.
    let answers = cases.map(|(body, why)| {
        thread::spawn(move || {
            let (dir, node, rpc) = scene();
            rpc.say(body);
            let _running = start(dir.path(), &node, 10, &guard(&[&rpc], ""));
            (why, ask(&mut node.accept(), 21).unwrap())
        })
    });
    for answer in answers {
        let (why, error) = answer.join().unwrap();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn max_height_is_the_last_height_signed() {
    let (dir, node, _) = scene();
    let _running = start(dir.path(), &node, 10, "max_height = 20");
    let mut link = node.accept();
    assert!(ask(&mut link, 21).unwrap().contains("above max_height"));
    assert_eq!(ask(&mut link, 20), None);
    assert!(ask(&mut link, 21).unwrap().contains("above max_height"));
}
