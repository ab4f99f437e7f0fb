//! The doppelganger guard: before the first signature, has somebody else been signing with this key?
//!
//! A mark protects one signer from itself. It knows nothing of a second one: an old machine that came back, a container that
//! was started twice, a mark restored from a backup or set too low by hand. What such a signer made is on the chain, in
//! the commits, under this key's address. So where a chain has `rpc` in the configuration, nothing is signed for it until
//! its last `doppelganger_blocks` commits have been looked at. A precommit of this key that its own mark does not explain is
//! somebody else's, and then nothing is signed at all.
//!
//! # What a mark explains
//!
//! Marks only rise and are durable before a signature exists. So a precommit *above* the mark was not made with this mark,
//! and neither was one *at* the mark whose signature does not verify over the mark's own sign-bytes. (A mark that is
//! a floor says nothing about what was signed there; nothing more can be signed there either.) Below the mark nobody can
//! tell; nothing can be signed there any more. Nothing else is compared, so this holds for every dialect and key type.
//!
//! Where several signers share the mark in etcd, each raises it before it signs. So it is read again after each look, and what the
//! others have signed lies below it or is it.
//!
//! # When a look is enough
//!
//! A node asks for signatures at the height after its last block. A look is worth something only if it has seen that
//! block: the look of a node that is still catching up would find nothing because there is nothing yet. So a look that saw
//! the chain up to `tip` clears requests up to `tip + 1` and no further, and a request above that needs another look. With
//! the first signature the question is settled, for as long as the process lives.
//!
//! # Why nobody is locked out
//!
//! A node starts only after the signer has told it the public key, and its RPC comes up only after that. So `PubKey` and
//! pings are answered at once and only signatures wait; the node's RPC is there before its consensus asks for the first one.
//! No *new* block is ever waited for: after a halt every validator has to sign before there is one, and a look at the chain
//! as it stands clears the next height. `/commit` is the one method used, because it takes no lock that consensus
//! holds while it waits for this very signature; `/status` does.
//!
//! When no RPC answers, requests are answered with an error, the node asks again at its next step, and nothing is signed.
//! An operator who would rather sign blind than miss blocks says so with `doppelganger_max_wait`, counted from the first
//! request that was held.
//!
//! # What it does not see
//!
//! A second signer that has signed nothing yet, or only what is not in a commit yet: both start in the same block, or the
//! other one is kept from the network. `state import --wait-blocks` looks for that when a key moves.

use comet::{
    consensus::PublicKey,
    rpc::{Commit, FLAG_ABSENT},
};

use crate::mark::{Hrs, Mark, Step};

/// A precommit of this key in a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Where it was signed.
    pub hrs: Hrs,
    /// Base64, as the commit has it.
    pub signature: String,
}

/// One look at the end of a chain.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The newest height that has a commit; 0 on a chain without blocks.
    pub tip: i64,
    /// The lowest height that the node still has.
    pub base: i64,
    /// Commits, at least those of [`heights`] that the node has.
    pub commits: Vec<Commit>,
}

/// What a look means for a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing that the mark does not explain.
    Nothing(Clear),
    /// Somebody else has this key.
    Foreign(Sighting),
    /// The commit of this height was not looked at.
    Incomplete(i64),
}

/// Heights that a look has cleared. Only [`judge`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clear {
    up_to: i64,
}

/// Where a chain stands with its guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has looked yet, or no look was possible: here is why.
    Unproven(String),
    /// A look has found nothing.
    Cleared(Clear),
    /// There is nothing to wait for.
    Settled(Settled),
    /// Somebody else has this key: nothing is signed any more.
    Foreign(Sighting),
}

/// Why a chain need not be looked at, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The operator has configured no guard for it.
    NotGuarded,
    /// Something was signed after a look.
    Signed,
    /// No look was possible for longer than the operator wants to wait.
    GaveUp,
}

/// Leave to sign at one height, as far as doppelgangers go. Only [`Standing::leave`] gives it, and no store gives a permit
/// without it.
#[derive(Debug)]
pub struct Leave {
    height: i64,
}

/// Which commits a look must contain, newest last: from the mark's own height on, at most `depth` of them.
pub fn heights(mark: &Mark, tip: i64, depth: u32) -> std::ops::RangeInclusive<i64> {
    let deepest = tip.saturating_sub(i64::from(depth)).saturating_add(1);
    mark.hrs.height.max(deepest).max(1)..=tip
}

/// This key's precommit in a commit, for its block or for nil.
pub fn sighting(commit: &Commit, key: &PublicKey) -> Option<Sighting> {
    let address = key.address().to_string();
    let mine = commit.signatures.iter().find(|entry| {
        entry.block_id_flag != FLAG_ABSENT && entry.validator_address.eq_ignore_ascii_case(&address)
    })?;
    let hrs = Hrs { height: commit.height, round: commit.round, step: Step::Precommit };
    Some(Sighting { hrs, signature: mine.signature.clone().unwrap_or_default() })
}

/// What a look means for the mark of this key.
pub fn judge(mark: &Mark, key: &PublicKey, depth: u32, look: &Look) -> Finding {
    let seen = |height| look.commits.iter().find(|commit| commit.height == height);
    // What is there is judged first: one foreign signature is enough, however little else was seen.
    for commit in &look.commits {
        if let Some(sighting) = sighting(commit, key).filter(|sighting| !explains(mark, key, sighting)) {
            return Finding::Foreign(sighting);
        }
    }
    let wanted = heights(mark, look.tip, depth);
    if let Some(missing) = wanted.filter(|height| *height >= look.base).find(|height| seen(*height).is_none())
    {
        return Finding::Incomplete(missing);
    }
    // A chain may begin at any height; its first is asked for while there is no block, by a key that has signed nothing.
    let begins = look.tip == 0 && mark.hrs.height == 0;
    Finding::Nothing(Clear { up_to: if begins { i64::MAX } else { look.tip.saturating_add(1) } })
}

/// Whether a mark explains a precommit. See the module's documentation.
pub fn explains(mark: &Mark, key: &PublicKey, sighting: &Sighting) -> bool {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    match sighting.hrs.cmp(&mark.hrs) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => {
            mark.is_floor()
                || BASE64_STANDARD
                    .decode(&sighting.signature)
                    .is_ok_and(|signature| key.verify(&mark.sign_bytes, &signature))
        }
    }
}

// === impl Standing ===

impl Standing {
    /// Leave to sign at this height, if there is any.
    pub fn leave(&self, height: i64) -> Option<Leave> {
        let leave = match self {
            Self::Settled(_) => true,
            Self::Cleared(clear) => height <= clear.up_to,
            Self::Unproven(_) | Self::Foreign(_) => false,
        };
        leave.then_some(Leave { height })
    }

    /// Whether a request at this height needs a (further) look.
    pub fn needs_look(&self, height: i64) -> bool {
        self.leave(height).is_none() && !matches!(self, Self::Foreign(_))
    }
}

// === impl Leave ===

impl Leave {
    /// The height that it was asked for.
    pub fn height(&self) -> i64 {
        self.height
    }
}

#[cfg(test)]
mod tests;
