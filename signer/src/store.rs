//! Where a mark becomes durable, and where permits to sign come from.
//!
//! A key signs only a [`Permit`], and permits are made here and nowhere else: after the mark that they stand for is durable
//! ([`Store::commit`]), or for the mark that is durable already ([`Store::repeat`]). So "persist, then sign" is the only
//! order that compiles.
//!
//! When a commit fails, nobody knows what is on the disk. The mark in memory has not moved, no permit exists, and the store
//! gives no permit ever again: the process has to be restarted, and opening the storage anew settles what is true. Carrying
//! on after a failed `fdatasync` would be wrong, because the kernel reports a lost page once and then calls it clean.
//!
//! [`Storage`] is the joint for other places than a file. It gets each mark strictly after the one before and answers only
//! when the mark is durable. A store shared by several signers ([`crate::cluster`]) compares and swaps there. A lost race is an
//! answer that holds the winner's mark: the store adopts it, gives the leave back, and the guard judges the request again. A
//! shared store that cannot be reached stops nothing for ever, unlike a disk: nothing was promised, and the next compare-and-swap
//! finds out what is true.
//!
//! None of these compile, and the tests check that they do not: a permit out of thin air, a mark that the guard has not
//! made, a floor that becomes a permit, a permit that is used twice, a leave that [`crate::doppelganger`] has not given.
//!
//! ```compile_fail,E0451
//! fn forge(mark: &palisade_signer::mark::Mark) -> palisade_signer::store::Permit<'_> {
//!     palisade_signer::store::Permit { mark, kept: None }
//! }
//! ```
//! ```compile_fail,E0451
//! fn forge(mark: palisade_signer::mark::Mark) -> palisade_signer::guard::NewMark {
//!     palisade_signer::guard::NewMark { mark }
//! }
//! ```
//! ```compile_fail,E0308
//! use palisade_signer::{doppelganger::Leave, guard::Raised, store::{Storage, Store}};
//! fn sign_a_floor<S: Storage>(store: &mut Store<S>, raised: Raised, leave: Leave) {
//!     store.commit(raised, leave).unwrap();
//! }
//! ```
//! ```compile_fail,E0451
//! fn forge() -> palisade_signer::doppelganger::Leave {
//!     palisade_signer::doppelganger::Leave { height: 7 }
//! }
//! ```
//! ```compile_fail,E0382
//! use palisade_signer::{key::Key, store::Permit};
//! fn sign_twice(key: &mut dyn Key, permit: Permit<'_>) {
//!     key.sign(permit).unwrap();
//!     key.sign(permit).unwrap();
//! }
//! ```

use std::cmp::Ordering;

use comet::consensus::Signature;
use thiserror::Error;

use crate::{
    doppelganger::Leave,
    guard::{NewMark, Repeat},
    mark::Mark,
    request::Request,
};

/// A place that keeps one mark durable. Opened for one chain and key, it starts out knowing the last mark.
///
/// After [`PersistError::Medium`] and [`PersistError::TooLarge`] a storage is not used again; after the others it may be.
pub trait Storage: Send {
    /// Makes `next` durable before it returns.
    fn persist(&mut self, next: &NewMark) -> Result<(), PersistError>;
    /// Makes the signature over `mark`, the last one, durable beside it before it returns.
    fn keep(&mut self, mark: &Mark, signature: &Signature) -> Result<(), PersistError>;
}

/// What a storage held when it was opened.
#[derive(Clone, Debug)]
pub struct Last {
    /// The durable mark.
    pub mark: Mark,
    /// The signature over it, where one was kept.
    pub signature: Option<Signature>,
}

impl From<Mark> for Last {
    fn from(mark: Mark) -> Self {
        Self { mark, signature: None }
    }
}

