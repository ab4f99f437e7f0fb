//! Whether a block may be counted: it must follow from the last one, and where there are other endpoints one of them must
//! have the same block. One block vouches for all before it, since each names the one before.
//!
//! Where endpoints disagree, most of them are believed; where there is no most, the one whose block two thirds of the power
//! have signed; where nobody can prove anything, nobody is, and no number changes until somebody can.

use super::Follower;
use crate::event::Block;
use crate::health::{Class, Quarantine};
use crate::io::rpc::Client;
use crate::io::source::{Fault as _, Source};
use crate::light::{self, Ids};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long another endpoint may take to have the block as well.
const PATIENCE: [u64; 5] = [50, 100, 250, 500, 1000];

/// A block, what it says of itself, and who sent it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The block.
    pub block: Block,
    /// Its id and the one before.
    pub ids: Ids,
    /// Name of the endpoint.
    pub source: String,
    /// Name of the endpoint that told the block's events.
    pub teller: String,
}

/// What another endpoint said.
enum Second {
    Same,
    Other,
    Nobody,
}

impl Follower {
    /// Whether `seen` follows from the block taken last. Accuses its source when it does not.
    pub(super) fn follows(&mut self, seen: &Seen) -> bool {
        let height = seen.block.height;
        if let Some(Err(untrue)) = seen.ids.fit
            && self.hashing == Some(true)
        {
            self.pool.accuse(&seen.source, Quarantine::Lied(untrue.to_string()), &untrue.to_string());
            return false;
        }
        let before = self.pool.hash(height - 1).filter(|_| !seen.ids.before.is_empty());
        if before.is_some_and(|own| own != seen.ids.before) {
            let reason = format!("its block {height} does not follow our block {}", height - 1);
            self.pool.accuse(&seen.source, Quarantine::Forked(height - 1), &reason);
            return false;
        }
        let announced = self.next_set.as_ref().filter(|(at, set)| *at == height && !set.is_empty());
        if announced.is_some_and(|(_, set)| !set.eq_ignore_ascii_case(&seen.block.set_hash)) {
            let reason =
                format!("its block {height} has another validator set than the block before announced");
            self.pool.accuse(&seen.source, Quarantine::Lied(reason.clone()), &reason);
            return false;
        }
        true
    }

    /// Whether `seen`, which follows, may be counted.
    pub(super) async fn vouch(&mut self, seen: &Seen) -> bool {
        if self.hashing.is_none() && !self.calibrate(seen).await {
            return false;
        }
        if seen.ids.id.is_empty() || self.pool.has_one() {
            return true;
        }
        let others = self.pool.others(&seen.source, seen.block.height);
        match second(&others, seen).await {
            Second::Same => true,
            // The others may be down, or have been brought down: whoever is left has to prove what it says.
            Second::Nobody => {
                let proved = self.certified(&seen.source, seen, &seen.ids.id).await;
                if proved == Some(false) && self.announces(seen) {
                    tracing::warn!(
                        chain = %self.chain.id, height = seen.block.height, endpoint = %seen.source,
                        "nobody else has this block and its signatures do not prove it, not counted"
                    );
                }
                proved != Some(false)
            }
            Second::Other => self.settle(seen, &others).await,
        }
    }

    /// Finds out with the first block whether this chain hashes as CometBFT does: a fork that does not is compared by the
    /// ids that its nodes tell, and no endpoint is accused of it.
    async fn calibrate(&mut self, seen: &Seen) -> bool {
        match seen.ids.fit {
            None => return true,
            Some(Ok(())) => {
                self.hashing = Some(true);
                return true;
            }
            Some(Err(_)) => {}
        }
        for other in self.pool.others(&seen.source, seen.block.height) {
            let asked = other.ask(other.client.block(&self.chain.id, seen.block.height)).await;
            if asked.is_ok_and(|(_, ids)| ids.fit == Some(Ok(()))) {
                self.hashing = Some(true);
                return self.follows(seen);
            }
        }
        tracing::warn!(chain = %self.chain.id, "headers do not hash as CometBFT's do, endpoints are compared by what they tell");
        self.hashing = Some(false);
        true
    }

