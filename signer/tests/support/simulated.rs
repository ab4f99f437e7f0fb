//! A store, disks and signers in one thread, and a seed that decides what happens to them. See `simulation.rs`.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

#[path = "simulated_wire.rs"]
mod wire;

use std::{
    io,
    sync::{Arc, Mutex},
};

use comet::{
    consensus::{PublicKey, Signature},
    key::PrivateKey,
};
use palisade_signer::{
    cluster::{self, Shared, Swap},
    doppelganger::{Settled, Standing},
    guard,
    keeper::{Answer, Failure, Keeper},
    key::{Key, KeyError},
    mark::Identity,
    request::Request,
    slots::{self, Medium, Slots},
    store::{ExtensionPermit, Permit, Store},
};
use sha2::{Digest as _, Sha256};

use super::{
    requests::CHAIN,
    simulated_world::{Hand, Story, Tally, World, in_short, place},
};
use wire::Wire;

pub const SIGNERS: usize = 3;
/// Requests from nodes in one history.
const STEPS: usize = 45;
/// How deep signers run inside of each other's waits.
const DEPTH: usize = 2;

type Desk = Mutex<Option<Keeper<Shared<Wire, Disk>>>>;

struct Sim {
    world: Mutex<World>,
    desks: Vec<Desk>,
    identity: Identity,
    deterministic: bool,
}

pub struct History(Arc<Sim>);

/// One signer's disk.
struct Disk {
    sim: Arc<Sim>,
    who: usize,
}

impl Medium for Disk {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.sim.world.lock().unwrap();
        if world.may_die(self.who, 80) {
            return Err(io::Error::other("dead"));
        }
        let at = usize::try_from(offset).unwrap();
        world.machines[self.who].cached[at..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.sim.world.lock().unwrap();
        if world.may_die(self.who, 80) {
            return Err(io::Error::other("dead"));
        }
        let machine = &mut world.machines[self.who];
        machine.durable = machine.cached.clone();
        if world.may_die(self.who, 80) { Err(io::Error::other("dead")) } else { Ok(()) }
    }
}

/// A key that notes everything that it is made to sign.
struct Pen {
    sim: Arc<Sim>,
    who: usize,
}

impl Pen {
    fn write(&self, sign_bytes: &[u8]) -> Signature {
        let mut world = self.sim.world.lock().unwrap();
        world.signatures += u64::from(!self.sim.deterministic);
        let count = world.signatures;
        let half: [u8; 32] = Sha256::digest(sign_bytes).into();
        [half, Sha256::digest(count.to_le_bytes()).into()].concat().into()
    }
}

impl Key for Pen {
    fn public_key(&self) -> &PublicKey {
        &self.sim.identity.public_key
    }

    fn is_deterministic(&self) -> bool {
        self.sim.deterministic
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        let sign_bytes = permit.sign_bytes();
        {
            let mut world = self.sim.world.lock().unwrap();
            if world.may_die(self.who, 60) {
                world.fault(self.who, "signer killed while signing");
                return Err(KeyError("dead".into()));
            }
            let request =
                Request::from_sign_bytes(CHAIN, sign_bytes).expect("only votes and proposals are asked for");
            let at = place(request.hrs());
            let there = world.made.entry(at).or_insert_with(|| sign_bytes.to_vec());
            if there != sign_bytes {
                world.wrong = Some(format!("{at:?} was signed in two ways"));
            }
        }
        Ok(self.write(sign_bytes))
    }

    fn verify(&self, sign_bytes: &[u8], signature: &Signature) -> bool {
        signature.as_bytes()[..32] == Sha256::digest(sign_bytes)[..]
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(self.write(permit.sign_bytes()))
    }
}

impl Sim {
    /// Another signer that is not in the middle of something gets a request; whether there was one.
    fn someone_else_runs(self: &Arc<Self>) -> bool {
        let busy = self.desks.iter().filter(|desk| desk.try_lock().is_err()).count();
        let who = self.world.lock().unwrap().dice.index(SIGNERS);
        busy <= DEPTH && self.desks[who].try_lock().is_ok() && {
            self.ask(who);
            true
        }
    }