/// The mark could not be made durable.
#[derive(Debug, Error)]
pub enum PersistError {
    /// The medium failed.
    #[error("cannot make the mark durable: {0}")]
    Medium(#[from] std::io::Error),
    /// The mark does not fit the storage's records.
    #[error("sign-bytes or signature of {0} bytes do not fit a record")]
    TooLarge(usize),
    /// Another signer was first; this is what is durable now.
    #[error("another signer with this key was first, at {}", .0.mark.hrs)]
    Lost(Box<Last>),
    /// The store that is shared with other signers gives no good answer.
    #[error(transparent)]
    Shared(#[from] SharedError),
}

/// Why a store that is shared with other signers is of no use for now. None of these stops a key for good: no mark was promised,
/// and what is true is found out by the next compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SharedError {
    /// No answer, so nobody knows whether the mark was taken.
    #[error("the shared store gives no answer: {0}")]
    Unclear(String),
    /// It answered that it will not.
    #[error("the shared store refuses: {0}")]
    Refused(String),
    /// It holds no mark.
    #[error("the shared store holds no mark for this chain and key")]
    Gone,
    /// It is another cluster than the one whose marks this signer knows.
    #[error("the shared store is cluster {found:016x}, and this signer is bound to cluster {bound:016x}")]
    OtherCluster {
        /// What answered.
        found: u64,
        /// What the pin says.
        bound: u64,
    },
    /// It holds less than this signer knows: a backup was restored.
    #[error(
        "the shared store is behind this signer: {found} there, {known} here; has a backup been restored?"
    )]
    Behind {
        /// There.
        found: String,
        /// Here.
        known: String,
    },
    /// What it holds is no mark of this chain and key.
    #[error("the shared store's mark cannot be used: {0}")]
    Record(String),
    /// Another signer has gone on while this one was keeping its signature.
    #[error("another signer with this key has gone on meanwhile")]
    Overtaken,
}

/// Why there is no permit.
#[derive(Debug, Error)]
pub enum CommitError {
    /// This commit failed. It is the last one tried.
    #[error(transparent)]
    Persist(PersistError),
    /// An earlier commit failed.
    #[error("an earlier mark could not be made durable, signing has stopped")]
    Stopped,
    /// The new mark is not above the last one: it was judged against an older mark.
    #[error("the new mark is not above the last one")]
    Stale,
    /// Another signer was first. Its mark is this store's now, and the leave is still good.
    #[error("another signer with this key was first")]
    Lost(Leave),
    /// The shared store gives no good answer. The mark has not moved, and it may be tried again.
    #[error(transparent)]
    Shared(SharedError),
    /// The leave is for another height.
    #[error("leave was given for height {leave}, not for {height}")]
    NoLeave {
        /// What the leave is for.
        leave: i64,
        /// What was to be signed.
        height: i64,
    },
}

/// The last mark of one chain and key, in memory and on its storage.
pub struct Store<S> {
    mark: Mark,
    kept: Option<Signature>,
    storage: S,
    stopped: bool,
    /// Whether another signer made the mark.
    adopted: bool,
}

/// Leave to sign the sign-bytes of a durable mark, once. It cannot outlive that mark.
#[derive(Debug)]
pub struct Permit<'a> {
    mark: &'a Mark,
    kept: Option<&'a Signature>,
}

/// Leave to sign the extension of a precommit whose own permit exists.
#[derive(Debug)]
pub struct ExtensionPermit<'a> {
    sign_bytes: &'a [u8],
}

// === impl Store ===

impl<S: Storage> Store<S> {
    /// A store whose storage holds `last` durably.
    pub fn new(last: impl Into<Last>, storage: S) -> Self {
        let Last { mark, signature: kept } = last.into();
        Self { mark, kept, storage, stopped: false, adopted: false }
    }

    /// The same where another signer made the mark while this one was not at work.
    pub fn with_adopted(self, adopted: bool) -> Self {
        Self { adopted, ..self }
    }

