//! One signer's way to the simulated store, with everything that can happen on it.
#![allow(unreachable_pub, clippy::unwrap_used)]

use std::sync::{Arc, MutexGuard};

use palisade_signer::{
    cluster::{Register, Seen, Swap},
    record::RECORD,
    store::SharedError,
};

use super::{
    super::simulated_world::{World, gone},
    Sim,
};

/// One signer's way to the store.
pub struct Wire {
    pub(super) sim: Arc<Sim>,
    pub(super) who: usize,
}

impl Wire {
    fn world(&self) -> MutexGuard<'_, World> {
        self.sim.world.lock().unwrap()
    }

    fn reach(&self) -> Result<(), SharedError> {
        let mut world = self.world();
        let who = self.who;
        if world.may_die(who, 60) {
            return Err(gone());
        }
        if world.machines[who].cut == 0 && world.dice.one_in(40) {
            world.machines[who].cut = 1 + world.dice.below(6);
            world.fault(who, "partition");
        }
        if world.leaderless == 0 && world.dice.one_in(60) {
            world.leaderless = 1 + world.dice.below(4);
            world.fault(who, "leader changed");
        }
        if world.machines[who].cut > 0 || world.leaderless > 0 {
            world.machines[who].cut = world.machines[who].cut.saturating_sub(1);
            world.leaderless = world.leaderless.saturating_sub(1);
            return Err(gone());
        }
        let (found, bound) = (world.cluster, world.machines[who].pin);
        if found != bound { Err(SharedError::OtherCluster { found, bound }) } else { Ok(()) }
    }

    fn meanwhile(&self) {
        let goes = self.world().dice.one_in(6);
        if goes && self.sim.someone_else_runs() {
            self.world().fault(self.who, "others ran meanwhile");
        }
    }
}

impl Register for Wire {
    fn swap(
        &mut self,
        seen: Option<&Seen>,
        next: &[u8; RECORD],
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Swap, SharedError> {
        // The file is written before the store has heard of it, after it has answered, or not in here at all.
        let when = self.world().dice.below(3);
        if when == 0 {
            meanwhile();
        }
        let answer = self.swap_in_time(seen, next);
        if when == 1 {
            meanwhile();
        }
        answer
    }

    fn read(&mut self) -> Result<Option<Seen>, SharedError> {
        self.reach()?;
        let mut world = self.world();
        world.late_ones();
        Ok(Some(world.place.clone()))
    }
}

impl Wire {
    fn swap_in_time(&self, seen: Option<&Seen>, next: &[u8; RECORD]) -> Result<Swap, SharedError> {
        // The same request is tried again within the budget of a real client.
        let tries = 1 + self.world().dice.below(3);
        for _ in 0..tries {
            self.meanwhile();
            match self.reach() {
                Ok(()) => {}
                // What was sent into a partition may come out of it later.
                Err(SharedError::Unclear(_)) => {
                    let mut world = self.world();
                    if !world.machines[self.who].dead && world.dice.one_in(3) {
                        world.flying.push((seen.cloned(), *next));
                        world.fault(self.who, "request late");
                    }
                    continue;
                }
                Err(other) => return Err(other),
            }
            let (answer, lost) = {
                let mut world = self.world();
                world.late_ones();
                match world.dice.below(20) {
                    0 | 1 => {
                        world.fault(self.who, "request lost");
                        continue;
                    }
                    2 | 3 => {
                        world.flying.push((seen.cloned(), *next));
                        world.fault(self.who, "request late");
                        continue;
                    }
                    4 | 5 => {
                        world.flying.push((seen.cloned(), *next));
                        world.fault(self.who, "request doubled");
                        (world.apply(seen, next), false)
                    }
                    6 | 7 => {
                        world.fault(self.who, "answer lost");
                        (world.apply(seen, next), true)
                    }
                    _ => (world.apply(seen, next), false),
                }
            };
            self.meanwhile();
            if self.world().may_die(self.who, 60) {
                return Err(gone());
            }
            if !lost {
                return Ok(answer);
            }
        }
        Err(gone())
    }
}
