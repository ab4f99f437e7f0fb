//! Several signers of one key on one shared store, in ten thousand histories that nobody would think of.
//!
//! The code is the real one: guard, store, keeper, the compare-and-swap of `cluster` and the slots of the local floor. Simulated are the
//! store behind `Register` (requests and answers that are lost, late, doubled or come after a timeout, a partition, a change of leader,
//! an old backup) and the disk behind `Medium` (the process or the machine dies before, between and after any two of its steps).
//! There is no time and no thread in a history: while one signer waits for the store, others run inside of its wait, in an order
//! that a seed decides.
//!
//! What must hold in every history: no height, round and step with two sign-bytes, ever, whoever signed; and what signers gave away
//! for one of them is one signature, also with a key that signs differently each time. What must not hold: both again with
//! a store that overwrites blindly, and with a backup that was put back without raising it.
//!
//! `PALISADE_SIM_SEED=n` replays one history and prints it; `PALISADE_SIM_SEEDS=n` runs so many (10,000).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/random.rs"]
mod random;
#[path = "support/requests.rs"]
mod requests;
#[path = "support/simulated.rs"]
mod simulated;
#[path = "support/simulated_world.rs"]
mod simulated_world;

use std::{env, thread};

use simulated::History;
use simulated_world::{Story, Tally};

fn seeds() -> u64 {
    env::var("PALISADE_SIM_SEEDS").map_or(10_000, |n| n.parse().unwrap())
}

fn one() -> Option<u64> {
    env::var("PALISADE_SIM_SEED").ok().map(|n| n.parse().unwrap())
}

/// Runs all seeds on two threads; the first history that went wrong, with its seed.
fn run_all(story: Story, seeds: u64) -> Result<Tally, (u64, String)> {
    thread::scope(|scope| {
        let half = |first: u64| {
            scope.spawn(move || {
                let mut total = Tally::default();
                for seed in (first..seeds).step_by(2) {
                    total.add(&History::new(seed, story).run().map_err(|wrong| (seed, wrong))?);
                }
                Ok(total)
            })
        };
        let (even, odd) = (half(0), half(1));
        let mut total = even.join().unwrap()?;
        total.add(&odd.join().unwrap()?);
        Ok(total)
    })
}

#[test]
fn no_history_signs_twice() {
    if let Some(seed) = one() {
        let mut history = History::new(seed, Story::Good);
        let end = history.run();
        println!("{}\n{end:?}", history.told());
        end.unwrap();
        return;
    }
    let total = run_all(Story::Good, seeds()).unwrap_or_else(|(seed, wrong)| {
        panic!("seed {seed}: {wrong}\nreplay: PALISADE_SIM_SEED={seed} cargo test --test simulation -- --nocapture")
    });
    println!("{} histories: {total:?}", seeds());
    // Refusing everything would be safe too; and what never happened was not tried.
    assert!(total.signed > 5 * seeds() && total.repeats > seeds() / 2, "{total:?}");
    for (what, times) in total.faults() {
        assert!(times > seeds() / 100, "{what} happened only {times} times");
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    let tell = |seed| {
        let mut history = History::new(seed, Story::Good);
        history.run().unwrap();
        history.told()
    };
    for seed in 0..20 {
        assert_eq!(tell(seed), tell(seed), "seed {seed}");
    }
    assert_ne!(tell(1), tell(2));
}

#[test]
fn a_store_that_overwrites_blindly_is_caught() {
    let (seed, wrong) = run_all(Story::BlindStore, 500).expect_err("a double sign that has to be found");
    println!("seed {seed}: {wrong}");
}

#[test]
fn a_backup_that_nobody_raised_is_caught() {
    let (seed, wrong) =
        run_all(Story::BackupNotRaised, 3_000).expect_err("a double sign that has to be found");
    println!("seed {seed}: {wrong}");
}