    /// A node asks a signer something.
    fn ask(self: &Arc<Self>, who: usize) {
        let Ok(mut desk) = self.desks[who].try_lock() else { return };
        if desk.is_none() {
            *desk = self.open(who);
        }
        let request = self.world.lock().unwrap().request();
        let Some(keeper) = desk.as_mut() else { return };
        let leave = Standing::Settled(Settled::NotGuarded).leave(request.hrs().height).unwrap();
        let answer = keeper.answer(0, leave, &request, &mut |_| {});
        let stopped = keeper.is_stopped();
        let mut world = self.world.lock().unwrap();
        if world.machines[who].dead {
            // Whatever it said died with it.
            world.machines[who].dead = false;
            *desk = None;
            return;
        }
        let at = place(request.hrs());
        world.tell(format!(
            "{who} asked {at:?} block {:?}: {}",
            &request.sign_bytes()[30..32],
            in_short(&answer)
        ));
        match answer {
            Answer::Sign(signed) => {
                world.tally.signed += 1;
                world.tally.repeats += u64::from(signed.repeat);
                let first = world.released.entry(at).or_insert_with(|| signed.signature.clone()).clone();
                // What must be caught is to be caught at the sign-bytes.
                if first != signed.signature && world.story == Story::Good {
                    world.wrong = Some(format!("{at:?}: two signatures left"));
                }
            }
            Answer::Refuse(_) => world.tally.refused += 1,
            Answer::Fail(failure) => {
                world.tally.failed += 1;
                if stopped && !matches!(failure, Failure::Stopped) {
                    world.wrong = Some(format!("{at:?}: a disk that works has stopped a key: {failure}"));
                }
            }
        }
    }

    /// A signer starts, if its disk and the store let it.
    fn open(self: &Arc<Self>, who: usize) -> Option<Keeper<Shared<Wire, Disk>>> {
        let (wire, disk) = (Wire { sim: Arc::clone(self), who }, Disk { sim: Arc::clone(self), who });
        let image = self.world.lock().unwrap().machines[who].cached.clone();
        let opened = Slots::open(disk, &image, self.identity.clone())
            .map_err(|error| error.to_string())
            .and_then(|(slots, last)| {
                Shared::open(wire, slots, &last, self.identity.clone()).map_err(|error| error.to_string())
            });
        let mut world = self.world.lock().unwrap();
        let died = std::mem::take(&mut world.machines[who].dead);
        match opened {
            Ok((shared, last)) if !died => {
                drop(world);
                let pen = Pen { sim: Arc::clone(self), who };
                Some(Keeper::new(Box::new(pen), vec![Store::new(last, shared)]))
            }
            Ok(_) => None,
            Err(why) => {
                world.tell(format!("{who} does not start: {why}"));
                None
            }
        }
    }

    /// The operator puts the backup back, as docs/etcd.md has it: all signers stopped, the old cluster gone for good, the mark raised to
    /// the highest that any signer has, every pin set anew.
    fn restore(self: &Arc<Self>) {
        for desk in &self.desks {
            *desk.lock().unwrap() = None;
        }
        let mut world = self.world.lock().unwrap();
        let Some(backup) = world.backup.clone() else { return };
        world.fault(SIGNERS, "backup restored");
        world.flying.clear();
        world.revision = backup.revision;
        world.place = backup;
        if world.story == Story::BackupNotRaised {
            return;
        }
        // A mark that is raised by hand brings no signature along: a key that signs differently each time signs those bytes once more,
        // which is no second vote.
        world.released.clear();
        world.cluster += 1;
        let (cluster, identity) = (world.cluster, &self.identity);
        let marks = world.machines.iter().filter_map(|machine| slots::salvage(&machine.cached, identity));
        let highest = marks.max_by_key(|mark| mark.hrs).unwrap();
        let seen = world.place.clone();
        let there = cluster::read(&seen.value, identity).unwrap().mark;
        if let Some(raised) = guard::raise(&there, highest) {
            let mut hand = Hand(&mut world);
            assert!(matches!(
                cluster::raise(&mut hand, identity, Some(&seen), &raised).unwrap(),
                Swap::Done(_)
            ));
        }
        for at in 0..SIGNERS {
            world.machines[at].pin = cluster;
            world.renew(at, identity);
        }
    }
}

impl History {
    pub fn new(seed: u64, story: Story) -> Self {
        let public_key = PrivateKey::from_seed(&[7; 32]).public().into();
        let identity = Identity { chain_id: CHAIN.into(), public_key };
        let (world, deterministic) = World::new(seed, story, &identity);
        let desks = (0..SIGNERS).map(|_| Mutex::new(None)).collect();
        Self(Arc::new(Sim { world: Mutex::new(world), desks, identity, deterministic }))
    }

    /// The whole history; what went wrong in it.
    pub fn run(&mut self) -> Result<Tally, String> {
        for _ in 0..STEPS {
            let (who, back_up, restore) = {
                let mut world = self.0.world.lock().unwrap();
                let who = world.dice.index(SIGNERS);
                (who, world.dice.one_in(20), world.dice.one_in(60))
            };
            if back_up {
                let mut world = self.0.world.lock().unwrap();
                world.backup = Some(world.place.clone());
            }
            if restore {
                self.0.restore();
            }
            self.0.ask(who);
            if let Some(wrong) = self.0.world.lock().unwrap().wrong.clone() {
                return Err(wrong);
            }
        }
        Ok(self.0.world.lock().unwrap().tally.clone())
    }

    pub fn told(&self) -> String {
        self.0.world.lock().unwrap().told.clone()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        // The signers hold on to the world that holds them.
        for desk in &self.0.desks {
            *desk.lock().unwrap() = None;
        }
    }
}
