//! Two preallocated slots of one file, written in turn: how marks stay on a disk with one flush for each signature.
//!
//! Record n goes into slot n mod 2, in place, followed by one `fdatasync`; the slot before it stays untouched, so a write
//! that never happened loses nothing. The slots lie 4,096 bytes apart: no block of the device, however large its sectors,
//! holds both.
//!
//! # What opening accepts
//!
//! Both slots must hold whole records of this chain and key, with neighbouring sequence numbers, the newer carrying the
//! older's checksum. Everything else is refused, also a single damaged slot. Could a damaged slot not be the torn write
//! of a signature that was never given, with the other slot as the truth? It could; but the newest *finished* record, damaged
//! later, looks just the same, and taking the other slot would then lower the floor. A record fits one 512-byte sector, which
//! disks write wholly or not at all, so refusing costs nothing in practice: neither SIGKILL nor a power cut leaves such a
//! slot. An operator decides about the rest (`state init --replace`).
//!
//! # Why opening writes
//!
//! After a SIGKILL between write and flush the newest record is in the page cache only. It may be trusted, since it is only
//! ever higher, but it is not durable yet, and after a failed flush the kernel may call a lost page clean. So opening writes
//! the newest mark again, as the next record in the other slot, and flushes it before anything is signed. That also proves
//! that the disk can be written. A signature that was kept beside the mark is written again with it. It flushes once before as
//! well: never are both slots waiting for the disk, or a power cut could keep the later record and lose the one before it.
//!
//! # Below a shared store
//!
//! A mark that is written while a shared store is asked for it is *wanted*: it may have been signed, or never been taken there. To
//! whoever reads the file it is a floor, so nothing is signed at its place or below; [`crate::cluster`], which can look into the
//! store, knows more.
//!
//! Not found here: an old copy of the whole file put back. Nothing in the file can tell; SECURITY.md says so.

use comet::consensus::Signature;
use thiserror::Error;

use crate::{
    guard::{NewMark, Raised},
    mark::{Hrs, Identity, KeyId, MAX_SIGN_BYTES, Mark},
    record::{self, Beside, Link, MAX_SIGNATURE, RECORD, Record, RecordError, Settled},
    store::{Last, PersistError, Storage},
};

/// Distance of the slots.
pub const SLOT: usize = 4096;
/// Size of the file.
pub const FILE: usize = 2 * SLOT;

/// The lowest seam: what slots need from a file. The tests' double fails and crashes here.
pub trait Medium: Send {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> std::io::Result<()>;
    /// Returns when everything written is durable.
    fn sync(&mut self) -> std::io::Result<()>;
}

/// A medium with two slots on it.
pub struct Slots<M> {
    medium: M,
    identity: Identity,
    sequence: u64,
    last: Link,
    hrs: Hrs,
    wanted: Option<Mark>,
    settled: Option<Settled>,
}

/// Why a state file is not used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// No file of ours, or one cut short.
    #[error("it has {0} bytes, a state file has {FILE}")]
    Length(usize),
    /// A slot does not hold a whole record.
    #[error("slot {slot} is damaged: {why}")]
    Damaged {
        /// 0 or 1.
        slot: usize,
        /// What is wrong.
        why: RecordError,
    },
    /// Both records are whole but do not follow each other.
    #[error("its two records do not follow each other")]
    Unrelated,
    /// The state of another chain.
    #[error("it belongs to chain {found:?}")]
    OtherChain {
        /// From the file.
        found: String,
    },
    /// The state of another key.
    #[error("it belongs to another key, {found}")]
    OtherKey {
        /// From the file.
        found: KeyId,
    },
    /// It is whole, but cannot be written.
    #[error("it cannot be written: {0}")]
    Write(#[from] PersistError),
}

