//! A move against two imagined hosts and a chain, with every action failing in every way: never two signers at work, never a
//! height signed twice, and always a way forward.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use palisade::moving::{
    Action, Carried, ChainOrder, ChainView, Doubt, Facts, Move, Order, Place, Seen, Side, Stage, Unit,
};

const CHAIN: &str = "akashnet-2";
const NODE: &str = "10.66.0.10:26659";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The action never reached the host.
    Before,
    /// It was done, and the answer was lost.
    After,
}

#[derive(Clone, Debug, Default)]
struct Machine {
    running: bool,
    masked: bool,
    mark: Option<i64>,
}

/// Two hosts, one chain. Whoever runs with a state signs each new height above its mark.
#[derive(Clone, Debug)]
struct World {
    old: Machine,
    new: Machine,
    aside: Option<i64>,
    tip: i64,
    signed: BTreeMap<i64, BTreeSet<&'static str>>,
    double: bool,
    /// The old signer ignores being stopped.
    stubborn: bool,
    /// Somebody with a key file of their own signs as well.
    stranger: bool,
    /// At this many actions somebody starts the old signer by hand, past mask and systemd.
    revived_at: Option<usize>,
    halts: bool,
    other_key: bool,
    full: bool,
    count: usize,
}

impl World {
    fn new() -> Self {
        let old = Machine { running: true, masked: false, mark: Some(100) };
        Self {
            old,
            new: Machine::default(),
            aside: None,
            tip: 100,
            signed: BTreeMap::new(),
            double: false,
            stubborn: false,
            stranger: false,
            revived_at: None,
            halts: false,
            other_key: false,
            full: false,
            count: 0,
        }
    }

    /// A block.
    fn tick(&mut self) {
        if self.halts && !self.old.running && !self.new.running {
            return;
        }
        self.tip += 1;
        let tip = self.tip;
        for (name, machine) in [("old", &mut self.old), ("new", &mut self.new)] {
            if machine.running && machine.mark.is_some_and(|mark| mark < tip) {
                machine.mark = Some(tip);
                self.signed.entry(tip).or_default().insert(name);
            }
        }
        if self.stranger {
            self.signed.entry(tip).or_default().insert("stranger");
        }
        let both = |who: &BTreeSet<&str>| who.contains("old") && who.contains("new");
        self.double |= self.signed.get(&tip).is_some_and(both);
    }

    fn facts(&self, side: Side) -> Facts {
        let machine = if side == Side::Old { &self.old } else { &self.new };
        let unit = Unit {
            load: if machine.masked { "masked" } else { "loaded" }.into(),
            active: if machine.running { "active" } else { "inactive" }.into(),
            file: String::new(),
            main_pid: u32::from(machine.running),
        };
        let key = if side == Side::New && self.other_key { "CD" } else { "AB" };
        Facts {
            unit,
            processes: if machine.running { vec!["7 /usr/local/bin/palisade-signer".into()] } else { vec![] },
            connected: if machine.running { vec![NODE.parse().unwrap()] } else { vec![] },
            room: !(self.full && side == Side::New),
            keys: BTreeMap::from([(CHAIN.into(), key.into())]),
            marks: machine.mark.map(|mark| (CHAIN.into(), place(mark))).into_iter().collect(),
            findings: vec![],
        }
    }

