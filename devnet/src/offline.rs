//! The chain without sockets and without a clock: as many blocks as wanted, as fast as signatures can be made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use comet::key::PrivateKey;
use comet::privval::Timestamp;
use thiserror::Error;

use crate::chain::{Chain, Finalized, Genesis};
use crate::moment;
use crate::round::{Keyring, Round};
use crate::script::Script;
use crate::seats::Origin;
use crate::truth::{Tally, Truth};

/// Rounds after which a script is taken to have stopped the chain for good.
pub const MAX_ROUNDS: i32 = 100;
/// Time that a failed round costs.
pub const ROUND_TIME: Duration = Duration::from_secs(1);

/// A chain whose every key is at hand.
#[derive(Debug)]
pub struct Offline {
    chain: Chain,
    script: Script,
    keys: Keyring,
    block_time: Duration,
    now: Timestamp,
    tally: Tally,
    last: Option<Arc<Finalized>>,
}

/// The script leaves less than two thirds of the power.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "height {height} has no commit after {MAX_ROUNDS} rounds: the script leaves no two thirds of the power"
)]
pub struct Stuck {
    /// The height that cannot be decided.
    pub height: i64,
}

impl Offline {
    /// A chain of `validators` seats that begins at `start`; equal arguments give equal chains.
    pub fn new(origin: Origin, script: Script, seed: u64, start: Timestamp, block_time: Duration) -> Self {
        let validators = origin.seats.len();
        let origin = script.apply_to(origin);
        let keys: Keyring = (0..origin.seats.len()).map(|seat| Some(key(seed, seat))).collect();
        let public = keys.iter().flatten().map(PrivateKey::public).collect();
        let genesis = Genesis { origin, keys: public, validators, time: start };
        let chain = Chain::new(&genesis);
        Self { chain, script, keys, block_time, now: start, tally: Tally::default(), last: None }
    }

    /// The chain at its last block.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The numbers after the last block.
    pub fn truth(&self) -> Truth {
        self.tally.truth(self.chain.app())
    }

    /// Makes the next block.
    pub fn step(&mut self) -> Result<Arc<Finalized>, Stuck> {
        let height = self.chain.height() + 1;
        self.now = moment::plus(self.now, self.script.halt(height).unwrap_or_default());
        for round in 0..MAX_ROUNDS {
            let open = Round::begin(&self.chain, &self.script, round);
            let none = BTreeMap::new();
            let sigs = open.precommits(&self.chain, &self.script, &self.keys, &none, self.now);
            let Some(commit) = open.tally(&self.chain, sigs) else {
                self.now = moment::plus(self.now, ROUND_TIME);
                continue;
            };
            let proofs = open.equivocations(&self.chain, &self.script, &self.keys, self.now);
            let done = Arc::new(self.chain.finalize(open.draft, commit, self.script.operations(height)));
            self.chain.report(proofs);
            self.tally.block(&done, self.last.as_deref());
            self.last = Some(Arc::clone(&done));
            self.now = moment::plus(self.now, self.block_time);
            return Ok(done);
        }
        Err(Stuck { height })
    }
}

/// The key of a seat in an offline chain: reproducible, so worthless anywhere else.
fn key(seed: u64, seat: usize) -> PrivateKey {
    let mut bytes = [0; 32];
    for (word, chunk) in (0i64..).zip(bytes.chunks_mut(8)) {
        chunk.copy_from_slice(&crate::dice::roll(seed, word + 1, seat).to_le_bytes());
    }
    PrivateKey::from_seed(&bytes)
}
