//! One mark that several signers share: how a signature becomes one compare-and-swap, and what a lost race means.
//!
//! A [`Register`] is a place with one value that changes only by compare-and-swap, linearizably; etcd is one
//! ([`crate::io::etcd`]). It holds a record as state files do ([`crate::record`]), each with a checksum of the one before. For each
//! signature the register is swapped and, while that is under way, the local file is written, which is the floor under whatever the
//! register may say one day; when both are durable there is a permit. No lease and no clock has a part in it.
//!
//! # A file that is ahead of the register
//!
//! What the file holds is *wanted* until the next record says that it was *settled*, which is: seen in the register. A crash may leave a
//! wanted mark that the register has never taken, and another signer may sign something else there. So it is worth as much as a floor:
//! nothing is signed at its place or below, unless the register turns out to hold this very mark. It never becomes a repeat by itself,
//! it is never put into a register, and no register is called behind for not having it; for that there is what was settled.
//!
//! # An answer that does not come
//!
//! A swap that was sent and not answered has happened, or will happen, or never will. It is not guessed: the same swap is tried again,
//! and it is a reading at the same time. If it succeeds, it had not happened. If it fails, it says what is there: the very same record
//! is ours (or that of a signer who wanted the same, which is as good), and anything else is another signer's. If no answer comes
//! within the deadline nothing is signed, and the next request's swap finds out. A late swap of an earlier request does no harm:
//! it can only win against what it was compared with.
//!
//! # A backup that was restored
//!
//! The register must never go back. Its cluster id is pinned, every answer's revision must be at least as high as those before, a swap
//! compares the whole value and not only its revision, and the file says across restarts what was settled: a record with a lower number,
//! revision or mark is refused, and so is another one with the same number. The number counts records of this key alone, so a register that
//! went back is found as long as the other signers have made fewer new records than were lost.

use comet::consensus::Signature;
use sha2::{Digest as _, Sha256};

use crate::{
    guard::{NewMark, Raised},
    mark::{Hrs, Identity, Mark, Step},
    record::{self, Beside, Link, MAX_SIGNATURE, RECORD, Record, Settled},
    slots::{Medium, Slots},
    store::{Last, PersistError, SharedError, Storage},
};

/// A linearizable place for one value.
pub trait Register: Send {
    /// Puts `next` in the place of exactly `seen` (`None`: of nothing). `meanwhile` is done while the answer is under way; a register
    /// that cannot even ask may leave it out.
    fn swap(
        &mut self,
        seen: Option<&Seen>,
        next: &[u8; RECORD],
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Swap, SharedError>;
    /// What is there, linearizably.
    fn read(&mut self) -> Result<Option<Seen>, SharedError>;
}

/// A value and the revision at which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Counts changes of the whole store, in etcd the key's `mod_revision`.
    pub revision: i64,
    /// The value.
    pub value: Vec<u8>,
}

/// What became of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It is there, since this revision.
    Done(i64),
    /// Something else is there.
    Lost(Option<Seen>),
}

/// A register that has been read and found good, and its record.
#[derive(Clone, Debug)]
struct Known {
    seen: Seen,
    record: Record,
}

/// Where a register stands that no signer uses any more.
const CLOSED: Hrs = Hrs { height: i64::MAX, round: Hrs::ALL_ROUNDS, step: Step::Precommit };

/// How many races one request may lose below what this signer has closed for itself.
const RACES: u32 = 8;

/// A storage on a register, with the local file as its floor.
pub struct Shared<R, M> {
    register: R,
    floor: Slots<M>,
    identity: Identity,
    known: Known,
    /// Up to here this signer signs nothing, whatever the register says.
    closed: Hrs,
}

/// Where the mark of a chain and key is below a prefix.
pub fn key(prefix: &str, identity: &Identity) -> String {
    format!("{prefix}/{}/{}/mark", identity.chain_id, hex::encode(identity.key_id().bytes))
}

/// Reads what a register holds for this chain and key.
pub fn read(value: &[u8], identity: &Identity) -> Result<Record, SharedError> {
    let bytes = <&[u8; RECORD]>::try_from(value);
    let bytes = bytes.map_err(|_| SharedError::Record(format!("it has {} bytes", value.len())))?;
    let record = record::decode(bytes).map_err(|error| SharedError::Record(error.to_string()))?;
    if record.chain_id != identity.chain_id {
        return Err(SharedError::Record(format!("it belongs to chain {:?}", record.chain_id)));
    }
    if record.key != identity.key_id() {
        return Err(SharedError::Record(format!("it belongs to another key, {}", record.key)));
    }
    Ok(record)
}

