//! A disk that fails: the page cache, the sectors below it, and every way to lose the one before the other.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    io,
    sync::{Arc, Mutex},
};

use palisade_signer::{
    record::RECORD,
    slots::{Medium, SLOT},
};

use super::random::Random;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Crash {
    BeforeWrite,
    MidWrite(usize),
    AfterWrite,
    AfterSync,
    BeforeSign,
    AfterSign,
}

/// Everything in the world but the process under test.
pub struct World {
    pub cached: Vec<u8>,
    pub durable: Vec<u8>,
    /// Slots whose cached content the kernel wrongly takes for durable.
    pub falsely_clean: [bool; 2],
    /// Slots that were falsely clean and have not been flushed since: the disk has something two records old.
    pub hollow: [bool; 2],
    /// Flushes that pass before the crash.
    pub syncs_to_pass: u64,
    /// Whether a sector was torn, or lost although it was called clean: the only reasons to refuse to open.
    pub damaged: bool,
    pub crash: Option<Crash>,
    pub made: Vec<Vec<u8>>,
}

impl World {
    /// A disk with this content, all of it durable.
    pub fn new(image: Vec<u8>) -> Shared {
        Arc::new(Mutex::new(Self {
            cached: image.clone(),
            durable: image,
            falsely_clean: [false; 2],
            hollow: [false; 2],
            syncs_to_pass: 0,
            damaged: false,
            crash: None,
            made: vec![],
        }))
    }

    /// No crash is due.
    pub fn calm(&mut self) {
        (self.crash, self.syncs_to_pass) = (None, 0);
    }
}

pub type Shared = Arc<Mutex<World>>;

pub fn dead() -> io::Error {
    io::Error::other("crashed")
}

pub struct Disk(pub Shared);

impl Medium for Disk {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let world = &mut *self.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        let written = match world.crash {
            Some(Crash::BeforeWrite) => 0,
            Some(Crash::MidWrite(n)) => n,
            _ => bytes.len(),
        };
        world.cached[at..at + written].copy_from_slice(&bytes[..written]);
        if written > 0 {
            world.hollow[at / SLOT] |= std::mem::take(&mut world.falsely_clean[at / SLOT]);
        }
        match world.crash {
            Some(Crash::BeforeWrite) => Err(dead()),
            Some(Crash::MidWrite(n)) => {
                world.damaged |= n > 0 && n < bytes.len();
                Err(dead())
            }
            _ => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let world = &mut *self.0.lock().unwrap();
        let passes = world.syncs_to_pass > 0;
        world.syncs_to_pass = world.syncs_to_pass.saturating_sub(1);
        if world.crash == Some(Crash::AfterWrite) && !passes {
            return Err(dead());
        }
        for slot in 0..2 {
            if !world.falsely_clean[slot] {
                world.hollow[slot] = false;
                let range = slot * SLOT..slot * SLOT + RECORD;
                world.durable[range.clone()].copy_from_slice(&world.cached[range]);
            }
        }
        if world.crash == Some(Crash::AfterSync) && !passes { Err(dead()) } else { Ok(()) }
    }
}

pub fn crash(random: &mut Random) -> Crash {
    match random.below(6) {
        0 => Crash::BeforeWrite,
        1 => Crash::MidWrite(random.index(RECORD)),
        2 => Crash::AfterWrite,
        3 => Crash::AfterSync,
        4 => Crash::BeforeSign,
        _ => Crash::AfterSign,
    }
}

/// What is left of the world for the next process. Returns whether the power went.
pub fn fall(world: &mut World, random: &mut Random) -> bool {
    if world.crash == Some(Crash::AfterWrite) && random.one_in(2) {
        // The flush failed, and the kernel forgets which pages were dirty.
        world.falsely_clean = std::array::from_fn(|slot| differs(world, slot) || world.falsely_clean[slot]);
    }
    (world.crash, world.syncs_to_pass) = (None, 0);
    if random.one_in(2) {
        return false;
    }
    for slot in 0..2 {
        if !differs(world, slot) {
            continue;
        }
        let range = slot * SLOT..slot * SLOT + RECORD;
        // A page that is called clean is never written any more.
        let reached_disk = match random.below(8) {
            _ if world.falsely_clean[slot] => {
                world.damaged = true;
                0
            }
            0 => {
                world.damaged = true;
                random.index(RECORD)
            }
            1..=3 => 0,
            _ => RECORD,
        };
        world.damaged |= world.hollow[slot] && reached_disk < RECORD;
        let end = range.start + reached_disk;
        world.durable[range.start..end].copy_from_slice(&world.cached[range.start..end]);
    }
    world.cached.clone_from(&world.durable);
    (world.falsely_clean, world.hollow) = ([false; 2], [false; 2]);
    true
}

pub fn differs(world: &World, slot: usize) -> bool {
    let range = slot * SLOT..slot * SLOT + RECORD;
    world.cached[range.clone()] != world.durable[range]
}
