//! The oracle remembers every signature ever made and watches the keeper through random requests and crashes.
//!
//! The disk is a double at the lowest seam ([`Medium`]). It knows what is in the page cache and what is durable, and fails
//! at every step of storage. A crash is a kill (the cache survives), or a power cut (each written sector is there, is not
//! there, or is torn). After a failed flush the kernel may call a lost page clean, so that later flushes skip it. Everything
//! else is the real thing: guard, store, slots, records, keeper.
//!
//! A signature counts from the moment that the key made it, whether or not the reply left.
//!
//! `ORACLE_SEED` and `ORACLE_STEPS` repeat or lengthen a run.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/disk.rs"]
mod disk;
#[path = "support/random.rs"]
mod random;
#[path = "support/requests.rs"]
mod requests;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use comet::{
    canonical,
    consensus::{PublicKey, SecretKey, Signature},
    key::PrivateKey,
};
use disk::{Crash, Disk, Shared, World, crash, differs, fall};
use palisade_signer::{
    doppelganger::{Leave, Settled, Standing},
    keeper::{Answer, Failure, Keeper},
    key::{Key, KeyError},
    mark::{Hrs, Identity, Mark, Step},
    record::RECORD,
    request::Request,
    slots::{self, OpenError, SLOT, Slots},
    store::{ExtensionPermit, Permit, Store},
};
use random::Random;

/// Notes what it signs. With a real key the signatures are real too.
struct NotingKey {
    world: Shared,
    public: PublicKey,
    /// `None`: the signatures are made up, which is a hundred times faster.
    real: Option<SecretKey>,
}

impl NotingKey {
    fn new(world: &Shared, real: bool) -> Self {
        Self { world: Arc::clone(world), public: key().public().clone(), real: real.then(key) }
    }

    fn signature(&self, bytes: &[u8]) -> Signature {
        match &self.real {
            Some(key) => key.sign(bytes),
            None => std::array::from_fn::<_, 64, _>(|i| bytes[i % bytes.len()]).into(),
        }
    }
}

impl Key for NotingKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn verify(&self, sign_bytes: &[u8], signature: &Signature) -> bool {
        self.real.is_none() || self.public.verify(sign_bytes, signature.as_bytes())
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        let signature = self.signature(permit.sign_bytes());
        let world = &mut *self.world.lock().unwrap();
        if world.crash == Some(Crash::BeforeSign) {
            return Err(KeyError("crashed".into()));
        }
        world.made.push(permit.sign_bytes().into());
        if world.crash == Some(Crash::AfterSign) {
            return Err(KeyError("crashed".into()));
        }
        Ok(signature)
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(self.signature(permit.sign_bytes()))
    }
}

/// Every signature ever made.
#[derive(Default)]
struct Oracle {
    signed: HashMap<(i64, i32, u8), Vec<u8>>,
    highest: Option<Hrs>,
}