/// Puts a mark from an operator into a register: above what is there, or into an empty one. The raised mark is what
/// [`crate::guard::raise`] made of it and of what was `seen`.
pub fn raise(
    register: &mut dyn Register,
    identity: &Identity,
    seen: Option<&Seen>,
    raised: &Raised,
) -> Result<Swap, SharedError> {
    let mark = raised.mark();
    let (sequence, before) = match seen {
        Some(seen) => (read(&seen.value, identity)?.sequence, checksum(&seen.value)),
        None => (0, Link::default()),
    };
    let next = record::encode(identity, sequence + 1, mark.hrs, &mark.sign_bytes, None, &before);
    Ok(match register.swap(seen, &next, &mut || ())? {
        // Ours all the same, after an answer that did not come.
        Swap::Lost(Some(there)) if there.value == next => Swap::Done(there.revision),
        other => other,
    })
}

/// Closes a register for good: above everything, so that no signer ever signs with it again, also one that runs. What it held until then
/// stays known ([`retired`]).
pub fn retire(
    register: &mut dyn Register,
    identity: &Identity,
    seen: &Seen,
) -> Result<Option<Mark>, SharedError> {
    let record = read(&seen.value, identity)?;
    if let Some(last) = retired(&record) {
        return Ok(Some(last));
    }
    let beside = Beside { wanted: false, settled: Some(settled(&record, seen)) };
    let (sequence, before) = (record.sequence + 1, checksum(&seen.value));
    let next = record::encode_beside(identity, sequence, CLOSED, &[], None, &before, beside);
    Ok(match register.swap(Some(seen), &next, &mut || ())? {
        Swap::Done(_) => Some(record.mark),
        // Ours all the same, after an answer that did not come.
        Swap::Lost(Some(there)) if there.value == next => Some(record.mark),
        Swap::Lost(_) => None,
    })
}

/// The last mark of a register that was closed for good, as a floor.
pub fn retired(record: &Record) -> Option<Mark> {
    let last = record.beside.settled.filter(|_| record.mark.hrs == CLOSED)?;
    Some(Mark::floor(last.hrs))
}

/// The mark that holds where a file and a register say different things about one place: neither is believed there.
pub fn higher(file: &Mark, register: &Mark) -> Mark {
    match file.hrs.cmp(&register.hrs) {
        std::cmp::Ordering::Greater => file.clone(),
        std::cmp::Ordering::Less => register.clone(),
        std::cmp::Ordering::Equal if file.sign_bytes == register.sign_bytes => file.clone(),
        std::cmp::Ordering::Equal => Mark::floor(file.hrs),
    }
}

/// The mark that holds where a file has `mark`, perhaps a `wanted` one, and a register has `there`.
pub fn beside(mark: &Mark, wanted: Option<&Mark>, there: &Mark) -> Mark {
    match wanted {
        Some(wanted) if wanted == there => there.clone(),
        _ => higher(mark, there),
    }
}

/// The checksum of a whole record, as the next one carries it.
fn checksum(value: &[u8]) -> Link {
    <&[u8; RECORD]>::try_from(value).map_or_else(
        |_| {
            let digest: [u8; 32] = Sha256::digest(value).into();
            std::array::from_fn(|at| digest[at])
        },
        record::link,
    )
}

// === impl Shared ===

impl<R: Register, M: Medium> Shared<R, M> {
    /// Takes over a register and the file of this chain and key, which holds `local`. Refuses a register that is empty, somebody
    /// else's, or below the file; raises the file to the register.
    pub fn open(
        mut register: R,
        mut floor: Slots<M>,
        local: &Last,
        identity: Identity,
    ) -> Result<(Self, Last), PersistError> {
        let seen = register.read()?.ok_or(SharedError::Gone)?;
        let record = read(&seen.value, &identity)?;
        if let Some(settled) = floor.settled() {
            goes_on(&settled, &record, &seen)?;
        }
        // Wanted is no more than that: it need not be there.
        if floor.wanted().is_none() {
            behind(record.mark.hrs, local.mark.hrs)?;
        }
        let mark = beside(&local.mark, floor.wanted(), &record.mark);
        let signature = record.signature.clone().filter(|_| mark == record.mark);
        let last = Last { mark, signature };
        floor.settle(settled(&record, &seen));
        if last.mark != local.mark {
            floor.follow(&last)?;
        }
        let closed = last.mark.hrs;
        Ok((Self { register, floor, identity, known: Known { seen, record }, closed }, last))
    }

