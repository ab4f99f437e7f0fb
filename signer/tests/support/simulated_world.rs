//! What the simulation is about: a store, machines with disks, what is under way between them, and the seed that decides.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{collections::BTreeMap, fmt::Write as _};

use comet::consensus::Signature;
use palisade_signer::{
    cluster::{self, Register, Seen, Swap},
    keeper::Answer,
    mark::{Hrs, Identity, Mark},
    record::{self, Link, RECORD},
    request::Request,
    slots::{self, FILE, Medium, Slots},
    store::SharedError,
};

use super::{
    random::Random,
    requests::{precommit, prevote, proposal},
    simulated::SIGNERS,
};

/// What is simulated: the real thing, or something that must be caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    Good,
    /// The store forgets to compare.
    BlindStore,
    /// An old backup is put back, and the signers go on with it as it is.
    BackupNotRaised,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub signed: u64,
    pub repeats: u64,
    pub refused: u64,
    pub failed: u64,
    faults: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.signed += other.signed;
        self.repeats += other.repeats;
        self.refused += other.refused;
        self.failed += other.failed;
        for (what, times) in &other.faults {
            *self.faults.entry(what).or_default() += times;
        }
    }

    pub fn faults(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ALL_FAULTS.into_iter().map(|what| (what, self.faults.get(what).copied().unwrap_or(0)))
    }
}

pub const ALL_FAULTS: [&str; 12] = [
    "request lost",
    "answer lost",
    "request late",
    "request doubled",
    "late request applied",
    "others ran meanwhile",
    "partition",
    "leader changed",
    "process killed",
    "power cut",
    "signer killed while signing",
    "backup restored",
];

pub struct World {
    pub dice: Random,
    pub story: Story,
    pub tally: Tally,
    pub told: String,
    // The store.
    pub place: Seen,
    pub revision: i64,
    pub cluster: u64,
    pub backup: Option<Seen>,
    /// Requests that may still arrive.
    pub flying: Vec<(Option<Seen>, [u8; RECORD])>,
    pub leaderless: u64,
    pub machines: Vec<Machine>,
    /// Every signature that any key ever made, and those that left.
    pub made: BTreeMap<(i64, i32, u8), Vec<u8>>,
    pub released: BTreeMap<(i64, i32, u8), Signature>,
    pub wrong: Option<String>,
    pub signatures: u64,
    pub height: i64,
}

#[derive(Clone, Default)]
pub struct Machine {
    pub cached: Vec<u8>,
    pub durable: Vec<u8>,
    pub dead: bool,
    /// The cluster that it is bound to, and how many requests it is cut off for.
    pub pin: u64,
    pub cut: u64,
}

impl World {
    /// The beginning: every signer and the store at height 0; and whether the key signs alike twice.
    pub fn new(seed: u64, story: Story, identity: &Identity) -> (Self, bool) {
        let floor = Mark::floor(Hrs::whole_height(0));
        let image = slots::image(identity, &floor);
        assert_eq!(image.len(), FILE);
        let first = record::encode(identity, 1, floor.hrs, &[], None, &Link::default());
        let machine = Machine { cached: image.clone(), durable: image, pin: 1, ..Machine::default() };
        let mut dice = Random(seed);
        let deterministic = dice.one_in(2);
        let world = Self {
            dice,
            story,
            tally: Tally::default(),
            told: String::new(),
            place: Seen { revision: 1, value: first.to_vec() },
            revision: 1,
            cluster: 1,
            backup: None,
            flying: Vec::new(),
            leaderless: 0,
            machines: vec![machine; SIGNERS],
            made: BTreeMap::new(),
            released: BTreeMap::new(),
            wrong: None,
            signatures: 0,
            height: 1,
        };
        (world, deterministic)
    }

