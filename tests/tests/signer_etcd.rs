//! Several signers with one key and one mark in a real etcd: they answer alike, refuse each other's conflicts, and live
//! without a quorum.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use palisade_tests::etcd::Line;
use palisade_tests::etcd_stage::{CHAIN, PRECOMMIT, PREVOTE, Stage};
use palisade_tests::http;
use palisade_tests::privval_node::{Answer, vote};
use palisade_tests::process::until;

#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn signers_with_one_mark_answer_alike_and_refuse_each_other_s_conflicts() {
    for line in [Line::V3_5, Line::V3_6] {
        let mut stage = Stage::set(line, 2).unwrap();
        // The same question, asked with another timestamp: the same answer, timestamp and signature.
        for (round, kind) in [(0, PREVOTE), (0, PRECOMMIT), (1, PREVOTE)] {
            let first = stage.ask(0, &vote(kind, 7, round, 1, 100)).unwrap();
            let second = stage.ask(1, &vote(kind, 7, round, 1, 200)).unwrap();
            assert!(matches!(first, Answer::Signed(..)), "{first:?}");
            assert_eq!(first, second, "{line:?}");
        }
        // Another block for a round that the other one has signed in: refused, and not as an attack.
        let conflict = stage.ask(1, &vote(PREVOTE, 7, 1, 2, 100)).unwrap();
        assert!(
            matches!(&conflict, Answer::Refused(why) if why.starts_with("peer conflict")),
            "{conflict:?}"
        );
        // The answer leaves before it is counted.
        until("the conflict is counted", Duration::from_secs(20), || {
            let counted = stage.metric(1, "peer_conflicts_total", &[("chain_id", CHAIN)])?;
            Ok((counted == 1.0).then_some(()))
        })
        .unwrap();
        let prevented = [("chain_id", CHAIN), ("reason", "conflicting_block")];
        assert_eq!(stage.metric(1, "double_sign_prevented_total", &prevented).unwrap(), 0.0);
        // What it has signed itself stays what it always was.
        let own = stage.ask(0, &vote(PREVOTE, 7, 1, 2, 100)).unwrap();
        assert!(matches!(&own, Answer::Refused(why) if why.contains("double sign prevented")), "{own:?}");
        // In turns, each after the other: whoever was not asked last loses a race and signs all the same.
        for height in 8..30 {
            let at = usize::try_from(height % 2).unwrap();
            stage.signs(at, height).unwrap();
            let repeat = stage.ask(1 - at, &vote(PRECOMMIT, height, 0, 1, height + 1)).unwrap();
            assert!(matches!(repeat, Answer::Signed(..)), "{repeat:?}");
        }
        assert!(stage.metric(0, "etcd_lost_races_total", &[("chain_id", CHAIN)]).unwrap() > 5.0);
        assert_eq!(stage.metric(0, "etcd_up", &[]).unwrap(), 1.0);
        rules_ask_for_what_there_is(&stage);
        // Where the time goes, on average.
        for (what, name, labels) in [
            ("compare-and-swap", "etcd_swap_duration_seconds", &[("chain_id", CHAIN)][..]),
            (
                "mark durable in both",
                "request_duration_seconds",
                &[("chain_id", CHAIN), ("phase", "persist")],
            ),
            ("whole request", "request_duration_seconds", &[("chain_id", CHAIN), ("phase", "total")]),
        ] {
            let part = |of: &str| stage.metric(0, &format!("{name}_{of}"), labels).unwrap();
            println!("figure: {line:?}: {what}: {:.2} ms", part("sum") / part("count") * 1e3);
        }
    }
}

/// Without a quorum nothing is signed and each question gets an answer; with it back, the next one is signed.
#[test]
#[ignore = "needs real etcd: tests/run, two at once"]
fn without_a_quorum_nothing_is_signed_and_with_it_everything_is_again() {
    let mut stage = Stage::set(Line::V3_6, 2).unwrap();
    stage.signs(0, 1).unwrap();
    stage.cluster.kill(0).unwrap();
    stage.signs(1, 2).unwrap();
    stage.cluster.kill(1).unwrap();
    for at in [0, 1] {
        let started = Instant::now();
        let answer = stage.ask(at, &vote(PRECOMMIT, 3, 0, 1, 3)).unwrap();
        assert!(matches!(&answer, Answer::Refused(why) if why.contains("shared store")), "{answer:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "the node hangs up after 5 s");
        assert_eq!(stage.metric(at, "etcd_up", &[]).unwrap(), 0.0);
    }
    stage.cluster.restart_member(1).unwrap();
    stage.cluster.healthy(Duration::from_secs(20)).unwrap();
    let back = Instant::now();
    stage.signs(0, 3).unwrap();
    println!("signed {:?} after the quorum was back", back.elapsed());
    // What the one signed is what the other answers with.
    let [one, other] = [0, 1].map(|at| stage.ask(at, &vote(PRECOMMIT, 3, 0, 1, 8)).unwrap());
    assert_eq!(one, other);
}

/// The alerts on shared marks name metrics that exist.
fn rules_ask_for_what_there_is(stage: &Stage) {
    let rules = include_str!("../../examples/prometheus/palisade.rules.yml");
    let metrics = http::get(&stage.signers[0].listen, "/metrics").unwrap();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: Vec<&str> =
        words.filter(|word| word.contains("signer_etcd_") || word.contains("peer_conflicts_")).collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let family = name.trim_end_matches("_bucket");
        assert!(
            metrics.contains(&format!("# TYPE {family} ")),
            "the rules ask for {name}, which nobody exposes"
        );
    }
}
