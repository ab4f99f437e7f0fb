//! Whole chains without sockets: signatures, sets, jailings, evidence, all as the rules have it.

use std::time::Duration;

use comet::block::{FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL};
use comet::canonical;
use comet::privval::{PRECOMMIT, Vote as PrivvalVote};

use super::*;
use crate::offline::{Offline, Stuck};
use crate::round::nil;
use crate::script::Script;

const START: Timestamp = Timestamp { seconds: 1_700_000_000, nanos: 0 };

fn offline(script: &str) -> Offline {
    let script = Script::parse(script, 64).unwrap();
    Offline::new(Origin::akashnet_1(), script, 1, START, Duration::from_secs(1))
}

fn run(chain: &mut Offline, blocks: usize) -> Vec<Arc<Finalized>> {
    (0..blocks).map(|_| chain.step().unwrap()).collect()
}

#[test]
fn every_signature_is_a_precommit_of_its_validator() {
    let mut chain =
        offline("[[event]]\nat = 2\nvalidator = 3\nnil = 1\n[[event]]\nat = 2\nvalidator = 4\ndown = 1");
    let blocks = run(&mut chain, 3);
    let (signed, next) = (&blocks[1], &blocks[2]);
    assert_eq!(next.draft.block.last_commit.as_ref(), Some(&signed.commit));
    let mut flags = [0; 4];
    for (validator, sig) in signed.rotation.validators().iter().zip(&signed.commit.signatures) {
        flags[usize::try_from(sig.block_id_flag).unwrap()] += 1;
        if sig.block_id_flag == FLAG_ABSENT {
            continue;
        }
        let vote = PrivvalVote {
            r#type: PRECOMMIT,
            height: 2,
            round: signed.commit.round,
            block_id: Some(if sig.block_id_flag == FLAG_COMMIT { signed.draft.id.clone() } else { nil() }),
            timestamp: sig.timestamp,
            ..PrivvalVote::default()
        };
        assert!(validator.pub_key.verify(&canonical::vote("akashnet-1", &vote), &sig.signature));
    }
    assert_eq!((flags[1], flags[2], flags[3]), (1, 62, i32::from(FLAG_NIL == 3)));
}

#[test]
fn headers_chain_up() {
    let mut chain = offline("[[event]]\nat = 5\nvalidator = 9\npower = 3000");
    let blocks = run(&mut chain, 12);
    for pair in blocks.windows(2) {
        let [a, b] = pair else { unreachable!() };
        let (header, next) = (a.draft.block.header.as_ref().unwrap(), b.draft.block.header.as_ref().unwrap());
        assert_eq!(next.last_block_id.as_ref(), Some(&a.draft.id));
        assert_eq!(header.next_validators_hash, next.validators_hash);
        assert_eq!(next.last_commit_hash, a.commit.hash());
        assert_eq!(next.app_hash, a.app_hash);
        assert!(next.time > header.time);
    }
    // Told in block 5, in the set from block 7.
    let power = |height: usize| blocks[height - 1].rotation.set().total_power();
    assert_eq!((power(6), power(7)), (62_577, 64_577));
    let changed: Vec<i64> = blocks.iter().filter(|b| !b.updates.is_empty()).map(|b| b.draft.height).collect();
    assert_eq!(changed, [5]);
}

#[test]
fn down_jailed_unjailed_and_back() {
    let mut chain = offline(
        "[chain]\nwindow = 20\nmin_signed = '0.5'\njail = '10s'\n
        [[event]]\nat = 50\nvalidator = 7\ndown = 15\n[[event]]\nat = 62\nvalidator = 7\nunjail = true",
    );
    let blocks = run(&mut chain, 100);
    let address = chain.chain().app().accounts[7].identity.address;
    let info = |height: usize| *blocks[height - 1].app.find(&address).unwrap().info.as_ref().unwrap();
    // Absent from 50 on; its miss of height h is counted in block h + 1; the 11th miss jails.
    assert_eq!((info(60).missed, info(61).missed, info(61).index_offset), (10, 0, 0));
    let jailed = |height: usize| blocks[height - 1].app.find(&address).unwrap().jailed;
    assert!(!jailed(60) && jailed(61));
    let member = |height: usize| blocks[height - 1].rotation.set().index_of(&address).is_some();
    assert!(member(62) && !member(63), "out of the set two blocks later");
    assert_eq!(blocks[60].events.last().map(|e| e.attributes[2].1.clone()), Some("missing_signature".into()));
    // It asks at 62 and is let go as soon as its time is served.
    let free = (62..100).find(|h| !jailed(*h)).unwrap();
    let released = blocks[free - 1].draft.time;
    assert!(released >= info(free).jailed_until && blocks[free - 2].draft.time < info(free).jailed_until);
    assert_eq!(info(free).start_height, i64::try_from(free).unwrap());
    assert!(!member(free + 1) && member(free + 2));
    assert_eq!((info(free + 2).index_offset, info(free + 3).index_offset), (0, 1), "first counted at U + 3");
    let tokens = chain.chain().app().accounts[7].tokens;
    assert_eq!(tokens, 999_900_000, "a ten-thousandth was burned");
    assert_eq!(chain.chain().app().accounts[7].power(), 999);
}

