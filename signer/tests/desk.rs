//! The desk under stress: one turn at a time, nobody waits for ever, and what breaks stays broken until restart.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;

use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use comet::{
    consensus::{PublicKey, SecretKey, Signature},
    key::PrivateKey,
};
use palisade_signer::{
    doppelganger::{Leave, Settled, Standing},
    guard::NewMark,
    io::desk::{BUDGET, Desk},
    keeper::{Answer, Failure, Keeper},
    key::{Key, KeyError},
    mark::{Hrs, Mark},
    store::{ExtensionPermit, Permit, PersistError, Storage, Store},
};

/// A key whose signing takes until somebody opens the gate, or panics.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

struct SlowKey {
    gate: Gate,
    panics: bool,
    key: SecretKey,
}

struct Storages {
    fails: bool,
}

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}

impl Key for SlowKey {
    fn public_key(&self) -> &PublicKey {
        self.key.public()
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        assert!(!self.panics, "as the test wants");
        self.gate.wait();
        Ok(self.key.sign(permit.sign_bytes()))
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(self.key.sign(permit.sign_bytes()))
    }
}

impl Storage for Storages {
    fn persist(&mut self, _: &NewMark) -> Result<(), PersistError> {
        if self.fails { Err(std::io::Error::other("disk is full").into()) } else { Ok(()) }
    }

    fn keep(&mut self, _: &Mark, _: &Signature) -> Result<(), PersistError> {
        Ok(())
    }
}

fn desk(gate: &Gate, panics: bool, fails: bool) -> Arc<Desk> {
    let store =
        Store::new(Mark::floor(Hrs::whole_height(0)), Box::new(Storages { fails }) as Box<dyn Storage>);
    Arc::new(Desk::new(Keeper::new(
        Box::new(SlowKey { gate: gate.clone(), panics, key: PrivateKey::from_seed(&[7; 32]).into() }),
        vec![store],
    )))
}

/// The guard against other signers has tests of its own.
fn leave(height: i64) -> Leave {
    Standing::Settled(Settled::NotGuarded).leave(height).unwrap()
}

fn ask(desk: &Desk, height: i64) -> Answer {
    desk.ask(0, leave(height), &requests::prevote(height, 0, 1, 0), Instant::now()).0
}

#[test]
fn a_request_that_waited_too_long_is_not_signed() {
    let gate = Gate::default();
    let desk = desk(&gate, false, false);
    let first = thread::spawn({
        let desk = Arc::clone(&desk);
        move || ask(&desk, 1)
    });
    // Whoever comes while the key is stuck gets an answer when the budget is over.
    thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    assert!(matches!(ask(&desk, 2), Answer::Fail(Failure::Busy { .. })));
    assert!((BUDGET..BUDGET * 2).contains(&start.elapsed()));
    gate.open();
    assert!(matches!(first.join().unwrap(), Answer::Sign(_)));
    // It was not signed in the meantime: the same height is still free for another block.
    assert!(matches!(ask(&desk, 2), Answer::Sign(signed) if !signed.repeat));
    // Too old on arrival.
    let old = Instant::now().checked_sub(BUDGET).unwrap();
    let (answer, _) = desk.ask(0, leave(3), &requests::prevote(3, 0, 1, 0), old);
    assert!(matches!(answer, Answer::Fail(Failure::Busy { .. })));
    assert!(!desk.is_stopped());
}

#[test]
fn every_link_gets_its_turn() {
    let gate = Gate::default();
    gate.open();
    let desk = desk(&gate, false, false);
    let links: Vec<_> = (0..8i64)
        .map(|link| {
            let desk = Arc::clone(&desk);
            thread::spawn(move || {
                (0..200)
                    .map(|n| ask(&desk, 1 + n * 8 + link))
                    .filter(|answer| matches!(answer, Answer::Sign(_) | Answer::Refuse(_)))
                    .count()
            })
        })
        .collect();
    assert_eq!(links.into_iter().map(|link| link.join().unwrap()).sum::<usize>(), 1600);
}

#[test]
fn a_mark_that_is_not_durable_stops_the_key() {
    let desk = desk(&Gate::default(), false, true);
    let Answer::Fail(failure) = ask(&desk, 1) else { panic!("signed") };
    assert!(matches!(failure, Failure::Persist(_)));
    assert!(failure.to_string().contains("disk is full"), "{failure}");
    assert!(desk.is_stopped());
    assert!(matches!(ask(&desk, 2), Answer::Fail(Failure::Stopped)));
}

#[test]
fn a_panic_stops_the_key() {
    let desk = desk(&Gate::default(), true, false);
    let panicked = thread::spawn({
        let desk = Arc::clone(&desk);
        move || ask(&desk, 1)
    });
    assert!(panicked.join().is_err());
    assert!(desk.is_stopped());
    assert!(matches!(ask(&desk, 1), Answer::Fail(Failure::Stopped)));
}

#[test]
fn a_closed_desk_serves_nobody() {
    let gate = Gate::default();
    let desk = desk(&gate, false, false);
    let first = thread::spawn({
        let desk = Arc::clone(&desk);
        move || ask(&desk, 1)
    });
    thread::sleep(Duration::from_millis(50));
    assert!(!desk.close(Duration::from_millis(50)), "a signature is under way");
    gate.open();
    assert!(matches!(first.join().unwrap(), Answer::Sign(_)));
    assert!(desk.close(Duration::from_secs(1)));
    assert!(matches!(ask(&desk, 2), Answer::Fail(Failure::Stopped)));
}