    fn perform(&mut self, action: &Action) -> Seen {
        match action {
            Action::Look(side) => Seen::Facts(self.facts(*side)),
            Action::Chain(_, from) => {
                let heights = from.map_or(0..0, |from| from..self.tip);
                let commit =
                    |height| (height, self.signed.get(&height).filter(|who| !who.is_empty()).map(|_| 0));
                Seen::Chain(ChainView { tip: self.tip, commits: heights.map(commit).collect() })
            }
            Action::Mask => {
                self.old.masked = true;
                Seen::Done
            }
            Action::Stop => {
                if self.stubborn {
                    return Seen::Failed("Job for palisade-signer.service timed out".into());
                }
                self.old.running = false;
                Seen::Done
            }
            Action::Export(_) => {
                if self.old.running {
                    return Seen::Failed("the state is locked by another process".into());
                }
                self.aside = self.old.mark.take().or(self.aside);
                match self.aside {
                    Some(mark) => Seen::Exported(Carried { at: place(mark), text: mark.to_string() }),
                    None => Seen::Failed("no such state".into()),
                }
            }
            Action::Import(_, text) => {
                let carried: i64 = text.parse().unwrap();
                let mark = self.new.mark.map_or(carried, |there| there.max(carried));
                self.new.mark = Some(mark);
                Seen::Imported(place(mark))
            }
            Action::Start => {
                self.new.running = true;
                self.new.masked = false;
                Seen::Done
            }
            Action::StopNew => {
                (self.new.running, self.new.masked) = (false, true);
                Seen::Done
            }
            Action::End => unreachable!("nothing is performed at the end"),
        }
    }

    /// Runs a move until its end, with one fault at the action of that number.
    fn run(&mut self, mut of: Move, fault: Option<(usize, Fault)>) -> Move {
        for _ in 0..2000 {
            let action = of.next();
            if action == Action::End {
                return of;
            }
            if self.revived_at == Some(self.count) {
                // By hand, with a copy of the state: the worst that people do.
                self.old.running = true;
                self.old.mark = self.old.mark.or(self.aside);
            }
            let seen = match fault.filter(|(at, _)| *at == self.count).map(|(_, kind)| kind) {
                Some(Fault::Before) => Seen::Failed("connection reset".into()),
                Some(Fault::After) => {
                    self.perform(&action);
                    Seen::Failed("connection reset".into())
                }
                None => self.perform(&action),
            };
            self.count += 1;
            // A move survives being written down and read again at any point.
            let text = serde_json::to_string(&of.seen(seen)).unwrap();
            of = serde_json::from_str(&text).unwrap();
            self.tick();
        }
        panic!("the move does not end: {:?}", of.stage);
    }
}

fn place(height: i64) -> Place {
    Place { height, round: 0, step: 3 }
}

fn order(halts_without: bool) -> Order {
    let chain = ChainOrder {
        id: CHAIN.into(),
        rpc: vec![("val-1".into(), "127.0.0.1:26657".into())],
        privval: vec![NODE.into()],
    };
    Order { from: "a".into(), to: "b".into(), chains: vec![chain], missed_blocks: 2, halts_without }
}