    /// Puts a record in the place of the known one, and into the file.
    fn swap(
        &mut self,
        hrs: Hrs,
        sign_bytes: &[u8],
        signature: Option<&Signature>,
    ) -> Result<(), PersistError> {
        let kept = signature.map_or(0, |signature| signature.as_bytes().len());
        if sign_bytes.len() > crate::mark::MAX_SIGN_BYTES || kept > MAX_SIGNATURE {
            return Err(PersistError::TooLarge(sign_bytes.len().max(kept)));
        }
        let (sequence, before) = (self.known.record.sequence + 1, checksum(&self.known.seen.value));
        let next = record::encode(&self.identity, sequence, hrs, sign_bytes, signature, &before);
        let (floor, mut written) = (&mut self.floor, None);
        // A signature that is kept comes after its mark, and is written when it is known whose was the first.
        let mut write = || {
            if signature.is_none() && written.is_none() {
                written = Some(floor.want(hrs, sign_bytes));
            }
        };
        let swapped = self.register.swap(Some(&self.known.seen), &next, &mut write);
        if swapped.is_ok() {
            write();
        }
        // A disk that fails stops the key, whatever the register says.
        written.transpose()?;
        match swapped? {
            Swap::Done(revision) => self.learn(Seen { revision, value: next.to_vec() })?,
            // Ours all the same, after an answer that did not come.
            Swap::Lost(Some(there)) if there.value == next => self.learn(there)?,
            Swap::Lost(Some(there)) => {
                self.learn(there)?;
                return Err(PersistError::Lost(Box::new(self.follow()?)));
            }
            Swap::Lost(None) => return Err(SharedError::Gone.into()),
        }
        if signature.is_some() {
            self.follow()?;
        }
        Ok(())
    }

    /// Takes in what the register holds now, if it goes on from what it held.
    fn learn(&mut self, seen: Seen) -> Result<(), PersistError> {
        let record = read(&seen.value, &self.identity)?;
        let Known { record: known, .. } = &self.known;
        behind(record.mark.hrs, known.mark.hrs)?;
        if record.sequence <= known.sequence {
            let [found, known] = [record.sequence, known.sequence].map(|n| format!("record {n}"));
            return Err(SharedError::Behind { found, known }.into());
        }
        // At one place there is one answer: whoever wrote this has kept a signature beside the same mark, or broken the rule.
        if record.mark.hrs == known.mark.hrs && record.mark != known.mark {
            return Err(SharedError::Record(format!("it has changed at {}", known.mark.hrs)).into());
        }
        self.floor.settle(settled(&record, &seen));
        self.known = Known { seen, record };
        Ok(())
    }

    /// Raises the file to what the register holds.
    fn follow(&mut self) -> Result<Last, PersistError> {
        let Record { mark, signature, .. } = self.known.record.clone();
        let last = Last { mark, signature };
        self.floor.follow(&last)?;
        Ok(last)
    }
}

impl<R: Register, M: Medium> Storage for Shared<R, M> {
    fn persist(&mut self, next: &NewMark) -> Result<(), PersistError> {
        for _ in 0..RACES {
            match self.swap(next.hrs(), next.sign_bytes(), None) {
                // Below what was closed here, so the guard has judged it already: `next` is above both.
                Err(PersistError::Lost(winner)) if winner.mark.hrs < self.closed => {}
                done => return done,
            }
        }
        Err(SharedError::Overtaken.into())
    }

    fn keep(&mut self, mark: &Mark, signature: &Signature) -> Result<(), PersistError> {
        // A floor here and a mark there: nothing is signed at this place.
        if *mark != self.known.record.mark {
            return Err(SharedError::Overtaken.into());
        }
        if self.known.record.signature.is_some() {
            let last = Last { mark: mark.clone(), signature: self.known.record.signature.clone() };
            return Err(PersistError::Lost(Box::new(last)));
        }
        self.swap(mark.hrs, &mark.sign_bytes, Some(signature))
    }
}

/// What a file keeps of a register's record.
fn settled(record: &Record, seen: &Seen) -> Settled {
    Settled { sequence: record.sequence, revision: seen.revision, hrs: record.mark.hrs }
}

/// Whether a register may hold this now, having held what was settled.
fn goes_on(settled: &Settled, record: &Record, seen: &Seen) -> Result<(), SharedError> {
    behind(record.mark.hrs, settled.hrs)?;
    let same = record.sequence == settled.sequence;
    let as_it_was = seen.revision == settled.revision && record.mark.hrs == settled.hrs;
    if record.sequence < settled.sequence || seen.revision < settled.revision || (same && !as_it_was) {
        let words = |sequence, revision| format!("record {sequence} of revision {revision}");
        return Err(SharedError::Behind {
            found: words(record.sequence, seen.revision),
            known: words(settled.sequence, settled.revision),
        });
    }
    Ok(())
}

fn behind(found: Hrs, known: Hrs) -> Result<(), SharedError> {
    if found < known {
        return Err(SharedError::Behind { found: found.to_string(), known: known.to_string() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
