//! Every step of storage and signing fails once, in every way, and the next process fails once more while it opens.
//!
//! The steps are counted in a run without faults: opening, and a few requests. Then each is killed, cut off with every
//! choice of what reached the disk, torn at each byte, and refused by the system as a full or broken disk would. After
//! that the state either opens, and then the same questions get the same answers and the chain goes on, or it is refused,
//! which only damage excuses, and the operator is told the command that repairs it. Nothing here is random.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;
#[path = "support/steps.rs"]
mod steps;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::rpc::{Commit, CommitSig};
use palisade_signer::record::RECORD;
use palisade_signer::{
    doppelganger::{self, Finding, Look, Settled, Standing},
    io::store_file::StateFileError,
    keeper::{Answer, Failure, Keeper, Signed},
    mark::{Hrs, Mark, Step},
    request::Request,
    slots::{OpenError, Slots},
    store::Store,
};
use rustix::io::Errno;
use steps::{Drive, Fault, Kind, StepKey, World, identity, public};

/// What a validator asks for; at the end of a round nothing is left out.
fn script() -> Vec<Request> {
    vec![
        requests::proposal(5, 0, 1, 0),
        requests::prevote(5, 0, 1, 0),
        requests::precommit(5, 0, 1, 0),
        requests::prevote(6, 0, 2, 0),
        requests::precommit(6, 0, 2, 0),
    ]
}

/// The same questions with another block: what a second signature would need.
fn conflicts() -> Vec<Request> {
    vec![
        requests::proposal(5, 0, 3, 0),
        requests::prevote(5, 0, 0, 0),
        requests::precommit(5, 0, 0, 0),
        requests::prevote(6, 0, 3, 1),
        requests::precommit(6, 0, 0, 1),
    ]
}

fn open(world: &World) -> Result<Keeper<Slots<Drive>>, OpenError> {
    let image = world.lock().cached.clone();
    let (slots, last) = Slots::open(Drive(world.clone()), &image, identity())?;
    let made = world.lock().made.keys().copied().max();
    assert!(made <= Some(last.mark.hrs), "opened at {:?}, below what was signed at {made:?}", last.mark.hrs);
    let key = StepKey(world.clone());
    Ok(Keeper::new(Box::new(key), vec![Store::new(last, slots)]))
}

fn ask(keeper: &mut Keeper<Slots<Drive>>, world: &World, request: &Request) -> Answer {
    let leave = Standing::Settled(Settled::NotGuarded).leave(request.hrs().height).unwrap();
    let answer = keeper.answer(0, leave, request, &mut |_| {});
    if let Answer::Sign(Signed { signature, .. }) = &answer {
        let mark = keeper.store(0).unwrap().mark();
        let first = world.lock().released.entry(mark.hrs).or_insert_with(|| signature.clone()).clone();
        assert_eq!(first, *signature, "two signatures left for {:?}", mark.hrs);
        assert_eq!(mark.hrs, request.hrs());
    }
    answer
}

/// One process: opens and serves until it is dead, has stopped, or nobody asks any more.
fn live(world: &World, requests: &[Request]) -> Result<(), OpenError> {
    let mut keeper = open(world)?;
    for request in requests {
        let answer = ask(&mut keeper, world, request);
        if world.lock().dead {
            return Ok(());
        }
        if let Answer::Fail(Failure::Persist(_)) = answer {
            let next = ask(&mut keeper, world, &requests::prevote(99, 0, 1, 0));
            assert!(matches!(next, Answer::Fail(Failure::Stopped)), "went on after a failed write: {next:?}");
            return Ok(());
        }
    }
    Ok(())
}

/// The process after all faults. Returns whether it serves; refusing needs a reason and a way out.
fn settle(world: &World, deterministic: bool) -> bool {
    world.calm();
    let mut keeper = match open(world) {
        Ok(keeper) => keeper,
        Err(source) => {
            assert!(world.lock().is_damaged(), "refused to open what nothing has damaged: {source}");
            let remedy = StateFileError::Unusable { path: "state/test-1.mark".into(), source }
                .remedy("signer.toml".as_ref(), requests::CHAIN)
                .expect("a command");
            assert!(remedy.contains("palisade-signer state init --config signer.toml --chain test-1"));
            assert!(remedy.contains("--replace"));
            return false;
        }
    };
    if deterministic {
        guarded(world, keeper.store(0).unwrap().mark());
    }
    for request in conflicts().iter().chain(&script()).chain(&conflicts()) {
        ask(&mut keeper, world, request);
    }
    let answer = ask(&mut keeper, world, &requests::prevote(7, 0, 1, 0));
    assert!(matches!(answer, Answer::Sign(_)), "does not serve again: {answer:?}");
    true
}

