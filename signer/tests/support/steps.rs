//! A disk and a key that count their steps and fail at one of them, and what is left of them afterwards.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
};

use comet::{
    canonical,
    consensus::{PublicKey, SecretKey, Signature},
    key::PrivateKey,
};
use palisade_signer::{
    key::{Key, KeyError},
    mark::{Hrs, Identity, Mark, Step},
    record::RECORD,
    slots::{self, Medium, SLOT},
    store::{ExtensionPermit, Permit},
};
use rustix::io::Errno;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Write,
    Sync,
    Sign,
}

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is gone before it.
    DiesBefore,
    /// The process is gone after it.
    DiesAfter,
    /// So many bytes are written, or reach the disk, and the process is gone.
    Torn(usize),
    /// The system says no, after so many bytes; the process lives on.
    Refused(Errno, usize),
}

/// What becomes of the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// It stays: only the process ended.
    Killed,
    /// The power went, and of the dirty pages these reached the disk.
    PowerCut { reached: [bool; 2] },
}

/// Every way in which a step of this kind fails, with a tear every so many bytes.
pub fn faults(kind: Kind, torn_every: usize) -> Vec<Fault> {
    let mut all = vec![Fault::DiesBefore, Fault::DiesAfter];
    let torn = (1..RECORD).filter(|n| n % torn_every == 0 || *n == 100).map(Fault::Torn);
    let refused = |errno| [Fault::Refused(errno, 0), Fault::Refused(errno, 100)];
    match kind {
        Kind::Write => all.extend(torn.chain(refused(Errno::NOSPC)).chain(refused(Errno::IO))),
        Kind::Sync => all.extend(torn.chain([Fault::Refused(Errno::NOSPC, 0), Fault::Refused(Errno::IO, 0)])),
        Kind::Sign => all.push(Fault::Refused(Errno::IO, 0)),
    }
    all
}

/// Every aftermath worth a try: a tear says already what reached the disk.
pub fn aftermaths(fault: Fault) -> Vec<Aftermath> {
    if matches!(fault, Fault::Torn(_)) {
        return vec![Aftermath::PowerCut { reached: [true; 2] }, Aftermath::PowerCut { reached: [false; 2] }];
    }
    let cuts = [[false, false], [true, false], [false, true], [true, true]];
    [Aftermath::Killed].into_iter().chain(cuts.map(|reached| Aftermath::PowerCut { reached })).collect()
}

/// Everything but the process.
pub struct State {
    pub cached: Vec<u8>,
    pub durable: Vec<u8>,
    /// Pages that a failed flush has called clean although they are not on the disk.
    lost: [bool; 2],
    /// The disk holds an older record than a flush has promised.
    hollow: [bool; 2],
    pub steps: Vec<Kind>,
    fault: Option<(usize, Fault)>,
    pub dead: bool,
    /// Records that are torn, in the cache and on the disk.
    torn: ([bool; 2], [bool; 2]),
    /// The disk has gone back behind a flush.
    rolled_back: bool,
    pub deterministic: bool,
    /// Sign-bytes of every signature that was ever made.
    pub made: BTreeMap<Hrs, Vec<u8>>,
    /// Every signature that left.
    pub released: BTreeMap<Hrs, Signature>,
    counter: u64,
}

/// Shared by a process' parts, and outlives it.
#[derive(Clone)]
pub struct World(pub Arc<Mutex<State>>);

pub struct Drive(pub World);

pub struct StepKey(pub World);

static KEY: LazyLock<SecretKey> = LazyLock::new(|| PrivateKey::from_seed(&[7; 32]).into());
static SIGNED: LazyLock<Mutex<HashMap<Vec<u8>, Signature>>> = LazyLock::new(Mutex::default);

pub fn public() -> PublicKey {
    KEY.public().clone()
}

pub fn identity() -> Identity {
    Identity { chain_id: super::requests::CHAIN.into(), public_key: public() }
}

/// A true signature, made once.
pub fn sign(bytes: &[u8]) -> Signature {
    SIGNED.lock().unwrap().entry(bytes.into()).or_insert_with(|| KEY.sign(bytes)).clone()
}

fn slot_range(slot: usize) -> std::ops::Range<usize> {
    slot * SLOT..slot * SLOT + RECORD
}