    /// The last durable mark.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Whether the mark is another signer's with the same key, adopted from the store that they share.
    pub fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// Makes `new` durable and permits to sign it. When the disk fails the store stops for good.
    #[allow(clippy::needless_pass_by_value, reason = "a leave is good for one signature")]
    pub fn commit(&mut self, new: NewMark, leave: Leave) -> Result<Permit<'_>, CommitError> {
        if self.stopped {
            return Err(CommitError::Stopped);
        }
        right_height(&leave, new.hrs().height)?;
        if new.hrs() <= self.mark.hrs {
            return Err(CommitError::Stale);
        }
        if let Err(error) = self.storage.persist(&new) {
            self.failed(error)?;
            return Err(CommitError::Lost(leave));
        }
        // Whatever was kept belongs to the mark before.
        (self.mark, self.kept, self.adopted) = (new.into_mark(), None, false);
        Ok(Permit { mark: &self.mark, kept: None })
    }

    /// Permits to sign the durable mark's own sign-bytes again.
    #[allow(clippy::needless_pass_by_value, reason = "a leave is good for one signature")]
    pub fn repeat(&self, _because: Repeat, leave: Leave) -> Result<Permit<'_>, CommitError> {
        if self.stopped {
            return Err(CommitError::Stopped);
        }
        right_height(&leave, self.mark.hrs.height)?;
        Ok(Permit { mark: &self.mark, kept: self.kept.as_ref() })
    }

    /// Makes the signature over the durable mark durable as well, for keys that would sign it differently the next time, and
    /// gives back the one to send: the first that was kept wins, whoever made it. When the disk fails the store stops for good.
    ///
    /// A crash between [`Store::commit`] and this leaves a mark without its signature. Then the same sign-bytes are signed
    /// once more; the signature that was lost has left this process nowhere.
    pub fn keep(&mut self, signature: &Signature) -> Result<Signature, CommitError> {
        if self.stopped {
            return Err(CommitError::Stopped);
        }
        if let Some(kept) = &self.kept {
            return Ok(kept.clone());
        }
        if let Err(error) = self.storage.keep(&self.mark, signature) {
            let hrs = self.mark.hrs;
            self.failed(error)?;
            // Overtaken: nobody knows any more which signature was the first.
            let first = self.kept.clone().filter(|_| self.mark.hrs == hrs);
            return first.ok_or(CommitError::Shared(SharedError::Overtaken));
        }
        self.kept = Some(signature.clone());
        Ok(signature.clone())
    }

    /// What a failure of the storage means. `Ok` after a lost race, with the winner's mark adopted.
    fn failed(&mut self, error: PersistError) -> Result<(), CommitError> {
        let last = match error {
            PersistError::Lost(last) => *last,
            PersistError::Shared(error) => return Err(CommitError::Shared(error)),
            error => {
                self.stopped = true;
                return Err(CommitError::Persist(error));
            }
        };
        // A storage that names a lower winner, or another one at this very place, is no storage to sign with.
        let same = last.mark == self.mark;
        match last.mark.hrs.cmp(&self.mark.hrs) {
            Ordering::Greater => {}
            Ordering::Equal if same => {}
            // Here this place is closed, whatever was signed there.
            Ordering::Equal if self.mark.is_floor() => return Ok(()),
            Ordering::Equal | Ordering::Less => {
                self.stopped = true;
                return Err(CommitError::Stopped);
            }
        }
        (self.mark, self.kept, self.adopted) = (last.mark, last.signature, self.adopted || !same);
        Ok(())
    }
}

fn right_height(leave: &Leave, height: i64) -> Result<(), CommitError> {
    match leave.height() {
        leave if leave == height => Ok(()),
        leave => Err(CommitError::NoLeave { leave, height }),
    }
}

// === impl Permit ===

impl<'a> Permit<'a> {
    /// What may be signed.
    pub fn sign_bytes(&self) -> &'a [u8] {
        &self.mark.sign_bytes
    }

    /// The signature over exactly these bytes that was made before, where it had to be kept.
    pub fn kept(&self) -> Option<&'a Signature> {
        self.kept
    }

    /// Leave to sign the extension too, if `request` has one and is the precommit that this permit is for.
    pub fn extension<'r>(&self, request: &'r Request) -> Option<ExtensionPermit<'r>> {
        let sign_bytes = request.extension_sign_bytes()?;
        (request.hrs() == self.mark.hrs).then_some(ExtensionPermit { sign_bytes })
    }
}

// === impl ExtensionPermit ===

impl<'a> ExtensionPermit<'a> {
    /// What may be signed.
    pub fn sign_bytes(&self) -> &'a [u8] {
        self.sign_bytes
    }
}

impl<S: Storage + ?Sized> Storage for Box<S> {
    fn persist(&mut self, next: &NewMark) -> Result<(), PersistError> {
        (**self).persist(next)
    }

    fn keep(&mut self, mark: &Mark, signature: &Signature) -> Result<(), PersistError> {
        (**self).keep(mark, signature)
    }
}