/// What a new file contains.
pub fn image(identity: &Identity, mark: &Mark) -> Vec<u8> {
    let first = record::encode(identity, 1, mark.hrs, &mark.sign_bytes, None, &Link::default());
    let second = record::encode(identity, 2, mark.hrs, &mark.sign_bytes, None, &record::link(&first));
    let mut image = vec![0; FILE];
    image[slot_of(1)..][..RECORD].copy_from_slice(&first);
    image[slot_of(2)..][..RECORD].copy_from_slice(&second);
    image
}

/// Reads the mark of `identity` from a whole file's content; changes nothing.
pub fn read(image: &[u8], identity: &Identity) -> Result<Mark, OpenError> {
    Ok(standing(&newest(image, identity)?.0))
}

/// The mark that is in the file but perhaps not in the store above it, if it is one.
pub fn wanted(image: &[u8], identity: &Identity) -> Result<Option<Mark>, OpenError> {
    let (Record { mark, beside, .. }, ..) = newest(image, identity)?;
    Ok(beside.wanted.then_some(mark))
}

/// The highest place that has certainly been reached: in a shared store, or here where there is none.
pub fn reached(image: &[u8], identity: &Identity) -> Result<Option<Hrs>, OpenError> {
    let (Record { mark, beside, .. }, _, settled) = newest(image, identity)?;
    Ok(if beside.wanted { settled.map(|settled| settled.hrs) } else { Some(mark.hrs) })
}

/// The highest mark in any slot that is still whole, whatever is wrong with the rest. For repairs: never go below it.
pub fn salvage(image: &[u8], identity: &Identity) -> Option<Mark> {
    let whole = (0..2).filter_map(|slot| Some(decode_slot(image, slot)?.ok()?.0));
    whole
        .filter(|record| owner(record, identity).is_ok())
        .map(|record| standing(&record))
        .max_by_key(|mark| mark.hrs)
}

/// What a record stands for when nobody has looked into the store above it.
fn standing(record: &Record) -> Mark {
    if record.beside.wanted { Mark::floor(record.mark.hrs) } else { record.mark.clone() }
}

// === impl Slots ===

impl<M: Medium> Slots<M> {
    /// Takes over a medium with this content. Writes the newest mark once more, see above.
    pub fn open(medium: M, image: &[u8], identity: Identity) -> Result<(Self, Last), OpenError> {
        let (record, last, settled) = newest(image, &identity)?;
        let mark = standing(&record);
        let Record { sequence, mark: Mark { hrs, sign_bytes }, signature, beside, .. } = record;
        let mut slots = Self { medium, identity, sequence, last, hrs, wanted: None, settled };
        slots.medium.sync().map_err(PersistError::from)?;
        slots.write(hrs, &sign_bytes, signature.as_ref(), beside.wanted)?;
        Ok((slots, Last { mark, signature }))
    }

    /// Makes a mark durable that came from outside. Whatever was known of a shared store is forgotten.
    pub fn raise(&mut self, raised: &Raised) -> Result<(), PersistError> {
        self.settled = None;
        self.write(raised.mark().hrs, &raised.mark().sign_bytes, None, false)
    }

    /// Makes a mark durable that is not below the last one, as an operator's word about a shared store: nothing else is known of it.
    pub fn renew(&mut self, mark: &Mark) -> Result<(), PersistError> {
        self.settled = None;
        // Twice, so that neither slot says anything else.
        self.write(mark.hrs, &mark.sign_bytes, None, false)?;
        self.write(mark.hrs, &mark.sign_bytes, None, false)
    }

    /// Makes a mark durable while a shared store is being asked for it. A file that is above it already stays as it is: after a
    /// crash it refuses everything up to there.
    pub(crate) fn want(&mut self, hrs: Hrs, sign_bytes: &[u8]) -> Result<(), PersistError> {
        if hrs < self.hrs {
            return Ok(());
        }
        self.write(hrs, sign_bytes, None, true)
    }

    /// Makes the mark durable that a shared store holds: this file is then the floor below it.
    pub(crate) fn follow(&mut self, last: &Last) -> Result<(), PersistError> {
        if last.mark.hrs < self.hrs {
            return Ok(());
        }
        self.write(last.mark.hrs, &last.mark.sign_bytes, last.signature.as_ref(), false)
    }