fn doubt(of: &Move) -> Doubt {
    match &of.stage {
        Stage::Aborted(abort) => {
            assert!(!abort.way_forward.is_empty());
            abort.doubt.clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_move_without_faults_ends_with_the_new_host_signing_alone() {
    let mut world = World::new();
    let end = world.run(Move::new(order(false)), None);
    assert_eq!(end.stage, Stage::Done);
    assert!(!world.double && world.new.running && !world.old.running && world.old.masked);
    assert_eq!(world.old.mark, None, "the old state is put aside");
    let missed = (101..=world.tip).filter(|height| !world.signed.contains_key(height)).count();
    assert!((3..20).contains(&missed), "{missed} blocks missed");
}

#[test]
fn whatever_is_cut_wherever_nothing_signs_twice_and_a_second_run_ends_it() {
    let mut clean = World::new();
    clean.run(Move::new(order(false)), None);
    let mut aborted = 0;
    for at in 0..clean.count {
        for fault in [Fault::Before, Fault::After] {
            let mut world = World::new();
            let cut = world.run(Move::new(order(false)), Some((at, fault)));
            assert!(!world.double, "action {at}, {fault:?}");
            let end = if cut.stage == Stage::Done {
                cut
            } else {
                aborted += 1;
                assert!(!(world.old.running && world.new.running), "action {at}, {fault:?}");
                assert!(
                    world.old.masked || world.old.running,
                    "a stopped old host is masked: action {at}, {fault:?}"
                );
                doubt(&cut);
                world.run(cut.resumed(), None)
            };
            assert!(!world.double, "after action {at}, {fault:?}");
            assert_eq!(end.stage, Stage::Done, "action {at}, {fault:?}");
            assert!(world.new.running && !world.old.running, "action {at}, {fault:?}");
        }
    }
    assert!(aborted > 5, "{aborted} of the faults stopped a move");
}

#[test]
fn an_old_host_that_does_not_stop_keeps_signing_alone_and_masked() {
    let mut world = World { stubborn: true, ..World::new() };
    let end = world.run(Move::new(order(false)), None);
    assert!(matches!(doubt(&end), Doubt::Failed(..)));
    assert!(world.old.running && world.old.masked && !world.new.running && !world.double);
}

#[test]
fn an_old_host_that_comes_back_at_any_moment_stops_everything() {
    let mut clean = World::new();
    clean.run(Move::new(order(false)), None);
    let mut stopped = 0;
    for at in 0..clean.count {
        let mut world = World { revived_at: Some(at), ..World::new() };
        let end = world.run(Move::new(order(false)), None);
        if end.stage != Stage::Done {
            stopped += 1;
            assert!(!(world.old.running && world.new.running), "action {at}");
        }
        // Whoever goes round the mask with a copy of the state while the new host already signs can win a block before he is
        // seen; up to the start nobody can.
        let started = world.signed.values().any(|who| who.contains("new"));
        assert!(!world.double || started, "action {at}");
    }
    assert!(stopped >= 3, "{stopped} revivals were seen");
}

#[test]
fn a_second_signer_shows_in_the_blocks() {
    let mut world = World { stranger: true, ..World::new() };
    let end = world.run(Move::new(order(false)), None);
    assert!(matches!(doubt(&end), Doubt::StillSigning(..)));
    assert!(!world.new.running && world.old.masked);
}

#[test]
fn a_chain_that_stands_still_is_no_proof_unless_it_was_said() {
    let mut world = World { halts: true, ..World::new() };
    let end = world.run(Move::new(order(false)), None);
    assert_eq!(doubt(&end), Doubt::Halted(CHAIN.into()));
    assert!(!world.new.running);
    let again = Move { order: order(true), ..end };
    let end = world.run(again.resumed(), None);
    assert_eq!(end.stage, Stage::Done);
    assert!(!world.double && world.new.running);
}

#[test]
fn what_can_be_known_before_is_known_before_anything_is_touched() {
    for (world, says) in [
        (World { other_key: true, ..World::new() }, "different keys"),
        (World { full: true, ..World::new() }, "nothing can be written"),
        (
            World { new: Machine { running: true, ..Machine::default() }, ..World::new() },
            "runs on the new host already",
        ),
        (World { old: Machine { mark: None, ..World::new().old }, ..World::new() }, "no readable mark"),
    ] {
        let mut world = world;
        let end = world.run(Move::new(order(false)), None);
        assert!(doubt(&end).to_string().contains(says), "{}", doubt(&end));
        assert!(world.old.running && !world.old.masked, "{says}");
    }
}

#[test]
fn an_unreachable_old_host_is_a_hard_stop() {
    let mut world = World::new();
    let end = world.run(Move::new(order(false)), Some((0, Fault::Before)));
    assert_eq!(doubt(&end), Doubt::OldUnreachable);
    assert!(!world.old.masked && !world.new.running);
}

#[test]
fn a_state_that_came_back_to_the_old_host_counts_instead_of_the_one_carried_before() {
    let mut world = World::new();
    // Cut right after the export; then people bring the state back and the old host signs on.
    let mut of = Move::new(order(false));
    while !of.carried.contains_key(CHAIN) {
        let action = of.next();
        let seen = world.perform(&action);
        of = of.seen(seen);
        world.tick();
    }
    let carried = of.carried[CHAIN].at;
    world.old = Machine { running: true, masked: false, mark: world.aside };
    (0..10).for_each(|_| world.tick());
    let end = world.run(of.resumed(), None);
    assert_eq!(end.stage, Stage::Done);
    assert!(end.carried[CHAIN].at > carried && !world.double);
}