impl Oracle {
    fn hear(&mut self, sign_bytes: &[u8]) {
        let read = canonical::read(sign_bytes).expect("a vote or proposal");
        let hrs = Hrs {
            height: read.height,
            round: i32::try_from(read.round).unwrap(),
            step: Step::from_message_type(read.r#type).expect("known"),
        };
        assert!(self.highest <= Some(hrs), "a step back: {hrs:?} after {:?}", self.highest);
        self.highest = Some(hrs);
        let before =
            self.signed.entry((hrs.height, hrs.round, hrs.step.number())).or_insert(sign_bytes.into());
        assert_eq!(*before, sign_bytes, "two signatures at {hrs:?}");
    }
}

#[derive(Debug, Default)]
struct Seen {
    advanced: u64,
    repeated: u64,
    refused: u64,
    crashes: u64,
    power_cuts: u64,
    refused_to_open: u64,
    floors_set: u64,
}

fn identity() -> Identity {
    Identity { chain_id: requests::CHAIN.into(), public_key: key().public().clone() }
}

fn key() -> SecretKey {
    PrivateKey::from_seed(&[7; 32]).into()
}

/// A random request near `around`: often the next step, often the same again with something changed.
fn request(random: &mut Random, around: Hrs) -> Request {
    let mut hrs = around;
    match random.below(8) {
        0 | 1 => {}
        2..=4 => match hrs.step {
            Step::None => hrs.step = Step::Propose,
            Step::Propose => hrs.step = Step::Prevote,
            Step::Prevote => hrs.step = Step::Precommit,
            Step::Precommit => hrs = Hrs { height: hrs.height + 1, round: 0, step: Step::Propose },
        },
        5 => hrs = Hrs { round: hrs.round + 1, step: Step::Prevote, ..hrs },
        6 => hrs = Hrs { height: hrs.height + 1, round: 0, step: Step::ALL[1 + random.index(3)] },
        _ => {
            hrs.height += i64::try_from(random.below(3)).unwrap() - 2;
            hrs.round = i32::try_from(random.below(3)).unwrap();
            hrs.step = Step::ALL[1 + random.index(3)];
        }
    }
    let (height, round) = (hrs.height.max(1), hrs.round.clamp(0, 1 << 20));
    let (which, second) = (u8::try_from(random.below(3)).unwrap(), i64::try_from(random.below(3)).unwrap());
    match hrs.step {
        Step::Prevote => requests::prevote(height, round, which, second),
        Step::Precommit => requests::precommit(height, round, which, second),
        Step::None | Step::Propose => requests::proposal(height, round, which.max(1), second),
    }
}

fn fallen(world: &Shared, random: &mut Random, seen: &mut Seen) {
    seen.crashes += 1;
    seen.power_cuts += u64::from(fall(&mut world.lock().unwrap(), random));
}

fn sequence(world: &World, slot: usize) -> u64 {
    let bytes = world.cached[slot * SLOT..].first_chunk().expect("a record");
    palisade_signer::record::decode(bytes).expect("whole").sequence
}

/// Starts a process, as often as it takes. What cannot be opened is settled by an operator who knows the highest signature.
fn start(
    world: &Shared,
    random: &mut Random,
    oracle: &Oracle,
    seen: &mut Seen,
    real: bool,
) -> Keeper<Slots<Disk>> {
    loop {
        if random.one_in(20) {
            let world = &mut *world.lock().unwrap();
            // Opening flushes twice; fail at either.
            (world.crash, world.syncs_to_pass) = (Some(crash(random)), random.below(2));
        }
        let image = world.lock().unwrap().cached.clone();
        match Slots::open(Disk(Arc::clone(world)), &image, identity()) {
            Ok((slots, last)) => {
                assert!(oracle.highest <= Some(last.mark.hrs), "opened below the highest signature");
                let mut after = world.lock().unwrap();
                (after.crash, after.syncs_to_pass) = (None, 0);
                drop(after);
                let key = NotingKey::new(world, real);
                return Keeper::new(Box::new(key), vec![Store::new(last, slots)]);
            }
            Err(OpenError::Write(_)) => fallen(world, random, seen),
            Err(error) => {
                let world = &mut *world.lock().unwrap();
                assert!(world.damaged, "refused to open what nothing has damaged: {error}");
                seen.refused_to_open += 1;
                seen.floors_set += 1;
                let floor = Mark::floor(oracle.highest.unwrap_or(Hrs::whole_height(0)));
                world.durable = slots::image(&identity(), &floor);
                world.cached.clone_from(&world.durable);
                (world.falsely_clean, world.hollow) = ([false; 2], [false; 2]);
                (world.damaged, world.crash, world.syncs_to_pass) = (false, None, 0);
            }
        }
    }
}

fn run(seed: u64, steps: u64, real: bool) -> Seen {
    let mut random = Random(seed);
    let (mut oracle, mut seen) = (Oracle::default(), Seen::default());
    let fresh = slots::image(&identity(), &Mark::floor(Hrs::whole_height(0)));
    let world = World::new(fresh);
    let mut keeper = start(&world, &mut random, &oracle, &mut seen, real);
    for _ in 0..steps {
        let asked = request(&mut random, keeper.store(0).unwrap().mark().hrs);
        if random.one_in(10) {
            world.lock().unwrap().crash = Some(crash(&mut random));
        }
        let before = keeper.store(0).unwrap().mark().clone();
        let answer = keeper.answer(0, leave(&asked), &asked, &mut |_| {});
        let made = std::mem::take(&mut world.lock().unwrap().made);
        assert!(made.len() <= 1);
        for sign_bytes in &made {
            oracle.hear(sign_bytes);
        }
        match answer {
            Answer::Sign(signed) => {
                let read = canonical::read(&made[0]).expect("a vote or proposal");
                assert_eq!(
                    signed.timestamp, read.timestamp,
                    "the answer names the timestamp that was signed"
                );
                // What was signed is what was asked for, up to the timestamp that the answer names.
                let (made, asked) = (made[0].as_slice(), asked.sign_bytes());
                assert!(made == asked || canonical::differ_only_in_timestamp(made, asked));
                if signed.repeat { seen.repeated += 1 } else { seen.advanced += 1 }
            }
            Answer::Refuse(_) => {
                assert!(made.is_empty(), "refused and signed");
                seen.refused += 1;
            }
            Answer::Fail(Failure::Persist(_)) => {
                assert!(made.is_empty(), "signed without a durable mark");
                assert!(world.lock().unwrap().crash.is_some(), "the disk was fine");
                assert_eq!(
                    *keeper.store(0).unwrap().mark(),
                    before,
                    "the mark in memory is ahead of the disk"
                );
                assert!(matches!(
                    keeper.answer(0, leave(&asked), &asked, &mut |_| {}),
                    Answer::Fail(Failure::Stopped)
                ));
            }
            Answer::Fail(_) => {}
        }
        // A crash that this request did not reach must not wait for another one.
        let crashed = world.lock().unwrap().crash.is_some();
        if crashed {
            drop(keeper);
            fallen(&world, &mut random, &mut seen);
            keeper = start(&world, &mut random, &oracle, &mut seen, real);
        }
    }
    seen
}

/// The guard against other signers has tests of its own.
fn leave(asked: &Request) -> Leave {
    Standing::Settled(Settled::NotGuarded).leave(asked.hrs().height).expect("not guarded")
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let seed = from_environment("ORACLE_SEED").unwrap_or(u64::from(now.subsec_nanos()) ^ now.as_secs());
    println!("ORACLE_SEED={seed}");
    seed
}

#[test]
fn a_million_steps() {
    let steps = from_environment("ORACLE_STEPS").unwrap_or(1_000_000);
    let seen = run(seed(), steps, false);
    println!("{seen:?}");
    for count in [seen.advanced, seen.repeated, seen.refused, seen.power_cuts, seen.refused_to_open] {
        assert!(count > steps / 1_000, "the run does not reach everything: {seen:?}");
    }
}

/// Found by the run above: killed between write and flush, then a power cut while the next process opens. Without a flush
/// before the first write, the disk could keep that write and lose the one before it.
#[test]
fn killed_before_the_flush_and_cut_off_while_opening() {
    let fresh = slots::image(&identity(), &Mark::floor(Hrs::whole_height(0)));
    let world = World::new(fresh);
    let open = || {
        let image = world.lock().unwrap().cached.clone();
        Slots::open(Disk(Arc::clone(&world)), &image, identity())
    };
    let (slots, mark) = open().expect("fresh");
    let key = NotingKey::new(&world, false);
    let mut keeper = Keeper::new(Box::new(key), vec![Store::new(mark, slots)]);
    world.lock().unwrap().crash = Some(Crash::AfterWrite);
    let answer = {
        let asked = requests::prevote(1, 0, 1, 0);
        keeper.answer(0, leave(&asked), &asked, &mut |_| {})
    };
    assert!(matches!(answer, Answer::Fail(Failure::Persist(_))));
    // The next process gets as far as its write; that sector reaches the disk by itself, and nothing else does.
    (world.lock().unwrap().crash, world.lock().unwrap().syncs_to_pass) = (Some(Crash::AfterWrite), 1);
    assert!(matches!(open(), Err(OpenError::Write(_))));
    {
        let world = &mut *world.lock().unwrap();
        let last_write =
            (0..2).filter(|slot| differs(world, *slot)).max_by_key(|slot| sequence(world, *slot));
        let range =
            last_write.map(|slot| slot * SLOT..slot * SLOT + RECORD).expect("the write is not flushed");
        world.durable[range.clone()].copy_from_slice(&world.cached[range]);
        world.cached.clone_from(&world.durable);
        (world.crash, world.syncs_to_pass) = (None, 0);
    }
    open().expect("neither a kill nor a power cut between sectors damages anything");
}

#[test]
fn with_a_real_key() {
    println!("{:?}", run(seed(), 20_000, true));
}