    /// What a shared store held; durable with the next record.
    pub(crate) fn settle(&mut self, settled: Settled) {
        self.settled = Some(settled);
    }

    /// What a shared store held, as far as this file knows.
    pub(crate) fn settled(&self) -> Option<Settled> {
        self.settled
    }

    /// The last mark, if nobody knows whether the shared store has taken it.
    pub fn wanted(&self) -> Option<&Mark> {
        self.wanted.as_ref()
    }

    fn write(
        &mut self,
        hrs: Hrs,
        sign_bytes: &[u8],
        signature: Option<&Signature>,
        wanted: bool,
    ) -> Result<(), PersistError> {
        let kept = signature.map_or(0, |signature| signature.as_bytes().len());
        if sign_bytes.len() > MAX_SIGN_BYTES || kept > MAX_SIGNATURE {
            return Err(PersistError::TooLarge(sign_bytes.len().max(kept)));
        }
        let sequence = self.sequence + 1;
        let beside = Beside { wanted, settled: self.settled };
        let bytes =
            record::encode_beside(&self.identity, sequence, hrs, sign_bytes, signature, &self.last, beside);
        self.medium.write_at(slot_of(sequence) as u64, &bytes)?;
        self.medium.sync()?;
        (self.sequence, self.last, self.hrs) = (sequence, record::link(&bytes), hrs);
        self.wanted = wanted.then(|| Mark { hrs, sign_bytes: sign_bytes.into() });
        Ok(())
    }
}

impl<M: Medium> Storage for Slots<M> {
    fn persist(&mut self, next: &NewMark) -> Result<(), PersistError> {
        self.write(next.hrs(), next.sign_bytes(), None, false)
    }

    fn keep(&mut self, mark: &Mark, signature: &Signature) -> Result<(), PersistError> {
        self.write(mark.hrs, &mark.sign_bytes, Some(signature), false)
    }
}

/// Offset of the slot for this sequence number.
fn slot_of(sequence: u64) -> usize {
    if sequence.is_multiple_of(2) { 0 } else { SLOT }
}

fn decode_slot(image: &[u8], slot: usize) -> Option<Result<(Record, Link), RecordError>> {
    let bytes: &[u8; RECORD] = image.get(slot * SLOT..)?.first_chunk()?;
    Some(record::decode(bytes).map(|record| (record, record::link(bytes))))
}

/// The newest record, its link, and what the file knows of a shared store.
fn newest(image: &[u8], identity: &Identity) -> Result<(Record, Link, Option<Settled>), OpenError> {
    if image.len() != FILE {
        return Err(OpenError::Length(image.len()));
    }
    let whole = |slot| match decode_slot(image, slot) {
        Some(Ok((record, link))) => match owner(&record, identity) {
            Ok(()) => Ok((record, link)),
            Err(error) => Err(error),
        },
        Some(Err(why)) => Err(OpenError::Damaged { slot, why }),
        None => Err(OpenError::Length(image.len())),
    };
    let (even, odd) = (whole(0)?, whole(1)?);
    let (older, newer) = if even.0.sequence < odd.0.sequence { (even, odd) } else { (odd, even) };
    let follows = newer.0.sequence.checked_sub(older.0.sequence) == Some(1)
        && newer.0.before == older.1
        && newer.0.mark.hrs >= older.0.mark.hrs;
    if !follows {
        return Err(OpenError::Unrelated);
    }
    let (record, link) = newer;
    // A signature leaves no room for it; then it is in the record before.
    let settled = record.beside.settled.or(older.0.beside.settled.filter(|_| record.signature.is_some()));
    Ok((record, link, settled))
}

fn owner(record: &Record, identity: &Identity) -> Result<(), OpenError> {
    if record.chain_id != identity.chain_id {
        return Err(OpenError::OtherChain { found: record.chain_id.clone() });
    }
    if record.key != identity.key_id() {
        return Err(OpenError::OtherKey { found: record.key });
    }
    Ok(())
}