    /// What a node may ask for now.
    pub fn request(&mut self) -> Request {
        self.height += i64::from(self.dice.one_in(5));
        let height = self.height + i64::from(self.dice.one_in(12));
        let round = i32::from(self.dice.one_in(6));
        let block = 1 + u8::try_from(self.dice.below(2)).unwrap();
        let second = i64::from(self.dice.one_in(3));
        match self.dice.below(3) {
            0 => proposal(height, round, block, 0),
            1 => prevote(height, round, block, second),
            _ => precommit(height, round, block, second),
        }
    }

    pub fn tell(&mut self, what: impl AsRef<str>) {
        let _ = writeln!(self.told, "{}", what.as_ref());
    }

    pub fn fault(&mut self, who: usize, what: &'static str) {
        *self.tally.faults.entry(what).or_default() += 1;
        self.tell(format!("  {who}: {what}"));
    }

    /// What a member does with a request that arrives.
    pub fn apply(&mut self, seen: Option<&Seen>, next: &[u8; RECORD]) -> Swap {
        if self.story != Story::BlindStore && seen != Some(&self.place) {
            return Swap::Lost(Some(self.place.clone()));
        }
        self.revision += 1;
        self.place = Seen { revision: self.revision, value: next.to_vec() };
        Swap::Done(self.revision)
    }

    /// Requests from before come now, perhaps.
    pub fn late_ones(&mut self) {
        let mut at = 0;
        while at < self.flying.len() {
            if self.dice.one_in(4) {
                let (seen, next) = self.flying.swap_remove(at);
                if matches!(self.apply(seen.as_ref(), &next), Swap::Done(_)) {
                    self.fault(SIGNERS, "late request applied");
                }
            } else {
                at += 1;
            }
        }
    }

    /// `etcd pin` on one machine: what its file knew of the store is forgotten, and its mark is raised to the store's.
    pub fn renew(&mut self, who: usize, identity: &Identity) {
        let image = self.machines[who].cached.clone();
        let local = slots::read(&image, identity).unwrap();
        let wanted = slots::wanted(&image, identity).unwrap();
        let there = cluster::read(&self.place.value, identity).unwrap().mark;
        let mark = cluster::beside(&local, wanted.as_ref(), &there);
        let (mut slots, _) =
            Slots::open(Bytes(&mut self.machines[who].cached), &image, identity.clone()).unwrap();
        slots.renew(&mark).unwrap();
        self.machines[who].durable = self.machines[who].cached.clone();
    }

    /// The process ends here, or the whole machine; whatever it tries from now on comes to nothing.
    pub fn may_die(&mut self, who: usize, one_in: u64) -> bool {
        if !self.machines[who].dead && self.dice.one_in(one_in) {
            let power = self.dice.one_in(3);
            self.fault(who, if power { "power cut" } else { "process killed" });
            let machine = &mut self.machines[who];
            machine.dead = true;
            if power {
                machine.cached = machine.durable.clone();
            }
        }
        self.machines[who].dead
    }
}

/// A disk that cannot fail.
struct Bytes<'a>(&'a mut Vec<u8>);

impl Medium for Bytes<'_> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.0[usize::try_from(offset).unwrap()..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn gone() -> SharedError {
    SharedError::Unclear("no answer".into())
}

/// The operator's own way to the store.
pub struct Hand<'a>(pub &'a mut World);

impl Register for Hand<'_> {
    fn swap(
        &mut self,
        seen: Option<&Seen>,
        next: &[u8; RECORD],
        _: &mut dyn FnMut(),
    ) -> Result<Swap, SharedError> {
        Ok(self.0.apply(seen, next))
    }

    fn read(&mut self) -> Result<Option<Seen>, SharedError> {
        Ok(Some(self.0.place.clone()))
    }
}

/// Where something was signed.
pub fn place(hrs: Hrs) -> (i64, i32, u8) {
    (hrs.height, hrs.round, hrs.step.number())
}

/// An answer, for the telling.
pub fn in_short(answer: &Answer) -> String {
    match answer {
        Answer::Sign(signed) => format!("signed{}", if signed.repeat { ", again" } else { "" }),
        Answer::Refuse(refusal) => format!("refused, {}", refusal.reason.name()),
        Answer::Fail(failure) => format!("failed, {}", failure.name()),
    }
}
