//! Tendermint's own judge of a remote signer, `tm-signer-harness`: it asks for the key, a proposal, a prevote and a precommit,
//! and verifies each signature. Its exit status is the verdict.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use comet::key::PrivateKey;
use comet::key_file::read_priv_validator_key;
use palisade_tests::comet_node::{Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::process::Process;
use palisade_tests::recorder::Endpoint;
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use palisade_tests::{binaries, ports};

const CHAIN: &str = "palisade-harness";
/// Its exit status when the proposal is not signed (`ErrTestSignProposalFailed`).
const PROPOSAL_FAILED: i32 = 9;

#[test]
#[ignore = "needs real nodes: tests/run"]
fn the_harness_passes_over_tcp() {
    let dir = Scratch::new().unwrap();
    judge_twice(dir.path(), &Endpoint::Tcp(ports::address()));
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn the_harness_passes_over_unix_sockets() {
    let dir = Scratch::new().unwrap();
    judge_twice(dir.path(), &Endpoint::Unix(dir.path().join("harness.sock")));
}

/// Once to pass. Then again with the same state: it asks for heights that are signed already, and must be refused.
fn judge_twice(dir: &Path, at: &Endpoint) {
    let mut signer = Signer::make(&dir.join("signer"), CHAIN, &[at.url()]).unwrap();
    let key = std::fs::read_to_string(dir.join("signer/keys/own.json")).unwrap();
    let seed = read_priv_validator_key(&key).unwrap().to_bytes().unwrap();
    let key = PrivateKey::from_seed(seed[..32].try_into().unwrap());
    let plan = Plan {
        line: Line::V0_34,
        chain_id: CHAIN,
        proxy_app: "kvstore",
        vote_extensions: false,
        timeout_commit: "1s",
        timeout_propose: Duration::from_secs(1),
    };
    let node = network(dir, &plan, &[Validator::Local(key)]).unwrap().remove(0);
    signer.start().unwrap();

    for (run, expected) in [(1, 0), (2, PROPOSAL_FAILED)] {
        let mut command = Command::new(binaries::signer_harness().unwrap());
        command.args(["run", "-accept-retries", "1500", "-addr", &at.url(), "-tmhome"]).arg(node.home());
        let log = dir.join(format!("harness{run}.log"));
        let mut harness = Process::start("tm-signer-harness", &mut command, &log).unwrap();
        let status = harness.wait(Duration::from_secs(40)).unwrap();
        let output = harness.output().unwrap();
        assert_eq!(status.code(), Some(expected), "run {run}:\n{output}\n--- signer:\n{}", signer.tail());
        assert_eq!(output.contains("SUCCESS! All tests passed."), expected == 0, "{output}");
    }
    assert!(signer.tail().contains("height regression"), "{}", signer.tail());
    signer.stop().unwrap();
}
