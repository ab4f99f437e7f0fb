//! One key with the marks of its chains: check, persist, sign, in this order, one request at a time, and only with leave
//! from [`crate::doppelganger`].
//!
//! The keeper owns all three, and whoever holds it holds the key's turn. One key may serve several chains: sign-bytes carry
//! the chain id, so their signatures never collide, and each chain has its own mark. When one mark cannot be made durable the
//! whole key stops, because a failing disk does not fail for one chain alone.
//!
//! Every signature is verified before it leaves, also those of keys in this process. A node would refuse a wrong one, but that
//! is not the harm: a deterministic Ed25519 signature computed wrongly once and rightly the next time yields the private key to
//! whoever has both. It costs an Ed25519 key 38 µs beside 14 for signing (median, release build), the others 80 to 240 µs, BLS
//! 4 ms.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use comet::{consensus::Signature, privval::Timestamp};

use crate::{
    doppelganger::Leave,
    guard::{self, Refusal, Verdict},
    key::{Key, KeyError},
    mark::Hrs,
    raw_bytes::RawPermit,
    request::Request,
    store::{CommitError, ExtensionPermit, Permit, SharedError, Storage, Store},
};

/// How many races a request may lose to other signers.
const MAX_RACES: u32 = 8;

/// A key and its stores.
pub struct Keeper<S> {
    key: Box<dyn Key>,
    /// One for each chain; a chain that was taken away leaves its place empty, so that no index ever means another chain.
    seats: Vec<Option<Seat<S>>>,
    stopped: bool,
}

struct Seat<S> {
    store: Store<S>,
    brake: Brake,
    max_height: Option<i64>,
}

/// Holds a chain while it is on. Whoever has a clone can work it at any time; a request that is being signed is not undone.
#[derive(Clone, Debug, Default)]
pub struct Brake(Arc<AtomicBool>);

/// What became of a request.
#[derive(Debug)]
pub enum Answer {
    /// Here it is.
    Sign(Signed),
    /// The guard said no.
    Refuse(Refusal),
    /// It may be asked again, or not at all.
    Fail(Failure),
}

/// A signature to give away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Over the vote or proposal.
    pub signature: Signature,
    /// The timestamp that was signed: the request's, or the stored one in a repeat.
    pub timestamp: Timestamp,
    /// What was signed: the request's sign-bytes, or in a repeat those of the mark.
    pub sign_bytes: Vec<u8>,
    /// Over the extension, where there is one to sign.
    pub extension_signature: Option<Signature>,
    /// Whether the same question was answered before.
    pub repeat: bool,
}

/// Why there is no signature although the guard had nothing against it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The mark could not be made durable; the key has stopped.
    #[error("signing has stopped: {0}")]
    Persist(CommitError),
    /// The store that is shared with other signers gave no good answer; nothing was signed, and it may be asked again.
    #[error("not signed: {0}")]
    Shared(SharedError),
    /// The key stopped earlier.
    #[error("signing has stopped after an earlier failure")]
    Stopped,
    /// An operator holds the key or the chain, or the chain was taken away.
    #[error("signing is paused by the operator")]
    Paused,
    /// The key's backend failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key's backend made a signature that is none. It is thrown away.
    #[error("the key made a signature that does not verify; nothing was sent")]
    Wrong,
    /// The doppelganger guard has not cleared this height yet.
    #[error("not cleared by the doppelganger guard: {0}")]
    Unproven(String),
    /// Somebody else signs with this key.
    #[error(
        "another signer has this key: the chain has a precommit of it at {0} that this signer did not make"
    )]
    Doppelganger(Hrs),
    /// The key was busy with other requests for too long.
    #[error("timeout: the key was busy for {waited_ms} ms")]
    Busy {
        /// How long the request waited.
        waited_ms: u64,
    },
}

/// Points in a request's life, for whoever has a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The guard has judged.
    Check,
    /// The mark is durable.
    Persist,
    /// The signatures exist.
    Sign,
}

// === impl Keeper ===

impl<S: Storage> Keeper<S> {
    /// A keeper of `key` with one store for each chain that it serves, all of them durable marks of that key.
    pub fn new(key: Box<dyn Key>, stores: Vec<Store<S>>) -> Self {
        let mut keeper = Self { key, seats: Vec::new(), stopped: false };
        for store in stores {
            keeper.seat(store, Brake::default());
        }
        keeper
    }

    /// Takes up another chain; its index.
    pub fn seat(&mut self, store: Store<S>, brake: Brake) -> usize {
        self.seats.push(Some(Seat { store, brake, max_height: None }));
        self.seats.len() - 1
    }

    /// Refuses everything above `max_height` on the chain with this index; `None` refuses nothing for its height.
    pub fn set_max_height(&mut self, chain: usize, max_height: Option<i64>) {
        if let Some(Some(seat)) = self.seats.get_mut(chain) {
            seat.max_height = max_height;
        }
    }

    /// Lets a chain go for good.
    pub fn unseat(&mut self, chain: usize) {
        if let Some(seat) = self.seats.get_mut(chain) {
            *seat = None;
        }
    }

    /// The store of the chain with this index.
    pub fn store(&self, chain: usize) -> Option<&Store<S>> {
        Some(&self.seats.get(chain)?.as_ref()?.store)
    }