impl World {
    pub fn new(deterministic: bool, fault: Option<(usize, Fault)>) -> Self {
        let image = slots::image(&identity(), &Mark::floor(Hrs::whole_height(0)));
        Self(Arc::new(Mutex::new(State {
            cached: image.clone(),
            durable: image,
            lost: [false; 2],
            hollow: [false; 2],
            steps: vec![],
            fault,
            dead: false,
            torn: ([false; 2], [false; 2]),
            rolled_back: false,
            deterministic,
            made: BTreeMap::new(),
            released: BTreeMap::new(),
            counter: 0,
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The next process fails at this step of its own.
    pub fn fail_at(&self, step: usize, fault: Fault) {
        let state = &mut *self.lock();
        (state.fault, state.dead) = (Some((step, fault)), false);
        state.steps.clear();
    }

    /// Nothing fails any more.
    pub fn calm(&self) {
        let state = &mut *self.lock();
        (state.fault, state.dead) = (None, false);
        state.steps.clear();
    }

    /// The process is over.
    pub fn fall(&self, aftermath: Aftermath) {
        let state = &mut *self.lock();
        let Aftermath::PowerCut { reached } = aftermath else { return };
        for (slot, reached) in reached.into_iter().enumerate() {
            let range = slot_range(slot);
            let dirty = state.cached[range.clone()] != state.durable[range.clone()];
            if !dirty {
                continue;
            }
            if reached && !state.lost[slot] {
                state.durable[range.clone()].copy_from_slice(&state.cached[range]);
                state.torn.1[slot] = state.torn.0[slot];
            } else {
                state.rolled_back |= state.lost[slot] || state.hollow[slot];
            }
        }
        state.cached.clone_from(&state.durable);
        state.torn.0 = state.torn.1;
        (state.lost, state.hollow) = ([false; 2], [false; 2]);
    }
}

impl State {
    /// Counts a step; the fault that is due at it.
    fn step(&mut self, kind: Kind) -> Option<Fault> {
        let due = self.fault.filter(|(at, _)| *at == self.steps.len()).map(|(_, fault)| fault);
        self.steps.push(kind);
        self.dead |= due.is_some_and(|fault| !matches!(fault, Fault::Refused(..)));
        due
    }

    fn flush(&mut self) {
        for slot in (0..2).filter(|slot| !self.lost[*slot]).collect::<Vec<_>>() {
            self.durable[slot_range(slot)].copy_from_slice(&self.cached[slot_range(slot)]);
            self.hollow[slot] = false;
            self.torn.1[slot] = self.torn.0[slot];
        }
    }

    /// What excuses a refusal to open.
    pub fn is_damaged(&self) -> bool {
        self.rolled_back || self.torn.0.contains(&true)
    }
}

fn gone() -> io::Error {
    io::Error::other("the process is gone")
}

impl Medium for Drive {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.0.lock();
        if state.dead {
            return Err(gone());
        }
        let fault = state.step(Kind::Write);
        let written = match fault {
            Some(Fault::DiesBefore) => 0,
            Some(Fault::Torn(n) | Fault::Refused(_, n)) => n,
            Some(Fault::DiesAfter) | None => bytes.len(),
        };
        let at = usize::try_from(offset).unwrap();
        state.cached[at..at + written].copy_from_slice(&bytes[..written]);
        if written > 0 {
            state.torn.0[at / SLOT] = written < bytes.len();
            // A page that is written again is dirty again.
            state.hollow[at / SLOT] |= std::mem::take(&mut state.lost[at / SLOT]);
        }
        match fault {
            None => Ok(()),
            Some(Fault::Refused(errno, _)) => Err(errno.into()),
            Some(_) => Err(gone()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let state = &mut *self.0.lock();
        if state.dead {
            return Err(gone());
        }
        match state.step(Kind::Sync) {
            None => {
                state.flush();
                Ok(())
            }
            Some(Fault::DiesBefore) => Err(gone()),
            Some(Fault::DiesAfter) => {
                state.flush();
                Err(gone())
            }
            Some(Fault::Torn(n)) => {
                for slot in 0..2 {
                    let range = slot_range(slot);
                    if state.cached[range.clone()] != state.durable[range.clone()] && !state.lost[slot] {
                        let torn = range.start..range.start + n;
                        state.durable[torn.clone()].copy_from_slice(&state.cached[torn]);
                        // What was torn is not written once more.
                        state.cached[range.clone()].copy_from_slice(&state.durable[range]);
                        (state.torn.0[slot], state.torn.1[slot]) = (true, true);
                    }
                }
                Err(gone())
            }
            Some(Fault::Refused(errno, _)) => {
                for slot in 0..2 {
                    state.lost[slot] |= state.cached[slot_range(slot)] != state.durable[slot_range(slot)];
                }
                Err(errno.into())
            }
        }
    }
}

impl Key for StepKey {
    fn public_key(&self) -> &PublicKey {
        KEY.public()
    }

    fn is_deterministic(&self) -> bool {
        self.0.lock().deterministic
    }

    fn verify(&self, _: &[u8], _: &Signature) -> bool {
        true
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        let state = &mut *self.0.lock();
        assert!(!state.dead, "a dead process signs");
        let fault = state.step(Kind::Sign);
        if matches!(fault, Some(Fault::DiesBefore | Fault::Refused(..))) {
            return Err(KeyError("the device is gone".into()));
        }
        let bytes = permit.sign_bytes();
        let said = canonical::read(bytes).expect("a vote or proposal");
        let hrs = Hrs {
            height: said.height,
            round: i32::try_from(said.round).unwrap(),
            step: Step::from_message_type(said.r#type).unwrap(),
        };
        let highest = state.made.keys().copied().max();
        assert!(highest <= Some(hrs), "a step back: {hrs:?} after {highest:?}");
        let first = state.made.entry(hrs).or_insert_with(|| bytes.into());
        assert_eq!(*first, bytes, "two signatures at {hrs:?}");
        if fault.is_some() {
            return Err(KeyError("the process is gone".into()));
        }
        if state.deterministic {
            return Ok(sign(bytes));
        }
        state.counter += 1;
        Ok([&state.counter.to_le_bytes()[..], &[9; 56]].concat().into())
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(sign(permit.sign_bytes()))
    }
}
