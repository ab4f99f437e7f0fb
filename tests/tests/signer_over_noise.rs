//! CometBFT 0.40's `noise://` listener and palisade-signer: each knows the other by its peer id, and nobody else gets in.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use palisade_tests::comet_node::{CometNode, Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::ports;
use palisade_tests::process::until;
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;

const CHAIN: &str = "palisade-noise";
const BLOCKS: i64 = 50;
/// A peer that is neither of the two.
const STRANGER: &str = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5";

/// A signer and a node, as their operators set them up: `peer-id` on each side, written down on the other.
struct Stage {
    signer: Signer,
    node: CometNode,
    signer_id: String,
    node_id: String,
}

impl Stage {
    /// `signer_pins` and `node_pins` replace the right peer id by another.
    fn set(dir: &Path, signer_pins: Option<&str>, node_pins: Option<&str>) -> Self {
        let address = ports::address();
        let signer_dir = dir.join("signer");
        let plain = format!("tcp://{address}");
        let signer = Signer::make(&signer_dir, CHAIN, std::slice::from_ref(&plain)).unwrap();
        let first_line = |text: String| text.lines().next().unwrap().to_owned();
        let signer_id = first_line(signer.command(&["peer-id", "--config", "signer.toml"]).unwrap());
        let plan = Plan {
            line: Line::V0_40,
            chain_id: CHAIN,
            proxy_app: "kvstore",
            vote_extensions: false,
            timeout_commit: "50ms",
            timeout_propose: Duration::from_millis(500),
        };
        let laddr = format!("noise://{}@{address}", node_pins.unwrap_or(&signer_id));
        let node =
            network(dir, &plan, &[Validator::Remote(signer.key.clone(), laddr.clone())]).unwrap().remove(0);
        let node_key = dir.join("node0/config/node_key.json");
        let node_id =
            first_line(signer.command(&["peer-id", "--node-key", node_key.to_str().unwrap()]).unwrap());
        let path = signer_dir.join("signer.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let pinned = format!("noise://{}@{address}", signer_pins.unwrap_or(&node_id));
        std::fs::write(path, text.replace(&plain, &pinned)).unwrap();
        if node_pins.is_none() {
            // What `peer-id` says to write is what the node was given.
            let said = signer.command(&["peer-id", "--config", "signer.toml"]).unwrap();
            assert!(said.contains(&format!("priv_validator_laddr = \"{laddr}\"")), "{said}");
        }
        Self { signer, node, signer_id, node_id }
    }

    /// Starts both and waits until the signer's log has these words.
    fn says(&mut self, words: &str) {
        self.signer.start().unwrap();
        self.node.start().unwrap();
        until(words, Duration::from_secs(20), || Ok(self.signer.tail().contains(words).then_some(())))
            .unwrap_or_else(|error| panic!("{error:#}\n{}\n{}", self.signer.tail(), self.node.tail()));
        assert!(!self.signer.tail().contains("signed"), "{}", self.signer.tail());
    }
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbft_0_40_makes_blocks_over_noise() {
    let dir = Scratch::new().unwrap();
    let Stage { mut signer, mut node, .. } = Stage::set(dir.path(), None, None);
    signer.start().unwrap();
    node.start().unwrap();
    // A crash of the signer in the middle: the node takes the same one back.
    for goal in [BLOCKS / 2, BLOCKS] {
        let reached = node.reach(goal, Duration::from_secs(60));
        let height = reached.unwrap_or_else(|error| panic!("{error:#}\n{}\n{}", signer.tail(), node.tail()));
        println!("{height} blocks over noise");
        signer.kill().unwrap();
        signer.start().unwrap();
    }
    node.reach(BLOCKS + 5, Duration::from_secs(60)).unwrap();
    // The node first: without its signer it does not even stop.
    node.stop().unwrap();
    signer.stop().unwrap();
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_signer_does_not_talk_to_another_node() {
    let dir = Scratch::new().unwrap();
    let mut stage = Stage::set(dir.path(), Some(STRANGER), None);
    let words = format!("the node is {}, not {STRANGER}; try: the node's own peer id", stage.node_id);
    stage.says(&words);
}

#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_signer_says_that_a_node_expects_another() {
    let dir = Scratch::new().unwrap();
    let mut stage = Stage::set(dir.path(), None, Some(STRANGER));
    let words = format!(
        "the node hung up when it saw this signer's identity; try: priv_validator_laddr = \"noise://{}@",
        stage.signer_id
    );
    stage.says(&words);
}
