//! One signer, no setting for any of them: every node line that speaks protobuf makes blocks with its key in
//! palisade-signer only, and those that have vote extensions also with extensions of every size they can take. And a
//! validator's key need not be Ed25519.
//!
//! Tendermint 0.33 speaks amino and has a test of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::consensus::KeyType;
use comet::frame::MAX_TO_NODE;
use comet::privval::{PRECOMMIT, PREVOTE, PROPOSAL};
use palisade_signer::request::MAX_EXTENSION;
use palisade_tests::comet_node::{CometNode, Plan, Validator, network};
use palisade_tests::node_line::Line;
use palisade_tests::process::until;
use palisade_tests::recorder::{Endpoint, Record, Recorder};
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use palisade_tests::{abci_app, ports};

/// Heights from 1 that get a block; with vote extensions the one at this height is beyond what a node can write down.
const BLOCKS: i64 = 52;
const LIMIT: Duration = Duration::from_secs(90);
/// What a node before 0.40 reads at most of one answer.
const READ_LIMIT: usize = MAX_TO_NODE;
/// The largest extension with which a node lives on: its vote must fit one record of the write-ahead log, 1 MiB and 24
/// bytes in every line (tried: 0.38.25, 0.40.0 and 1.0.1 stop consensus at 100 bytes more).
const LARGEST_WRITTEN: usize = MAX_EXTENSION - 300;

macro_rules! tests {
    ($run:expr; $($name:ident: $line:expr,)*) => {$(
        #[test]
        #[ignore = "needs real nodes: tests/run"]
        fn $name() {
            $run($line);
        }
    )*};
}

tests! { |line| Stage::set(line, KeyType::Ed25519, "kvstore", false).strike();
    v0_34_makes_blocks: Line::V0_34,
    v0_37_makes_blocks: Line::V0_37,
    v0_38_makes_blocks: Line::V0_38,
    v0_39_makes_blocks: Line::V0_39,
    v0_40_makes_blocks: Line::V0_40,
    v1_0_makes_blocks: Line::V1_0,
}

tests! { extend_votes;
    v0_38_extends_votes: Line::V0_38,
    v0_39_extends_votes: Line::V0_39,
    v0_40_extends_votes: Line::V0_40,
    v1_0_extends_votes: Line::V1_0,
}

tests! { |(line, key_type)| with_keys_of(line, key_type);
    v0_38_with_a_secp256k1_key: (Line::V0_38, KeyType::Secp256k1),
    v0_40_with_a_secp256k1_key: (Line::V0_40, KeyType::Secp256k1),
    v0_40_with_a_secp256k1eth_key: (Line::V0_40, KeyType::Secp256k1Eth),
    v0_40_with_an_ml_dsa_65_key: (Line::V0_40, KeyType::MlDsa65),
}

/// Consensus params that allow this type only, and small extensions: the node verifies three kinds of signature of it. What
/// stands in its blocks is what the signer released.
fn with_keys_of(line: Line, key_type: KeyType) {
    let app = abci_app::serve(|_| vec![0xe7; 64]).unwrap();
    let stage = Stage::set(line, key_type, &app, true);
    let commits: Vec<_> = (1..BLOCKS - 1).map(|height| stage.node.last_commit(height).unwrap()).collect();
    let record = stage.strike();
    for (height, commit) in (1..).zip(commits) {
        let signature = BASE64_STANDARD.decode(commit[0]["signature"].as_str().unwrap()).unwrap();
        assert_eq!(signature.len(), key_type.signature_size());
        assert!(record.has_precommit(height, &signature), "height {height}");
        assert_eq!(record.extensions.range((height, 0)..(height + 1, 0)).next().unwrap().1, &64);
    }
}