    /// Whether the key has stopped for good.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Answers one request for the chain with this index. `reached` is told each phase as it ends.
    pub fn answer(
        &mut self,
        chain: usize,
        leave: Leave,
        request: &Request,
        reached: &mut dyn FnMut(Phase),
    ) -> Answer {
        if self.stopped {
            return Answer::Fail(Failure::Stopped);
        }
        let (store, max_height) = match self.seats.get_mut(chain) {
            Some(Some(Seat { store, brake, max_height })) if !brake.is_on() => (store, *max_height),
            _ => return Answer::Fail(Failure::Paused),
        };
        let (mut leave, mut races) = (leave, 0);
        let (permit, timestamp, repeat) = loop {
            let verdict = match guard::above(max_height, store.mark(), request) {
                Some(refusal) => Verdict::Refuse(refusal),
                None => guard::check(store.mark(), request),
            };
            if races == 0 {
                reached(Phase::Check);
            }
            let (permit, timestamp, repeat) = match verdict {
                Verdict::Refuse(refusal) if store.is_adopted() => {
                    return Answer::Refuse(guard::because_of_peer(&refusal));
                }
                Verdict::Refuse(refusal) => return Answer::Refuse(refusal),
                Verdict::Advance(new) => (store.commit(new, leave), request.timestamp(), false),
                Verdict::Repeat(again) => {
                    let timestamp = again.timestamp();
                    (store.repeat(again, leave), timestamp, true)
                }
            };
            match permit {
                Ok(permit) => break (permit, timestamp, repeat),
                // The winner's mark is higher than ours was, so this ends; whoever loses this often is told so.
                Err(CommitError::Lost(back)) if races < MAX_RACES => (leave, races) = (back, races + 1),
                Err(error) => return Answer::Fail(fail(error, &mut self.stopped)),
            }
        };
        reached(Phase::Persist);

        let extension = permit.extension(request);
        let kept = permit.kept().cloned();
        let mut signature = match kept.map_or_else(|| sign(&mut *self.key, permit), Ok) {
            Ok(signature) => signature,
            Err(failure) => return Answer::Fail(failure),
        };
        // Before anything leaves: asked again, this very signature has to be the answer. Another signer may have kept its own.
        if !self.key.is_deterministic() {
            signature = match store.keep(&signature) {
                Ok(kept) => kept,
                Err(error) => return Answer::Fail(fail(error, &mut self.stopped)),
            };
            if !self.key.verify(&store.mark().sign_bytes, &signature) {
                return Answer::Fail(Failure::Wrong);
            }
        }
        let extension = extension.map(|permit| sign_extension(&mut *self.key, permit));
        let extension_signature = match extension.transpose() {
            Ok(signature) => signature,
            Err(failure) => return Answer::Fail(failure),
        };
        reached(Phase::Sign);
        let sign_bytes = store.mark().sign_bytes.clone();
        Answer::Sign(Signed { signature, timestamp, sign_bytes, extension_signature, repeat })
    }

    /// Signs raw bytes for the chain with this index. They have no mark: what may be signed is in the permit. Leave
    /// they need as votes do.
    #[allow(clippy::needless_pass_by_value, reason = "a leave is good for one signature")]
    pub fn sign_raw(&mut self, chain: usize, _leave: Leave, permit: RawPermit) -> Result<Signature, Failure> {
        if self.stopped {
            return Err(Failure::Stopped);
        }
        match self.seats.get(chain) {
            Some(Some(Seat { brake, .. })) if !brake.is_on() => sign_raw(&mut *self.key, permit),
            _ => Err(Failure::Paused),
        }
    }
}

// === impl Brake ===

impl Brake {
    /// Puts it on or off.
    pub fn set(&self, on: bool) {
        self.0.store(on, Ordering::SeqCst);
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A disk that fails stops the key, a shared store that cannot be reached does not.
fn fail(error: CommitError, stopped: &mut bool) -> Failure {
    match error {
        CommitError::Shared(error) => Failure::Shared(error),
        CommitError::Lost(_) => Failure::Shared(SharedError::Overtaken),
        error => {
            *stopped = true;
            Failure::Persist(error)
        }
    }
}

fn sign(key: &mut dyn Key, permit: Permit<'_>) -> Result<Signature, Failure> {
    let sign_bytes = permit.sign_bytes();
    let signature = key.sign(permit)?;
    if key.verify(sign_bytes, &signature) { Ok(signature) } else { Err(Failure::Wrong) }
}

fn sign_extension(key: &mut dyn Key, permit: ExtensionPermit<'_>) -> Result<Signature, Failure> {
    let sign_bytes = permit.sign_bytes();
    let signature = key.sign_extension(permit)?;
    if key.verify(sign_bytes, &signature) { Ok(signature) } else { Err(Failure::Wrong) }
}

fn sign_raw(key: &mut dyn Key, permit: RawPermit) -> Result<Signature, Failure> {
    let sign_bytes = permit.sign_bytes().to_vec();
    let signature = key.sign_raw(permit)?;
    if key.verify(&sign_bytes, &signature) { Ok(signature) } else { Err(Failure::Wrong) }
}

// === impl Failure ===

impl Failure {
    /// Label value of the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Persist(_) => "persist",
            Self::Shared(_) => "shared_store",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Key(_) => "key",
            Self::Wrong => "wrong_signature",
            Self::Unproven(_) => "unproven",
            Self::Doppelganger(_) => "doppelganger",
            Self::Busy { .. } => "timeout",
        }
    }
}