/// The doppelganger guard reads the same mark: it must know its own signatures, whatever was lost, and nobody else's.
fn guarded(world: &World, mark: &Mark) {
    let commit = |height, round, signature: &[u8]| Commit {
        height,
        round,
        signatures: vec![CommitSig {
            block_id_flag: 2,
            validator_address: public().address().to_string(),
            timestamp: "2026-01-02T03:04:05Z".into(),
            signature: Some(BASE64_STANDARD.encode(signature)),
        }],
        ..Commit::default()
    };
    let judge = |commits: Vec<Commit>| {
        let tip = commits.iter().map(|commit| commit.height).max().unwrap_or(0);
        doppelganger::judge(mark, &public(), 10, &Look { tip, base: tip.max(1), commits })
    };
    for request in script().iter().filter(|request| request.hrs().step == Step::Precommit) {
        let Hrs { height, round, .. } = request.hrs();
        let own = world.lock().released.get(&request.hrs()).cloned();
        if let Some(own) = own {
            let found = judge(vec![commit(height, round, own.as_bytes())]);
            assert!(!matches!(found, Finding::Foreign(_)), "locked out by its own signature: {found:?}");
        } else if request.hrs() >= mark.hrs && !world.lock().made.contains_key(&request.hrs()) {
            let other = steps::sign(b"somebody else's precommit");
            let found = judge(vec![commit(height, round, other.as_bytes())]);
            let at_a_floor = request.hrs() == mark.hrs && mark.is_floor();
            assert_eq!(matches!(found, Finding::Foreign(_)), !at_a_floor, "{found:?} at {mark:?}");
        }
    }
}

#[derive(Debug, Default)]
struct Count {
    faults: usize,
    served: usize,
    refused: usize,
}

/// Every fault at every step, then every aftermath, and in the next process while it opens again.
fn everything(deterministic: bool, torn_every: usize) -> Count {
    let dry = World::new(deterministic, None);
    live(&dry, &script()).unwrap();
    let kinds = dry.lock().steps.clone();
    println!("{} steps: {kinds:?}", kinds.len());
    let mut count = Count::default();
    for (step, kind) in kinds.iter().enumerate() {
        for fault in steps::faults(*kind, torn_every) {
            for aftermath in steps::aftermaths(fault) {
                let begin = || {
                    let world = World::new(deterministic, Some((step, fault)));
                    let _ = live(&world, &script());
                    world.fall(aftermath);
                    world
                };
                let mut finish = |world: &World| {
                    count.faults += 1;
                    if settle(world, deterministic) { count.served += 1 } else { count.refused += 1 }
                };
                finish(&begin());
                // Tears differ only in where, refusals only in their name: one of each stands for all in the next process.
                if matches!(fault, Fault::Torn(n) if n != 100)
                    || matches!(fault, Fault::Refused(e, n) if (e, n) != (Errno::IO, 0))
                {
                    continue;
                }
                for (second, kind) in
                    [Kind::Sync, Kind::Write, Kind::Sync, Kind::Write, Kind::Sync, Kind::Sign]
                        .into_iter()
                        .enumerate()
                {
                    for again in steps::faults(kind, RECORD) {
                        for after_that in steps::aftermaths(again) {
                            let world = begin();
                            world.fail_at(second, again);
                            let _ = live(&world, &conflicts());
                            world.fall(after_that);
                            finish(&world);
                        }
                    }
                }
            }
        }
    }
    count
}

#[test]
fn every_step_fails_in_every_way() {
    let count = everything(true, 1);
    println!("{count:?}");
    assert!(count.served > 5_000 && count.refused > 500, "{count:?}");
}

#[test]
fn every_step_fails_in_every_way_for_a_key_that_never_signs_alike() {
    let count = everything(false, 1);
    println!("{count:?}");
    assert!(count.served > 5_000 && count.refused > 500, "{count:?}");
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    // A disk that is full at any step, for as long as the process lives: every answer is an error, and when there is room
    // again the next process serves.
    for deterministic in [true, false] {
        for step in 0..3 + 4 * script().len() {
            let world = World::new(deterministic, Some((step, Fault::Refused(Errno::NOSPC, 0))));
            let _ = live(&world, &script());
            world.fall(steps::Aftermath::Killed);
            assert!(settle(&world, deterministic), "step {step}");
        }
    }
}
