//! Tendermint 0.33 and palisade-signer: the last line that speaks amino, and its own test of a remote signer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::canonical;
use comet::privval::{BlockId, PRECOMMIT, PartSetHeader, Timestamp, Vote};
use palisade_tests::comet_node::{Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::process::Process;
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use palisade_tests::{binaries, ports};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const CHAIN: &str = "palisade-033";
const BLOCKS: i64 = 50;

/// As an operator writes it.
fn with_protocol(dir: &std::path::Path, addr: &str) {
    let path = dir.join("signer.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let entry = format!("{{ addr = \"{addr}\", protocol = \"0.33\" }}");
    let named = text.replace(&format!("{addr:?}"), &entry);
    assert_ne!(named, text);
    std::fs::write(path, named).unwrap();
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn tendermint_0_33_makes_blocks_with_a_key_that_only_the_signer_has() {
    let dir = Scratch::new().unwrap();
    for (name, addr) in [
        ("tcp", format!("tcp://{}", ports::address())),
        ("unix", format!("unix://{}", dir.path().join("node.sock").display())),
    ] {
        let dir = dir.path().join(name);
        let signer_dir = dir.join("signer");
        let mut signer = Signer::make(&signer_dir, CHAIN, std::slice::from_ref(&addr)).unwrap();
        with_protocol(&signer_dir, &addr);
        let plan = Plan {
            line: Line::V0_33,
            chain_id: CHAIN,
            proxy_app: "kvstore",
            vote_extensions: false,
            timeout_commit: "50ms",
            timeout_propose: Duration::from_millis(500),
        };
        let mut node =
            network(&dir, &plan, &[Validator::Remote(signer.key.clone(), addr)]).unwrap().remove(0);
        signer.start().unwrap();
        node.start().unwrap();
        // Half of it, then a crash of the signer, then the rest.
        let reached = node.reach(BLOCKS / 2, Duration::from_secs(60));
        reached.unwrap_or_else(|error| panic!("{error:#}\n{}\n{}", signer.tail(), node.tail()));
        signer.kill().unwrap();
        signer.start().unwrap();
        let height = node.reach(BLOCKS + 1, Duration::from_secs(60));
        let height = height.unwrap_or_else(|error| panic!("{error:#}\n{}\n{}", signer.tail(), node.tail()));
        for at in 1..height {
            let commit = node.last_commit(at).unwrap();
            let (vote, signature) = precommit(at, &commit[0], &node.commit_of(at).unwrap());
            assert!(
                signer.key.verify(&canonical::amino::vote(CHAIN, &vote), &signature),
                "block {at} is not signed by the signer's key: {vote:?}"
            );
        }
        println!("{height} blocks over {name}, every commit verified");
        // The node first: without its signer it does not even stop.
        node.stop().unwrap();
        signer.stop().unwrap();
    }
}

/// The vote that a commit's signature is over. Its round is 0 as long as nobody was late, and the commit says which it was.
fn precommit(height: i64, signature: &Value, commit: &Value) -> (Vote, Vec<u8>) {
    let hex = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let id = &commit["block_id"];
    let at = OffsetDateTime::parse(signature["timestamp"].as_str().unwrap(), &Rfc3339).unwrap();
    let number =
        |value: &Value| value.as_str().map_or_else(|| value.as_i64().unwrap(), |n| n.parse().unwrap());
    let vote = Vote {
        r#type: PRECOMMIT,
        height,
        round: i32::try_from(number(&commit["round"])).unwrap(),
        block_id: Some(BlockId {
            hash: hex(&id["hash"]),
            part_set_header: Some(PartSetHeader {
                total: u32::try_from(number(&id["parts"]["total"])).unwrap(),
                hash: hex(&id["parts"]["hash"]),
            }),
        }),
        timestamp: Some(Timestamp {
            seconds: at.unix_timestamp(),
            nanos: i32::try_from(at.nanosecond()).unwrap(),
        }),
        ..Vote::default()
    };
    (vote, BASE64_STANDARD.decode(signature["signature"].as_str().unwrap()).unwrap())
}

/// Tendermint's own test: public key, a proposal, a prevote and a precommit, each verified by it.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn tm_signer_harness_of_0_33_passes() {
    let dir = Scratch::new().unwrap();
    let signer_dir = dir.path().join("signer");
    let addr = format!("tcp://{}", ports::address());
    let mut signer = Signer::make(&signer_dir, CHAIN, std::slice::from_ref(&addr)).unwrap();
    with_protocol(&signer_dir, &addr);
    // It compares with the key and the chain of a node's home.
    let home = dir.path().join("home");
    std::fs::create_dir_all(home.join("config")).unwrap();
    std::fs::create_dir_all(home.join("data")).unwrap();
    std::fs::copy(signer_dir.join("keys/own.json"), home.join("config/priv_validator_key.json")).unwrap();
    std::fs::write(home.join("data/priv_validator_state.json"), Line::V0_33.fresh_state()).unwrap();
    let plan = Plan {
        line: Line::V0_33,
        chain_id: CHAIN,
        proxy_app: "kvstore",
        vote_extensions: false,
        timeout_commit: "50ms",
        timeout_propose: Duration::from_millis(500),
    };
    network(dir.path(), &plan, &[Validator::Remote(signer.key.clone(), addr.clone())]).unwrap();
    std::fs::copy(dir.path().join("node0/config/genesis.json"), home.join("config/genesis.json")).unwrap();

    signer.start().unwrap();
    let mut command = Command::new(binaries::signer_harness_amino().unwrap());
    command.args(["run", "-addr", &addr, "-tmhome"]).arg(&home);
    let log = dir.path().join("harness.log");
    let mut harness = Process::start("tm-signer-harness", &mut command, &log).unwrap();
    let status = harness.wait(Duration::from_secs(60)).unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(status.success(), "{status}\n{said}\n{}", signer.tail());
    assert!(said.contains("SUCCESS"), "{said}");
    signer.stop().unwrap();
}
