//! The protocol of several signers and one compare-and-swap store, checked in every order of events there is.
//!
//! A model, not the code: `simulation.rs` runs the code in many orders, this runs the idea in all of them, for two signers, one or
//! two places (height, round and step in one number) and two blocks. Messages are lost (never delivered), late and delivered twice;
//! a request that timed out is applied all the same; signers crash between any two of their steps; the store comes back from
//! an old backup.
//!
//! The rule under test is: reserve by compare-and-swap, persist the floor, sign, and on an unclear answer read. Rules that
//! look as good are here as well, and the checker has to find the double sign in each of them, or it has no teeth:
//! "a timeout means it is mine", "a timeout means it is free", "no floor", and a restored store that is used before it was
//! raised to the highest floor of *all* signers. The last one is why `docs` ask for that step: no signer can know what only
//! another one has signed.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use stateright::{Checker as _, Model, Property};

type Place = u8;
type Block = u8;
/// Place 0 is nothing yet. A floor has no block.
type Mark = (Place, Option<Block>);

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
    restore: Restore,
    crashes: u8,
    places: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    store: Store,
    backup: Option<Store>,
    restored: bool,
    crashes: u8,
    signers: Vec<Signer>,
    /// Requests are never taken out: each may be delivered again at any time, or not at all. An answer that comes twice changes
    /// nothing the second time, so it is taken out.
    network: BTreeSet<Message>,
    /// Everything that was ever signed.
    signed: BTreeSet<(Place, Block)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Store {
    revision: u8,
    mark: Mark,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Signer {
    /// Survives crashes.
    floor: Mark,
    /// What it believes to be in the store.
    known: Mark,
    revision: u8,
    doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doing {
    /// Has to read the store before anything else.
    Opening,
    Nothing,
    /// Has sent a compare-and-swap.
    Waiting(Place, Block),
    /// Got no answer to it and reads.
    InDoubt(Place, Block),
    /// Knows that the store holds it.
    Reserved(Place, Block),
    /// Its floor is there as well.
    Persisted(Place, Block),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Message {
    Swap { from: usize, expected: Option<u8>, to: (Place, Block) },
    Done { to: usize, revision: u8, mark: (Place, Block) },
    Lost { to: usize, asked: (Place, Block), revision: u8, holds: Mark },
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
        let signer = Signer { floor: nothing, known: nothing, revision: 0, doing: Doing::Opening };
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
                Doing::Reserved(..) => actions.push(Action::Persist(i)),
                Doing::Persisted(..) => actions.push(Action::Sign(i)),
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
                if signer.behind_floor(mark) {
                    return None;
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
                if signer.behind_floor(mark) {
                    return None;
                }
                (signer.known, signer.revision) = (mark, revision);
                // Not there: perhaps it will be. Nothing is signed, and who asks again is judged again.
                let ours = mark == (place, Some(block));
                signer.doing = if ours { Doing::Reserved(place, block) } else { Doing::Nothing };
            }
            Action::Persist(i) => {
                let Doing::Reserved(place, block) = world.signers[i].doing else { return None };
                if self.floor {
                    world.signers[i].floor = (place, Some(block));
                }
                world.signers[i].doing = Doing::Persisted(place, block);
            }
            Action::Sign(i) => {
                let Doing::Persisted(place, block) = world.signers[i].doing else { return None };
                world.signed.insert((place, block));
                world.signers[i].doing = Doing::Nothing;
            }
            Action::Crash(i) => {
                world.crashes += 1;
                world.signers[i].doing = Doing::Opening;
            }
            Action::BackUp => world.backup = Some(world.store.clone()),
            Action::Restore => {
                world.restored = true;
                world.store = world.backup.clone()?;
                if self.restore == Restore::Raised {
                    let highest = world.signers.iter().map(|signer| signer.floor).max()?;
                    world.store.mark = world.store.mark.max(highest);
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

impl Signer {
    /// The floor rule: a store that is below it is an old one and is not used. Nor is one that has another block at the floor's own
    /// place: a request from before the rollback may have come late, and been applied to the old state (the checker found it).
    fn behind_floor(&self, mark: Mark) -> bool {
        mark.0 < self.floor.0 || (mark.0 == self.floor.0 && mark.1 != self.floor.1)
    }
}

impl World {
    /// `guard::check`, and what the signer does about it.
    fn judge(&mut self, i: usize, place: Place, block: Block) {
        let signer = &mut self.signers[i];
        // Whatever is higher: an adopted mark or its own floor.
        let last = if signer.known.0 > signer.floor.0 { signer.known } else { signer.floor };
        signer.doing = match place.cmp(&last.0) {
            std::cmp::Ordering::Greater => {
                let (expected, to) = (Some(signer.revision), (place, block));
                self.network.insert(Message::Swap { from: i, expected, to });
                Doing::Waiting(place, block)
            }
            // The same again is signed again; the mark is durable.
            std::cmp::Ordering::Equal if last.1 == Some(block) => Doing::Reserved(place, block),
            _ => Doing::Nothing,
        };
    }

    fn deliver(&mut self, message: &Message) {
        if !matches!(message, Message::Swap { .. }) {
            self.network.remove(message);
        }
        match *message {
            Message::Swap { from, expected, to } => {
                let mine = expected.is_none_or(|expected| expected == self.store.revision);
                let answer = if mine {
                    self.store = Store { revision: self.store.revision + 1, mark: (to.0, Some(to.1)) };
                    Message::Done { to: from, revision: self.store.revision, mark: to }
                } else {
                    let Store { revision, mark: holds } = self.store;
                    Message::Lost { to: from, asked: to, revision, holds }
                };
                // Nobody listens to the others.
                if self.signers[from].doing == Doing::Waiting(to.0, to.1) {
                    self.network.insert(answer);
                }
            }
            Message::Done { to, revision, mark: (place, block) } => {
                let signer = &mut self.signers[to];
                if signer.doing == Doing::Waiting(place, block) && revision > signer.revision {
                    (signer.known, signer.revision) = ((place, Some(block)), revision);
                    signer.doing = Doing::Reserved(place, block);
                }
            }
            Message::Lost { to, asked: (place, block), revision, holds } => {
                let signer = &mut self.signers[to];
                if signer.doing == Doing::Waiting(place, block) && revision > signer.revision {
                    if signer.behind_floor(holds) {
                        signer.doing = Doing::Opening;
                        return;
                    }
                    (signer.known, signer.revision) = (holds, revision);
                    self.judge(to, place, block);
                }
            }
        }
    }
}

/// The rules as they are.
fn good() -> Rules {
    Rules {
        signers: 2,
        timeout: Timeout::ReadBack,
        floor: true,
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
fn a_rolled_back_store_without_a_floor_signs_twice() {
    breaks(Rules { signers: 1, places: 2, floor: false, restore: Restore::Silently, ..good() });
}

#[test]
fn a_rolled_back_store_that_nobody_raised_signs_twice_with_two_signers() {
    breaks(Rules { crashes: 0, restore: Restore::Silently, ..good() });
}
