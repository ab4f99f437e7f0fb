//! One mark that several signers share: how a signature becomes one compare-and-swap, and what a lost race means.
//!
//! A [`Register`] is a place with one value that changes only by compare-and-swap, linearizably; etcd is one
//! ([`crate::io::etcd`]). It holds a record as state files do ([`crate::record`]), each with a checksum of the one before. For each
//! signature the register is swapped first, then the local file is written, which is the floor under whatever the register may say
//! one day; only then there is a permit. No lease and no clock has a part in it.
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
//! The register must never go back. Its cluster id is pinned ([`Pin`]), every answer's revision must be at least as high as those
//! before, a swap compares the whole value and not only its revision, and a mark below the local file's is refused.

use comet::consensus::Signature;
use sha2::{Digest as _, Sha256};

use crate::{
    guard::{NewMark, Raised},
    mark::{Hrs, Identity, Mark},
    record::{self, Link, MAX_SIGNATURE, RECORD, Record},
    slots::{Medium, Slots},
    store::{Last, PersistError, SharedError, Storage},
};

/// A linearizable place for one value.
pub trait Register: Send {
    /// Puts `next` in the place of exactly `seen` (`None`: of nothing).
    fn swap(&mut self, seen: Option<&Seen>, next: &[u8; RECORD]) -> Result<Swap, SharedError>;
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

/// A storage on a register, with the local file as its floor.
pub struct Shared<R, M> {
    register: R,
    floor: Slots<M>,
    identity: Identity,
    known: Known,
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
    Ok(match register.swap(seen, &next)? {
        // Ours all the same, after an answer that did not come.
        Swap::Lost(Some(there)) if there.value == next => Swap::Done(there.revision),
        other => other,
    })
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
        behind(record.mark.hrs, local.mark.hrs)?;
        let mark = higher(&local.mark, &record.mark);
        let signature = record.signature.clone().filter(|_| mark == record.mark);
        let last = Last { mark, signature };
        if last.mark != local.mark {
            floor.follow(&last)?;
        }
        Ok((Self { register, floor, identity, known: Known { seen, record } }, last))
    }

    /// Puts a record in the place of the known one, and then into the file.
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
        match self.register.swap(Some(&self.known.seen), &next)? {
            Swap::Done(revision) => self.learn(Seen { revision, value: next.to_vec() }),
            // Ours all the same, after an answer that did not come.
            Swap::Lost(Some(there)) if there.value == next => self.learn(there),
            Swap::Lost(Some(there)) => {
                self.learn(there)?;
                let Record { mark, signature, .. } = self.known.record.clone();
                Err(PersistError::Lost(Box::new(Last { mark, signature })))
            }
            Swap::Lost(None) => Err(SharedError::Gone.into()),
        }
    }

    /// Takes in what the register holds now, if it goes on from what it held, and raises the file to it.
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
        self.floor.follow(&Last { mark: record.mark.clone(), signature: record.signature.clone() })?;
        self.known = Known { seen, record };
        Ok(())
    }
}

impl<R: Register, M: Medium> Storage for Shared<R, M> {
    fn persist(&mut self, next: &NewMark) -> Result<(), PersistError> {
        self.swap(next.hrs(), next.sign_bytes(), None)
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

fn behind(found: Hrs, known: Hrs) -> Result<(), SharedError> {
    if found < known {
        return Err(SharedError::Behind { found: found.to_string(), known: known.to_string() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
