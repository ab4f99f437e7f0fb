//! The protocol of several signers and one compare-and-swap store, checked in every order of events there is.
//!
//! A model, not the code: `simulation.rs` runs the code in many orders, this runs the idea in all of them, for two signers, one or
//! two places (height, round and step in one number) and two blocks. Messages are lost (never delivered), late and delivered twice;
//! a request that timed out is applied all the same; signers crash between any two of their steps; the store comes back from
//! an old backup.
//!
//! The rule under test is: reserve by compare-and-swap and write the file, in either order; with both, sign; and on an unclear answer
//! read. What the file has got before the store was seen to hold it is *wanted*: after a crash it closes its place, and no more.
//! Rules that look as good are here as well, and the checker has to find the double sign in each of them, or it has no teeth:
//! "a timeout means it is mine", "a timeout means it is free", "no floor", "what was wanted may be repeated", and a restored store that
//! is used before it was raised to the highest floor of *all* signers. The last one is why `docs` ask for that step: no signer can know what only
//! another one has signed.
#![allow(clippy::unwrap_used)]

#[path = "support/modelled.rs"]
mod modelled;

use std::collections::BTreeSet;

use modelled::{Block, Doing, File, Message, Place, Signer, Store, World};
use stateright::{Checker as _, Model, Property};

const BLOCKS: [Block; 2] = [1, 2];

/// What to believe when no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeout {
    /// Nothing: ask what the store holds.
    ReadBack,
    /// It was applied; wrong.
    IsMine,
    /// Nothing was applied, and the compare has only been in the way: put; wrong.
    IsFree,
}

/// What an operator does with an old backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restore {
    /// There is none.
    Never,
    /// Puts it back under running signers, and nobody tells them.
    Silently,
    /// Stops every signer, puts it back, raises it to the highest floor of them all, starts them again.
    Raised,
}

#[derive(Clone, Debug)]
struct Rules {
    signers: usize,
    timeout: Timeout,
    floor: bool,
    /// After a crash, what was wanted is a mark like any other; wrong.
    wanted_is_mine: bool,
    restore: Restore,
    crashes: u8,
    places: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Open(usize),
    Ask(usize, Place, Block),
    Deliver(Message),
    TimeOut(usize),
    ReadBack(usize),
    Persist(usize),
    Sign(usize),
    Crash(usize),
    BackUp,
    Restore,
}

