//! The rules of a shared mark, on a register in memory that loses answers and on disks that fail.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use comet::{
    consensus::SecretKey,
    key::PrivateKey,
    privval::{BlockId, PRECOMMIT, PREVOTE, PartSetHeader, SignVoteRequest, Timestamp, Vote},
};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;
use crate::{
    doppelganger::{Leave, Settled, Standing},
    guard::{self, Reason},
    keeper::{Answer, Failure, Keeper},
    key::{Key, KeyError},
    mark::Step,
    request::Request,
    slots,
    store::{ExtensionPermit, Permit, Store},
};

const CHAIN: &str = "test-1";

mod wanted;

/// A register in memory, and what is to happen to the next swaps.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Place>>);

#[derive(Default)]
struct Place {
    seen: Option<Seen>,
    revision: i64,
    /// 0 the answer arrives; 1 it is lost, and the swap was done; 2 it is lost, and the swap never came.
    fates: Vec<u8>,
}

impl Memory {
    fn with<T>(&self, change: impl FnOnce(&mut Place) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn swap_now(place: &mut Place, seen: Option<&Seen>, next: &[u8; RECORD]) -> Swap {
        if place.seen.as_ref() != seen {
            return Swap::Lost(place.seen.clone());
        }
        place.revision += 1;
        place.seen = Some(Seen { revision: place.revision, value: next.to_vec() });
        Swap::Done(place.revision)
    }
}

impl Register for Memory {
    fn swap(
        &mut self,
        seen: Option<&Seen>,
        next: &[u8; RECORD],
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Swap, SharedError> {
        let first = self.with(|place| place.revision % 2 == 0);
        if first {
            meanwhile();
        }
        let answer = self.with(|place| match place.fates.pop().unwrap_or(0) {
            0 => Ok(Self::swap_now(place, seen, next)),
            fate => {
                if fate == 1 {
                    Self::swap_now(place, seen, next);
                }
                Err(SharedError::Unclear("lost".into()))
            }
        });
        if !first {
            meanwhile();
        }
        answer
    }

    fn read(&mut self) -> Result<Option<Seen>, SharedError> {
        self.with(|place| Ok(place.seen.clone()))
    }
}

/// A file's content, which outlives its signer.
#[derive(Clone, Default)]
struct File(Arc<Mutex<(Vec<u8>, bool)>>);

impl Medium for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1 {
            return Err(io::Error::other("disk is full"));
        }
        let at = usize::try_from(offset).expect("small");
        file.0[at..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A key whose signatures differ each time where `counts` is on.
struct AnyKey {
    key: SecretKey,
    counts: bool,
}

impl Key for AnyKey {
    fn public_key(&self) -> &comet::consensus::PublicKey {
        self.key.public()
    }

    fn is_deterministic(&self) -> bool {
        !self.counts
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        let mut signature = self.key.sign(permit.sign_bytes()).as_bytes().to_vec();
        if self.counts {
            use std::sync::atomic::{AtomicU8, Ordering};
            static COUNT: AtomicU8 = AtomicU8::new(0);
            signature[0] = COUNT.fetch_add(1, Ordering::Relaxed);
        }
        Ok(signature.into())
    }

    fn verify(&self, _: &[u8], _: &Signature) -> bool {
        true
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(self.key.sign(permit.sign_bytes()))
    }
}

fn key() -> SecretKey {
    PrivateKey::from_seed(&[7; 32]).into()
}

fn identity() -> Identity {
    Identity { chain_id: CHAIN.into(), public_key: key().public().clone() }
}

fn file(floor: Hrs) -> File {
    File(Arc::new(Mutex::new((slots::image(&identity(), &Mark::floor(floor)), false))))
}

/// A register with a floor in it.
fn register(floor: Hrs) -> Memory {
    let memory = Memory::default();
    let nothing = Mark::floor(Hrs { height: -1, round: 0, step: Step::None });
    let raised = guard::raise(&nothing, Mark::floor(floor)).expect("above nothing");
    raise(&mut memory.clone(), &identity(), None, &raised).expect("memory answers");
    memory
}

fn open(register: &Memory, file: &File) -> Result<Store<Shared<Memory, File>>, PersistError> {
    let image = file.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
    let (slots, local) = Slots::open(file.clone(), &image, identity()).expect("a good file");
    let (shared, last) = Shared::open(register.clone(), slots, &local, identity())?;
    Ok(Store::new(last, shared))
}

fn keeper(register: &Memory, file: &File, counts: bool) -> Keeper<Shared<Memory, File>> {
    Keeper::new(Box::new(AnyKey { key: key(), counts }), vec![open(register, file).expect("good")])
}

fn vote(r#type: i32, height: i64, round: i32, block: u8, seconds: i64) -> Request {
    let part_set_header = Some(PartSetHeader { total: 1, hash: vec![block; 32] });
    let vote = Vote {
        r#type,
        height,
        round,
        block_id: (block > 0).then(|| BlockId { hash: vec![block; 32], part_set_header }),
        timestamp: Some(Timestamp { seconds, nanos: 0 }),
        ..Vote::default()
    };
    let message = SignVoteRequest { vote: Some(vote), chain_id: CHAIN.into(), ..SignVoteRequest::default() };
    Request::vote(CHAIN, &message).expect("good")
}

fn ask(keeper: &mut Keeper<Shared<Memory, File>>, request: &Request) -> Answer {
    let leave: Leave = Standing::Settled(Settled::NotGuarded).leave(request.hrs().height).expect("no guard");
    keeper.answer(0, leave, request, &mut |_| {})
}

#[test]
fn whoever_loses_answers_with_the_winner_s_bytes_or_refuses() {
    let zero = Hrs::whole_height(0);
    let (register, files) = (register(zero), [file(zero), file(zero)]);
    let [mut a, mut b] = files.each_ref().map(|file| keeper(&register, file, false));
    let Answer::Sign(first) = ask(&mut a, &vote(PRECOMMIT, 5, 0, 1, 10)) else { panic!("not signed") };
    let Answer::Sign(second) = ask(&mut b, &vote(PRECOMMIT, 5, 0, 1, 20)) else { panic!("not signed") };
    assert_eq!((first.signature, first.timestamp), (second.signature, second.timestamp));
    assert!(second.repeat);
    let Answer::Refuse(refusal) = ask(&mut b, &vote(PRECOMMIT, 5, 0, 2, 20)) else { panic!("signed") };
    assert_eq!(refusal.reason, Reason::PeerConflict);
    // Its own conflict stays what it is.
    let Answer::Refuse(refusal) = ask(&mut a, &vote(PRECOMMIT, 5, 0, 2, 20)) else { panic!("signed") };
    assert_eq!(refusal.reason, Reason::ConflictingBlock);
    // Behind by some marks: one lost race, then its own.
    for height in 6..9 {
        assert!(matches!(ask(&mut a, &vote(PRECOMMIT, height, 0, 1, 1)), Answer::Sign(_)));
    }
    assert!(matches!(ask(&mut b, &vote(PRECOMMIT, 9, 0, 1, 1)), Answer::Sign(signed) if !signed.repeat));
}

#[test]
fn the_first_signature_kept_is_everybody_s() {
    let zero = Hrs::whole_height(0);
    let (register, files) = (register(zero), [file(zero), file(zero)]);
    let [mut a, mut b] = files.each_ref().map(|file| keeper(&register, file, true));
    let Answer::Sign(first) = ask(&mut a, &vote(PRECOMMIT, 5, 0, 1, 10)) else { panic!("not signed") };
    let Answer::Sign(second) = ask(&mut b, &vote(PRECOMMIT, 5, 0, 1, 20)) else { panic!("not signed") };
    assert_eq!(first.signature, second.signature);
    // Also after a restart, and where the first one crashed before it kept its own.
    drop(a);
    let mut a = keeper(&register, &files[0], true);
    let Answer::Sign(again) = ask(&mut a, &vote(PRECOMMIT, 5, 0, 1, 10)) else { panic!("not signed") };
    assert_eq!(again.signature, first.signature);
    register.with(|place| place.fates = vec![2, 0]);
    assert!(matches!(ask(&mut a, &vote(PRECOMMIT, 6, 0, 1, 10)), Answer::Fail(Failure::Shared(_))));
    let Answer::Sign(other) = ask(&mut b, &vote(PRECOMMIT, 6, 0, 1, 10)) else { panic!("not signed") };
    let Answer::Sign(same) = ask(&mut a, &vote(PRECOMMIT, 6, 0, 1, 10)) else { panic!("not signed") };
    assert_eq!(other.signature, same.signature);
}

#[test]
fn an_answer_that_does_not_come_is_neither_a_yes_nor_the_end() {
    for (fate, then) in [(1, true), (2, true)] {
        let zero = Hrs::whole_height(0);
        let (register, file) = (register(zero), file(zero));
        let mut keeper = keeper(&register, &file, false);
        register.with(|place| place.fates = vec![fate]);
        assert!(matches!(ask(&mut keeper, &vote(PREVOTE, 5, 0, 1, 10)), Answer::Fail(Failure::Shared(_))));
        assert!(!keeper.is_stopped());
        // The same again is signed, whether or not it had arrived.
        assert_eq!(matches!(ask(&mut keeper, &vote(PREVOTE, 5, 0, 1, 10)), Answer::Sign(_)), then);
        // Another block is not, if the first may have been taken.
        assert!(matches!(ask(&mut keeper, &vote(PREVOTE, 5, 0, 2, 10)), Answer::Refuse(_)));
    }
    // Taken and forgotten: another block at that place meets the mark of the first.
    let zero = Hrs::whole_height(0);
    let (register, file) = (register(zero), file(zero));
    let mut keeper = keeper(&register, &file, false);
    register.with(|place| place.fates = vec![1]);
    ask(&mut keeper, &vote(PREVOTE, 5, 0, 1, 10));
    assert!(matches!(ask(&mut keeper, &vote(PREVOTE, 5, 0, 2, 10)), Answer::Refuse(_)));
}

#[test]
fn a_register_that_went_back_or_is_empty_or_somebody_else_s_is_refused() {
    let at = Hrs::whole_height;
    let refused = |register: &Memory, file: &File| open(register, file).err().map(|error| error.to_string());
    let behind = refused(&register(at(4)), &file(at(5))).expect("behind");
    assert!(behind.contains("has a backup been restored?"), "{behind}");
    assert!(refused(&Memory::default(), &file(at(5))).expect("empty").contains("holds no mark"));
    assert_eq!(refused(&register(at(5)), &file(at(5))), None);
    let other = register(at(5));
    other.with(|place| place.seen.as_mut().expect("there").value[20] ^= 1);
    assert!(refused(&other, &file(at(5))).expect("damaged").contains("checksum"));

    // While at work: an old copy of the register is put back, at its old revision.
    let (register, file) = (register(at(0)), file(at(0)));
    let mut keeper = keeper(&register, &file, false);
    ask(&mut keeper, &vote(PREVOTE, 5, 0, 1, 10));
    let old = register.with(|place| place.seen.clone());
    ask(&mut keeper, &vote(PREVOTE, 6, 0, 1, 10));
    register.with(|place| place.seen = old);
    let answer = ask(&mut keeper, &vote(PREVOTE, 7, 0, 1, 10));
    assert!(matches!(&answer, Answer::Fail(Failure::Shared(SharedError::Behind { .. }))), "{answer:?}");
    assert!(!keeper.is_stopped());
}

#[test]
fn a_register_that_is_ahead_raises_the_file() {
    let at = Hrs::whole_height;
    let (register, low) = (register(at(9)), file(at(5)));
    assert_eq!(open(&register, &low).expect("good").mark().hrs, at(9));
    let image = low.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
    assert_eq!(slots::read(&image, &identity()).expect("good").hrs, at(9));
}

#[test]
fn a_disk_that_fails_stops_the_key_although_etcd_has_the_mark() {
    let zero = Hrs::whole_height(0);
    let (register, file) = (register(zero), file(zero));
    let mut keeper = keeper(&register, &file, false);
    file.0.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
    assert!(matches!(ask(&mut keeper, &vote(PREVOTE, 5, 0, 1, 10)), Answer::Fail(Failure::Persist(_))));
    assert!(keeper.is_stopped());
}

/// What may happen next: one of three signers is asked, or restarted.
#[derive(Clone, Debug)]
enum Event {
    Ask { signer: usize, kind: i32, height: i64, round: i32, block: u8, seconds: i64, fate: u8 },
    Restart(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let ask = (0..3_usize, PREVOTE..=PRECOMMIT, 1..5_i64, 0..2, 0..3_u8, 0..3_i64, 0..6_u8);
    prop_oneof![
        9 => ask.prop_map(|(signer, kind, height, round, block, seconds, fate)| {
            Event::Ask { signer, kind, height, round, block, seconds, fate }
        }),
        1 => (0..3_usize).prop_map(Event::Restart),
    ]
}

proptest! {
    /// Whatever is asked of whom, and whatever is lost on the way: one height, round and step has one answer.
    #[test]
    fn no_place_is_ever_signed_in_two_ways(events in prop::collection::vec(event(), 1..120), counts: bool) {
        let zero = Hrs::whole_height(0);
        let (register, files) = (register(zero), [file(zero), file(zero), file(zero)]);
        let mut keepers = files.each_ref().map(|file| keeper(&register, file, counts));
        let mut given: BTreeMap<(i64, i32, u8), (Vec<u8>, Timestamp)> = BTreeMap::new();
        for event in events {
            match event {
                Event::Restart(signer) => keepers[signer] = keeper(&register, &files[signer], counts),
                Event::Ask { signer, kind, height, round, block, seconds, fate } => {
                    register.with(|place| place.fates = vec![if fate < 3 { fate } else { 0 }]);
                    let request = vote(kind, height, round, block, seconds);
                    let Answer::Sign(signed) = ask(&mut keepers[signer], &request) else { continue };
                    let at = request.hrs();
                    let now = (signed.signature.as_bytes().to_vec(), signed.timestamp);
                    let first = given.entry((at.height, at.round, at.step.number())).or_insert_with(|| now.clone());
                    if *first != now {
                        return Err(TestCaseError::fail(format!("{at} in two ways")));
                    }
                }
            }
        }
    }
}
