//! Several signers with one key and one mark in a real etcd: they answer alike, refuse each other's conflicts, and live
//! through what operators do to a cluster.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::{Duration, Instant};

use palisade_tests::etcd::{Cluster, Line};
use palisade_tests::privval_node::{Answer, PrivvalNode, vote};
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;

const CHAIN: &str = "palisade-shared";
const PREVOTE: i32 = 1;
const PRECOMMIT: i32 = 2;

/// Signers with one key, a node each, and their cluster.
struct Stage {
    signers: Vec<Signer>,
    nodes: Vec<PrivvalNode>,
    cluster: Cluster,
    // Kept if the test fails, so it goes last.
    dir: Scratch,
}

impl Stage {
    fn set(line: Line, signers: usize) -> Self {
        let dir = Scratch::new().unwrap();
        let mut cluster = Cluster::on_loopback(&dir.path().join("etcd"), line, 3).unwrap();
        cluster.start().unwrap();
        let mut stage = Self { signers: Vec::new(), nodes: Vec::new(), cluster, dir };
        let key = stage.dir.path().join("own.json");
        Signer::set_up(
            &stage.dir.path().join("maker"),
            CHAIN,
            &[],
            "",
            &[&["key", "generate", "keys/own.json"]],
        )
        .unwrap();
        std::fs::copy(stage.dir.path().join("maker/keys/own.json"), &key).unwrap();
        for _ in 0..signers {
            stage.add_signer(&key);
        }
        stage
    }

    fn add_signer(&mut self, key: &Path) {
        let at = self.signers.len();
        let node = PrivvalNode::listen(&self.dir.path().join(format!("node{at}.sock"))).unwrap();
        let (dir, store) = (self.dir.path().join(format!("signer{at}")), self.cluster.store("signer"));
        let of = (CHAIN, std::slice::from_ref(&node.url), store.as_str());
        let mut signer = Signer::with_same_key(&dir, of, key, Vec::new()).unwrap();
        signer.start().unwrap();
        signer.ready(Duration::from_secs(20)).unwrap_or_else(|error| panic!("{error:#}\n{}", signer.tail()));
        self.signers.push(signer);
        self.nodes.push(node);
    }

    fn ask(&mut self, at: usize, vote: &comet::privval::Vote) -> Answer {
        self.nodes[at]
            .ask(CHAIN, vote)
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.signers[at].tail()))
    }

    /// The vote is signed by the signer at `at`.
    fn signs(&mut self, at: usize, height: i64) {
        let answer = self.ask(at, &vote(PRECOMMIT, height, 0, 1, height));
        assert!(
            matches!(answer, Answer::Signed(..)),
            "height {height}: {answer:?}\n{}",
            self.signers[at].tail()
        );
    }

    fn metric(&self, at: usize, name: &str, labels: &[(&str, &str)]) -> f64 {
        let name = format!("palisade_signer_{name}");
        self.signers[at].metrics().unwrap().value(&name, labels).unwrap_or_default()
    }
}

#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn signers_with_one_mark_answer_alike_and_refuse_each_other_s_conflicts() {
    for line in [Line::V3_5, Line::V3_6] {
        let mut stage = Stage::set(line, 2);
        // The same question, asked with another timestamp: the same answer, timestamp and signature.
        for (round, kind) in [(0, PREVOTE), (0, PRECOMMIT), (1, PREVOTE)] {
            let first = stage.ask(0, &vote(kind, 7, round, 1, 100));
            let second = stage.ask(1, &vote(kind, 7, round, 1, 200));
            assert!(matches!(first, Answer::Signed(..)), "{first:?}");
            assert_eq!(first, second, "{line:?}");
        }
        // Another block for a round that the other one has signed in: refused, and not as an attack.
        let conflict = stage.ask(1, &vote(PREVOTE, 7, 1, 2, 100));
        assert!(
            matches!(&conflict, Answer::Refused(why) if why.starts_with("peer conflict")),
            "{conflict:?}"
        );
        assert_eq!(stage.metric(1, "peer_conflicts_total", &[("chain_id", CHAIN)]), 1.0);
        let prevented = [("chain_id", CHAIN), ("reason", "conflicting_block")];
        assert_eq!(stage.metric(1, "double_sign_prevented_total", &prevented), 0.0);
        // What it has signed itself stays what it always was.
        let own = stage.ask(0, &vote(PREVOTE, 7, 1, 2, 100));
        assert!(matches!(&own, Answer::Refused(why) if why.contains("double sign prevented")), "{own:?}");
        // In turns, each after the other: whoever was not asked last loses a race and signs all the same.
        for height in 8..30 {
            let at = usize::try_from(height % 2).unwrap();
            stage.signs(at, height);
            let repeat = stage.ask(1 - at, &vote(PRECOMMIT, height, 0, 1, height + 1));
            assert!(matches!(repeat, Answer::Signed(..)), "{repeat:?}");
        }
        assert!(stage.metric(0, "etcd_lost_races_total", &[("chain_id", CHAIN)]) > 5.0);
        assert_eq!(stage.metric(0, "etcd_up", &[]), 1.0);
    }
}

/// Without a quorum nothing is signed and each question gets an answer; with it back, the next one is signed.
#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn without_a_quorum_nothing_is_signed_and_with_it_everything_is_again() {
    let mut stage = Stage::set(Line::V3_6, 2);
    stage.signs(0, 1);
    stage.cluster.kill(0).unwrap();
    stage.signs(1, 2);
    stage.cluster.kill(1).unwrap();
    for at in [0, 1] {
        let started = Instant::now();
        let answer = stage.ask(at, &vote(PRECOMMIT, 3, 0, 1, 3));
        assert!(matches!(&answer, Answer::Refused(why) if why.contains("shared store")), "{answer:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "the node hangs up after 5 s");
        assert_eq!(stage.metric(at, "etcd_up", &[]), 0.0);
    }
    stage.cluster.restart_member(1).unwrap();
    stage.cluster.healthy(Duration::from_secs(20)).unwrap();
    let back = Instant::now();
    stage.signs(0, 3);
    println!("signed {:?} after the quorum was back", back.elapsed());
    // What the one signed is what the other answers with.
    assert_eq!(stage.ask(0, &vote(PRECOMMIT, 3, 0, 1, 9)), stage.ask(1, &vote(PRECOMMIT, 3, 0, 1, 8)));
}