/// Empty, small, around what old nodes read in one answer, as large as a node can take, and what the protocol allows.
fn extend_votes(line: Line) {
    fn extension(height: i64) -> Vec<u8> {
        let length = match (height, height % 5) {
            (BLOCKS.., _) => MAX_EXTENSION,
            (_, 0) => 0,
            (_, 1) => 1,
            (_, 2) => READ_LIMIT - 300,
            (_, 3) => READ_LIMIT,
            _ => LARGEST_WRITTEN,
        };
        vec![0xe7; length]
    }
    let app = abci_app::serve(extension).unwrap();
    let stage = Stage::set(line, KeyType::Ed25519, &app, true);
    // The node asks for this signature before it tries to write the vote down.
    until("an extension of 1 MiB is signed", LIMIT, || {
        Ok(stage.recorder.record().extensions.into_values().find(|length| *length == MAX_EXTENSION))
    })
    .unwrap();
    let record = stage.strike();
    for height in 1..BLOCKS {
        let signed: Vec<usize> =
            record.extensions.range((height, 0)..(height + 1, 0)).map(|(_, length)| *length).collect();
        assert!(signed.contains(&extension(height).len()), "height {height}: {signed:?}");
    }
}

/// A chain of one validator with [`BLOCKS`] blocks, its key only in the signer, and the recorder between them.
struct Stage {
    line: Line,
    signer: Signer,
    node: CometNode,
    recorder: Recorder,
    _dir: Scratch,
}

impl Stage {
    fn set(line: Line, key_type: KeyType, proxy_app: &str, vote_extensions: bool) -> Self {
        let dir = Scratch::new().unwrap();
        let chain_id = "palisade-lines";
        let (to_signer, to_node) = (Endpoint::Tcp(ports::address()), Endpoint::Tcp(ports::address()));
        let mut signer =
            Signer::with_key(key_type, &dir.path().join("signer"), chain_id, &[to_signer.url()]).unwrap();
        let plan = Plan {
            line,
            chain_id,
            proxy_app,
            vote_extensions,
            timeout_commit: "10ms",
            timeout_propose: Duration::from_secs(2),
        };
        let validator = Validator::Remote(signer.key.clone(), to_node.url());
        let mut node = network(dir.path(), &plan, &[validator]).unwrap().remove(0);
        let recorder = Recorder::start(chain_id, signer.key.clone(), &to_signer, to_node, 0).unwrap();
        signer.start().unwrap();
        node.start().unwrap();
        // With vote extensions the last block is the one before the extension that no node can write down.
        node.reach(BLOCKS - 1, LIMIT).unwrap_or_else(|error| {
            panic!("{line:?}: {error:#}\n--- signer:\n{}\n--- node:\n{}", signer.tail(), node.tail())
        });
        Self { line, signer, node, recorder, _dir: dir }
    }

    fn strike(mut self) -> Record {
        let record = self.recorder.record();
        println!(
            "{:?}: {} signatures for {} slots, {} extensions of up to {} bytes, longest answer {} bytes",
            self.line,
            record.signatures,
            record.released.len(),
            record.extensions.len(),
            record.extensions.values().max().unwrap_or(&0),
            record.longest_answer
        );
        assert_eq!(record.double_signs(), [], "one height, round and step in two ways");
        assert_eq!(record.forged, 0, "signatures that do not verify");
        assert_eq!(record.refusals, Vec::<String>::new());
        assert!(record.longest_answer < READ_LIMIT);
        for height in 1..BLOCKS {
            let kinds: Vec<i32> = record
                .released
                .range((height, 0, 0)..(height + 1, 0, 0))
                .map(|((_, _, kind), _)| *kind)
                .collect();
            for kind in [PROPOSAL, PREVOTE, PRECOMMIT] {
                assert!(kinds.contains(&kind), "height {height}: only {kinds:?}");
            }
        }
        // The last commit of all is not in a block yet.
        for height in 1..BLOCKS - 1 {
            let commit = self.node.last_commit(height).unwrap();
            assert_eq!((commit.len(), &commit[0]["block_id_flag"]), (1, &2.into()), "height {height}");
        }
        self.node.stop().unwrap();
        self.signer.stop().unwrap();
        record
    }
}
