//! The signer's promise, kept under a real CometBFT node: the chain goes on through any number of crashes of either,
//! and no height, round and step is ever signed in two ways.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use palisade_tests::comet_node::{CometNode, Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::ports;
use palisade_tests::recorder::{Endpoint, Record, Recorder};
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use rand_core::{OsRng, RngCore};

const CHAIN: &str = "palisade-crash";
const BLOCKS: i64 = 100;
const SIGNER_KILLS: usize = 20;
const NODE_KILLS: usize = 8;
/// One signature in so many is released and lost on the way to the node, which then asks again.
const LOSE: usize = 25;

/// The only validator of a chain, its key only in the signer, and the recorder between them.
struct Stage {
    signer: Signer,
    node: CometNode,
    recorder: Recorder,
}

impl Stage {
    fn set(dir: &Path, to_signer: &Endpoint, to_node: &Endpoint) -> Self {
        let mut signer = Signer::make(&dir.join("signer"), CHAIN, &[to_signer.url()]).unwrap();
        let plan = Plan {
            line: Line::V0_38,
            chain_id: CHAIN,
            proxy_app: "kvstore",
            vote_extensions: false,
            timeout_commit: "50ms",
            timeout_propose: Duration::from_millis(500),
        };
        let validator = Validator::Remote(signer.key.clone(), to_node.url());
        let mut node = network(dir, &plan, &[validator]).unwrap().remove(0);
        let recorder = Recorder::start(CHAIN, signer.key.clone(), to_signer, to_node.clone(), LOSE).unwrap();
        signer.start().unwrap();
        node.start().unwrap();
        node.reach(3, Duration::from_secs(30)).unwrap();
        Self { signer, node, recorder }
    }

    /// Waits until the chain has made two more blocks.
    fn goes_on(&mut self, after: &str) -> i64 {
        let limit = Duration::from_secs(40);
        let now = self.node.reach(1, limit).unwrap();
        self.node.reach(now + 2, limit).unwrap_or_else(|error| {
            panic!(
                "after {after}: {error:#}\n--- signer:\n{}\n--- node:\n{}\n--- recorder: {:?}",
                self.signer.tail(),
                self.node.tail(),
                self.recorder.record().refusals
            )
        })
    }

    /// Compares everything that was ever signed, and the node's own blocks with it.
    fn strike(mut self, height: i64, story: &str) -> Record {
        let record = self.recorder.record();
        println!(
            "{height} blocks, {story}; {} signatures ({} lost) for {} slots, {} refusals, {} connections",
            record.signatures,
            record.lost,
            record.released.len(),
            record.refusals.len(),
            record.connects
        );
        assert_eq!(record.double_signs(), [], "one height, round and step in two ways");
        assert_eq!(record.forged, 0, "signatures that do not verify");
        assert!(record.signatures > record.released.len(), "no lost signature was ever asked for again");
        assert_every_block_is_ours(&self.node, height, &record);
        // The node first: without its signer it does not even stop.
        self.node.stop().unwrap();
        self.signer.stop().unwrap();
        record
    }
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_chain_survives_its_signers_crashes_over_tcp() {
    let dir = Scratch::new().unwrap();
    kill_the_signer(dir.path(), &Endpoint::Tcp(ports::address()), &Endpoint::Tcp(ports::address()));
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_chain_survives_its_signers_crashes_over_unix_sockets() {
    let dir = Scratch::new().unwrap();
    let [to_signer, to_node] =
        ["recorder.sock", "node.sock"].map(|name| Endpoint::Unix(dir.path().join(name)));
    kill_the_signer(dir.path(), &to_signer, &to_node);
}

/// SIGKILL at random moments, at least [`SIGNER_KILLS`] times and until the chain has [`BLOCKS`] blocks.
fn kill_the_signer(dir: &Path, to_signer: &Endpoint, to_node: &Endpoint) {
    let mut stage = Stage::set(dir, to_signer, to_node);
    let (mut height, mut kills) = (0, 0);
    while kills < SIGNER_KILLS || height < BLOCKS {
        // Between a moment and some blocks: into the handshake, the write, the answer, or the pause.
        pause(400);
        stage.signer.kill().unwrap();
        kills += 1;
        pause(100);
        stage.signer.start().unwrap();
        if kills % 2 == 0 {
            height = stage.goes_on(&format!("{kills} kills"));
        }
    }
    let record = stage.strike(height, &format!("signer killed {kills} times"));
    assert!(record.connects > kills / 2, "the signer was hardly ever connected");
}

/// A node that comes back asks again for what it has forgotten, with another timestamp or for another block.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_chain_survives_its_nodes_crashes() {
    let dir = Scratch::new().unwrap();
    let to_node = Endpoint::Tcp(ports::address());
    let mut stage = Stage::set(dir.path(), &Endpoint::Tcp(ports::address()), &to_node);
    let mut height = 0;
    for kills in 1..=NODE_KILLS {
        pause(700);
        stage.node.kill().unwrap();
        pause(200);
        stage.node.start().unwrap();
        height = stage.goes_on(&format!("{kills} kills"));
    }
    stage.strike(height, &format!("node killed {NODE_KILLS} times"));
}

fn pause(at_most_ms: u32) {
    std::thread::sleep(Duration::from_millis(u64::from(OsRng.next_u32() % at_most_ms)));
}

/// The node's own blocks carry the signatures that the signer released, and no others.
fn assert_every_block_is_ours(node: &CometNode, height: i64, record: &Record) {
    for at in 1..height {
        let commit = node.last_commit(at).unwrap();
        assert_eq!(commit.len(), 1);
        assert_eq!(commit[0]["block_id_flag"], 2, "block {at} is not committed by us");
        let signature = BASE64_STANDARD.decode(commit[0]["signature"].as_str().unwrap()).unwrap();
        assert!(
            record.has_precommit(at, &signature),
            "block {at} has a signature that the signer never released"
        );
    }
}