#[test]
fn two_signatures_bury_a_validator() {
    let mut chain = offline("[[event]]\nat = 5\nvalidator = 2\nequivocate = true");
    let blocks = run(&mut chain, 10);
    let evidence = |height: usize| blocks[height - 1].draft.block.evidence.as_ref().unwrap().evidence.len();
    assert_eq!((evidence(5), evidence(6), evidence(7)), (0, 1, 0));
    let account = &blocks[5].app.accounts[2];
    assert!(account.is_tombstoned() && account.jailed);
    assert_eq!(account.tokens, 950_000_000);
    assert_eq!(account.info.unwrap().missed, 0);
    let reasons: Vec<_> = blocks[5].events.iter().map(|e| e.attributes[0].0).collect();
    assert_eq!(reasons, ["address", "jailed"]);
}

#[test]
fn a_leaver_makes_room_for_a_newcomer() {
    let mut chain = offline(
        "[[event]]\nat = 3\njoin = 700\nmoniker = 'late'\n[[event]]\nat = 6\nvalidator = 0\nleave = true",
    );
    let blocks = run(&mut chain, 12);
    let names = |height: usize| {
        let app = &blocks[height - 1].app;
        let seats = blocks[height - 1].rotation.validators().iter().map(|v| app.find(&v.address).unwrap());
        seats.map(|a| a.identity.seat.moniker.clone()).collect::<Vec<_>>()
    };
    assert!(names(4).contains(&"Forbole".to_owned()), "the weakest of 64 with 10 coins");
    assert!(!names(5).contains(&"Forbole".to_owned()) && names(5).contains(&"late".to_owned()));
    assert!(names(8).contains(&"Forbole".to_owned()) && !names(8).contains(&"mymoniker".to_owned()));
    assert!(blocks.iter().all(|b| b.rotation.validators().len() == 64));
    let forbole = chain.chain().app().accounts.iter().find(|a| a.identity.seat.moniker == "Forbole").unwrap();
    assert_eq!(forbole.info.unwrap().start_height, 6, "bonded again, counters kept");
}

#[test]
fn a_proposer_that_is_down_costs_a_round() {
    let mut calm = offline("");
    let rounds: Vec<i32> = run(&mut calm, 130).iter().map(|b| b.commit.round).collect();
    assert!(rounds.iter().all(|r| *r == 0));
    let mut chain = offline("[[event]]\nat = 1\nvalidator = 5\ndown = 130");
    let blocks = run(&mut chain, 130);
    let late = blocks.iter().filter(|b| b.commit.round == 1).count();
    assert!((1..=3).contains(&late), "{late}: once in about 63 blocks");
    assert_eq!(u64::try_from(late), Ok(chain.truth().late_rounds));
    assert_eq!(chain.truth().validators[5].proposed, 0);
}

#[test]
fn without_two_thirds_there_is_no_block() {
    let mut script = String::new();
    for seat in 0..24 {
        script += &format!("[[event]]\nat = 4\nvalidator = {seat}\ndown = 1\n");
    }
    let mut chain = offline(&script);
    run(&mut chain, 3);
    assert_eq!(chain.step().unwrap_err(), Stuck { height: 4 });
}

#[test]
fn equal_arguments_give_equal_chains() {
    let script = "[random]\nseed = 9\nmiss_per_million = 20000\n";
    let last = |script: &str| run(&mut offline(script), 40).pop().unwrap();
    assert_eq!(last(script).draft.id, last(script).draft.id);
    assert_ne!(last(script).draft.id, last("").draft.id);
}
