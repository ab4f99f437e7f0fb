//! The doppelganger guard on real nodes: a second signer with the same key is caught before it signs, and whoever has the
//! right is not disturbed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use comet::key::PrivateKey;
use palisade_tests::comet_node::{Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::ports;
use palisade_tests::process::until;
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use rand_core::OsRng;

const CHAIN: &str = "palisade-doppel";
const LIMIT: Duration = Duration::from_secs(60);

fn plan() -> Plan<'static> {
    Plan {
        line: Line::V0_38,
        chain_id: CHAIN,
        proxy_app: "kvstore",
        vote_extensions: false,
        timeout_commit: "200ms",
        timeout_propose: Duration::from_millis(600),
    }
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_second_signer_with_a_lower_mark_is_caught() {
    let dir = Scratch::new().unwrap();
    let laddr = format!("tcp://{}", ports::address());
    let mut signer = Signer::make(&dir.path().join("signer"), CHAIN, std::slice::from_ref(&laddr)).unwrap();
    let mut validators = vec![Validator::Remote(signer.key.clone(), laddr)];
    validators.extend((0..3).map(|_| Validator::Local(PrivateKey::generate(&mut OsRng))));
    let mut nodes = network(dir.path(), &plan(), &validators).unwrap();
    // From the first block on: a chain without blocks is no reason to wait, a node without its signer's answer has no RPC.
    signer.configure(&guard(&nodes[0].rpc)).unwrap();
    signer.start().unwrap();
    for node in &mut nodes {
        node.start().unwrap();
    }
    nodes[0].reach(8, LIMIT).unwrap();

    // The same key on another machine, with a mark that somebody guessed too low, for a node that would ask it.
    let key = dir.path().join("signer/keys/own.json");
    let import_key = ["key", "import", key.to_str().unwrap(), "keys/own.json"];
    let init = ["state", "init", "--config", "signer.toml", "--chain", CHAIN, "--height", "3"];
    let nowhere = format!("tcp://{}", ports::address());
    let setup: [&[&str]; 2] = [&import_key, &init];
    let mut second =
        Signer::set_up(&dir.path().join("second"), CHAIN, &[nowhere], &guard(&nodes[1].rpc), &setup).unwrap();
    second.start().unwrap();
    let status = second.ended(LIMIT).unwrap();
    let said = second.tail();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(
        said.contains("another signer has this key: the chain has a precommit of it at height"),
        "{said}"
    );
    assert!(said.contains("try: find and stop the other signer for good"), "{said}");
    let shown = second.command(&["state", "show", "--config", "signer.toml"]).unwrap();
    assert!(shown.contains("height 3, all rounds"), "{shown}");

    // The right one is not disturbed by restarts, while its node keeps running and asks all the time.
    let address = signer.key.address().to_string();
    let from = nodes[1].height().unwrap();
    for _ in 0..3 {
        signer.stop().unwrap();
        signer.start().unwrap();
        let now = nodes[1].height().unwrap();
        nodes[1].reach(now + 6, LIMIT).unwrap();
    }
    let to = nodes[1].height().unwrap();
    let signed = |at: &i64| {
        let commit = nodes[1].last_commit(*at).unwrap();
        commit.iter().any(|entry| entry["validator_address"] == *address && entry["block_id_flag"] == 2)
    };
    let missed: Vec<_> = (from..to).filter(|at| !signed(at)).collect();
    println!("3 restarts from block {from} to {to}: missed {} {missed:?}", missed.len());
    assert!(signed(&(to - 1)), "it does not sign after a restart\n{}", signer.tail());
    for node in &mut nodes {
        node.stop().unwrap();
    }
    signer.stop().unwrap();
}

/// All validators wait for each other and there is no new block: the chain as it stands has to do.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_halted_chain_starts_again_behind_its_guard() {
    let dir = Scratch::new().unwrap();
    let laddr = format!("tcp://{}", ports::address());
    let mut signer = Signer::make(&dir.path().join("signer"), CHAIN, std::slice::from_ref(&laddr)).unwrap();
    let validator = Validator::Remote(signer.key.clone(), laddr);
    let mut node = network(dir.path(), &plan(), &[validator]).unwrap().remove(0);
    signer.configure(&guard(&node.rpc)).unwrap();
    signer.start().unwrap();
    node.start().unwrap();
    let mut height = node.reach(3, LIMIT).unwrap();
    for killed in ["signer", "node", "both"] {
        if killed != "node" {
            signer.kill().unwrap();
        }
        if killed != "signer" {
            node.kill().unwrap();
            node.start().unwrap();
        }
        if killed != "node" {
            signer.start().unwrap();
        }
        height = until(killed, LIMIT, || Ok(Some(node.height()?).filter(|now| *now >= height + 3)))
            .unwrap_or_else(|error| {
                panic!("{error:#}\n--- signer:\n{}\n--- node:\n{}", signer.tail(), node.tail())
            });
    }
    println!("a chain of one validator is at block {height} after three restarts");
    node.stop().unwrap();
    signer.stop().unwrap();
}

fn guard(rpc: &str) -> String {
    format!("rpc = [\"http://{rpc}\"]\ndoppelganger_blocks = 20\n")
}
