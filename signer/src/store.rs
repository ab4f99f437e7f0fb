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
//! when the mark is durable; a store shared by several signers compares and swaps there, and a lost race is an error that
//! names the winner.
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

use comet::consensus::Signature;
use thiserror::Error;

use crate::{
    doppelganger::Leave,
    guard::{NewMark, Repeat},
    mark::Mark,
    request::Request,
};

/// A place that keeps one mark durable. Opened for one chain and key, it starts out knowing the last mark.
pub trait Storage: Send {
    /// Makes `next` durable before it returns. After an error the storage is not used again.
    fn persist(&mut self, next: &NewMark) -> Result<(), PersistError>;
    /// Makes the signature over `mark`, the last one, durable beside it before it returns. After an error the storage is
    /// not used again.
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
        Self { mark, kept, storage, stopped: false }
    }

    /// The last durable mark.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Makes `new` durable and permits to sign it. On failure the store stops for good.
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
            self.stopped = true;
            return Err(CommitError::Persist(error));
        }
        // Whatever was kept belongs to the mark before.
        (self.mark, self.kept) = (new.into_mark(), None);
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

    /// Makes the signature over the durable mark durable as well, for keys that would sign it differently the next time.
    /// On failure the store stops for good.
    ///
    /// A crash between [`Store::commit`] and this leaves a mark without its signature. Then the same sign-bytes are signed
    /// once more; the signature that was lost has left this process nowhere.
    pub fn keep(&mut self, signature: &Signature) -> Result<(), CommitError> {
        if self.stopped {
            return Err(CommitError::Stopped);
        }
        if self.kept.as_ref() == Some(signature) {
            return Ok(());
        }
        if let Err(error) = self.storage.keep(&self.mark, signature) {
            self.stopped = true;
            return Err(CommitError::Persist(error));
        }
        self.kept = Some(signature.clone());
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