impl Model for Rules {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let nothing = (0, None);
        let file = File { mark: nothing, wanted: false, settled: 0 };
        let (known, doing) = (nothing, Doing::Opening);
        let signer = Signer { file, mark: nothing, known, revision: 0, written: false, doing };
        vec![World {
            store: Store { revision: 0, mark: nothing },
            backup: None,
            restored: false,
            crashes: 0,
            signers: vec![signer; self.signers],
            network: BTreeSet::new(),
            signed: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (i, signer) in world.signers.iter().enumerate() {
            match signer.doing {
                Doing::Opening => actions.push(Action::Open(i)),
                Doing::Nothing => {
                    let places = (1..=self.places).flat_map(|place| BLOCKS.map(|block| (place, block)));
                    actions.extend(places.map(|(place, block)| Action::Ask(i, place, block)));
                }
                Doing::Waiting(..) => actions.push(Action::TimeOut(i)),
                Doing::InDoubt(..) => actions.push(Action::ReadBack(i)),
                Doing::Reserved(..) if signer.written => actions.push(Action::Sign(i)),
                Doing::Reserved(..) => {}
            }
            if !signer.written && matches!(signer.doing, Doing::Waiting(..) | Doing::Reserved(..)) {
                actions.push(Action::Persist(i));
            }
            if world.crashes < self.crashes && signer.doing != Doing::Opening {
                actions.push(Action::Crash(i));
            }
        }
        actions.extend(world.network.iter().cloned().map(Action::Deliver));
        if self.restore != Restore::Never {
            if world.backup.is_none() {
                actions.push(Action::BackUp);
            } else if !world.restored {
                actions.push(Action::Restore);
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Open(i) => {
                let Store { revision, mark } = world.store;
                let signer = &mut world.signers[i];
                if mark.0 < signer.file.least() {
                    return None;
                }
                signer.mark = signer.file.beside(mark, self.wanted_is_mine);
                if signer.mark != signer.file.standing() {
                    signer.file.follow(signer.mark);
                }
                (signer.known, signer.revision, signer.doing) = (mark, revision, Doing::Nothing);
            }
            Action::Ask(i, place, block) => world.judge(i, place, block),
            Action::Deliver(message) => world.deliver(&message),
            Action::TimeOut(i) => {
                let Doing::Waiting(place, block) = world.signers[i].doing else { return None };
                match self.timeout {
                    Timeout::ReadBack => world.signers[i].doing = Doing::InDoubt(place, block),
                    Timeout::IsMine => world.signers[i].doing = Doing::Reserved(place, block),
                    Timeout::IsFree => {
                        let to = (place, block);
                        world.network.insert(Message::Swap { from: i, expected: None, to });
                    }
                }
            }
            Action::ReadBack(i) => {
                let Doing::InDoubt(place, block) = world.signers[i].doing else { return None };
                let Store { revision, mark } = world.store;
                let signer = &mut world.signers[i];
                if mark.0 < signer.known.0 {
                    return None;
                }
                // Not there: perhaps it will be. Nothing is signed, and who asks again is judged again.
                let ours = mark == (place, Some(block));
                if ours {
                    signer.doing = Doing::Reserved(place, block);
                } else {
                    signer.adopt(mark);
                    signer.doing = Doing::Nothing;
                }
                (signer.known, signer.revision) = (mark, revision);
            }
            Action::Persist(i) => {
                let signer = &mut world.signers[i];
                let (Doing::Waiting(place, block) | Doing::Reserved(place, block)) = signer.doing else {
                    return None;
                };
                // A file that is above it already stays.
                if self.floor && place >= signer.file.mark.0 {
                    signer.file = File { mark: (place, Some(block)), wanted: true, settled: signer.known.0 };
                }
                signer.written = true;
            }
            Action::Sign(i) => {
                let Doing::Reserved(place, block) = world.signers[i].doing else { return None };
                world.signed.insert((place, block));
                (world.signers[i].mark, world.signers[i].doing) = ((place, Some(block)), Doing::Nothing);
            }
            Action::Crash(i) => {
                world.crashes += 1;
                (world.signers[i].doing, world.signers[i].written) = (Doing::Opening, false);
            }
            Action::BackUp => world.backup = Some(world.store.clone()),
            Action::Restore => {
                world.restored = true;
                world.store = world.backup.clone()?;
                if self.restore == Restore::Raised {
                    // `etcd pin` on each in its turn.
                    for signer in &mut world.signers {
                        let standing = signer.file.standing();
                        if standing.0 > world.store.mark.0 {
                            world.store.mark = standing;
                        }
                        let mark = signer.file.beside(world.store.mark, false);
                        signer.file = File { mark, wanted: false, settled: 0 };
                        signer.written = false;
                    }
                    // Another cluster, told by its id: what is on the way to the old one never arrives.
                    world.network.clear();
                    for signer in &mut world.signers {
                        signer.doing = Doing::Opening;
                    }
                }
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one block for each place", |rules: &Self, world: &World| {
                (1..=rules.places)
                    .all(|place| world.signed.iter().filter(|(at, _)| *at == place).count() <= 1)
            }),
            // Refusing everything would be safe as well.
            Property::sometimes("every place is signed", |rules: &Self, world: &World| {
                world.signed.len() == usize::from(rules.places)
            }),
        ]
    }
}

/// The rules as they are.
fn good() -> Rules {
    Rules {
        signers: 2,
        timeout: Timeout::ReadBack,
        floor: true,
        wanted_is_mine: false,
        restore: Restore::Never,
        crashes: 1,
        places: 1,
    }
}

fn holds(rules: Rules) {
    let said = format!("{rules:?}");
    let checker = rules.checker().threads(2).spawn_bfs().join();
    println!("{said}: {} states, no double sign", checker.unique_state_count());
    checker.assert_no_discovery("one block for each place");
    checker.assert_any_discovery("every place is signed");
}

fn breaks(rules: Rules) {
    let said = format!("{rules:?}");
    let checker = rules.checker().threads(2).spawn_bfs().join();
    let path =
        checker.discovery("one block for each place").expect("a double sign that the checker has to find");
    println!(
        "{said}: double sign after {} steps: {:?}",
        path.clone().into_actions().len(),
        path.into_actions()
    );
}

#[test]
fn compare_and_swap_with_read_back_never_signs_twice() {
    holds(good());
}

#[test]
fn neither_does_a_lone_signer_that_crashes_at_two_places() {
    holds(Rules { signers: 1, places: 2, crashes: 2, ..good() });
}

#[test]
fn neither_does_a_lone_signer_whose_store_was_silently_rolled_back() {
    holds(Rules { signers: 1, crashes: 2, restore: Restore::Silently, ..good() });
}

#[test]
fn neither_do_two_whose_restored_store_was_raised_to_the_highest_floor() {
    holds(Rules { crashes: 0, restore: Restore::Raised, ..good() });
}

#[test]
fn a_timeout_that_means_mine_signs_twice() {
    breaks(Rules { timeout: Timeout::IsMine, crashes: 0, ..good() });
}

#[test]
fn a_timeout_that_means_free_signs_twice() {
    breaks(Rules { timeout: Timeout::IsFree, crashes: 0, ..good() });
}

#[test]
fn what_was_wanted_and_is_repeated_signs_twice() {
    breaks(Rules { wanted_is_mine: true, ..good() });
}

#[test]
fn a_rolled_back_store_without_a_floor_signs_twice() {
    breaks(Rules { signers: 1, places: 2, floor: false, restore: Restore::Silently, ..good() });
}

#[test]
fn a_rolled_back_store_that_nobody_raised_signs_twice_with_two_signers() {
    breaks(Rules { crashes: 0, restore: Restore::Silently, ..good() });
}