    /// Two endpoints have different blocks at this height: asks all of them, and settles who is right.
    async fn settle(&mut self, seen: &Seen, others: &[Arc<Source<Client>>]) -> bool {
        let height = seen.block.height;
        let mut camps: BTreeMap<String, Vec<String>> = BTreeMap::new();
        camps.entry(seen.ids.id.clone()).or_default().push(seen.source.clone());
        for other in others {
            if let Ok(hash) = other.ask(other.client.block_hash(height)).await {
                camps.entry(hash.to_uppercase()).or_default().push(other.name().into());
            }
        }
        let asked: usize = camps.values().map(Vec::len).sum();
        let mut right = camps.iter().find(|(_, names)| names.len() * 2 > asked).map(|(id, _)| id.clone());
        if right.is_none() {
            let mut proved = Vec::new();
            for (id, names) in &camps {
                for name in names {
                    if self.certified(name, seen, id).await == Some(true) {
                        proved.push(id.clone());
                        break;
                    }
                }
            }
            right = (proved.len() == 1).then(|| proved.remove(0));
        }
        let Some(right) = right else {
            if self.pool.disputed() != Some(height) {
                tracing::error!(
                    chain = %self.chain.id, height, ?camps,
                    "endpoints have different blocks and none is proved right, nothing is counted until one is"
                );
            }
            self.pool.dispute(height);
            return false;
        };
        for (_, names) in camps.iter().filter(|(id, _)| **id != right) {
            for name in names {
                let reason = format!("at height {height} it has another block than the others");
                self.pool.accuse(name, Quarantine::Forked(height), &reason);
            }
        }
        right == seen.ids.id
    }

    /// Whether the endpoint called `name` proves by signatures that `id` is the block of this height; `None` where it
    /// cannot be computed.
    async fn certified(&mut self, name: &str, seen: &Seen, id: &str) -> Option<bool> {
        if seen.ids.fit.is_none() || self.hashing == Some(false) {
            return None;
        }
        let source = self.pool.source(name)?;
        let height = seen.block.height;
        let hash = &seen.block.set_hash;
        let set = match self.state.set_of(hash) {
            Some(set) => set,
            // Whoever invents blocks invents a set for them as well.
            None if !self.announces(seen) => return Some(false),
            None => match source.ask(source.client.set(height, hash)).await {
                Ok(set) => Arc::new(set),
                Err(_) => return Some(false),
            },
        };
        if !light::is_set(&set) || !light::is_provable(&set) {
            return None;
        }
        // Who has no signatures to show proves nothing; it is asked again.
        let Ok(commit) = source.ask(source.client.commit(height)).await else { return Some(false) };
        Some(light::certified(&self.chain.id, height, id, &commit, &set))
    }

    /// Whether the block taken last announces the validator set of `seen`, as far as is known.
    fn announces(&self, seen: &Seen) -> bool {
        let Block { height, set_hash, .. } = &seen.block;
        let fits = |set: &String| set.is_empty() || set.eq_ignore_ascii_case(set_hash);
        self.next_set.as_ref().is_none_or(|(at, set)| at == height && fits(set))
    }

    /// Makes sure of what the events say beyond signatures: a jailing, a rotated key, a proposal that passed. Another
    /// endpoint must say the same; where none does it is as if nothing had been said, and the state is read again. Where
    /// there is no other the state would come from the same one.
    pub(super) async fn confirm(&mut self, seen: &mut Seen) {
        let Some(claims) = seen.block.claims.as_ref().filter(|c| c.is_weighty()) else { return };
        if self.pool.has_one() {
            return;
        }
        let height = seen.block.height;
        let others = self.pool.all_others(&seen.teller, height);
        if others.is_empty() {
            return;
        }
        let mut contradicted = false;
        'asked: for pause in PATIENCE {
            for other in &others {
                match other.ask(other.client.claims(height)).await {
                    Ok(theirs) if theirs.agrees(claims) => return,
                    Ok(_) => {
                        contradicted = true;
                        break 'asked;
                    }
                    Err(_) => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        tracing::warn!(
            chain = %self.chain.id, height, endpoint = %seen.teller, contradicted,
            "nobody else tells these events of the block, reading the windows instead"
        );
        seen.block.claims = None;
        self.anchor_at = Some(tokio::time::Instant::now());
        self.anchor_from = height;
    }

    /// Notes that `seen` has been counted.
    pub(super) fn took(&mut self, height: i64, ids: Ids) {
        self.next_set = Some((height + 1, ids.next_set));
        self.pool.took(height, ids.id);
    }
}

/// Asks the others until one has a block at this height.
async fn second(others: &[Arc<Source<Client>>], seen: &Seen) -> Second {
    for pause in PATIENCE {
        let mut wait = false;
        for other in others {
            match other.ask(other.client.block_hash(seen.block.height)).await {
                Ok(hash) if hash.eq_ignore_ascii_case(&seen.ids.id) => return Second::Same,
                Ok(_) => return Second::Other,
                Err(error) => wait |= error.class() == Class::Unavailable,
            }
        }
        if !wait {
            break;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Second::Nobody
}
