//! What the chain's state machine takes in.

use crate::duty::Duties;
use crate::flag::Flag;
use crate::forecast::outlook::Chance;
use crate::probe::Verdict;
use crate::profile::Profiles;
use crate::set::Set;
use crate::windows::Windows;
use comet::key::Address;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One input of [`crate::chain::apply`].
#[derive(Clone, Debug)]
pub enum Event {
    /// A block, in order of height; one that is not higher than the last is ignored.
    Block(Block),
    /// The validator set of the headers with its hash.
    Set(Set),
    /// Slashing state as the chain stores it at one height.
    Anchor(Windows),
    /// The chain has no x/slashing: there is no window to show.
    NoSlashing,
    /// Which SDK line the chain runs, and how that is known.
    Line(Arc<Verdict>),
    /// x/staking's validators.
    Profiles(Profiles),
    /// Probabilities of jail, computed beside the blocks.
    Outlook(BTreeMap<Address, Chance>),
    /// Votes, upgrades, balances, as far as they could be read.
    Duties(Box<Duties>),
}

/// What the monitor reads of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Height.
    pub height: i64,
    /// Header time, Unix nanoseconds.
    pub time: i64,
    /// `validators_hash` of this height.
    pub set_hash: String,
    /// Who proposed it.
    pub proposer: Option<Address>,
    /// The commit for `height - 1`; `None` in the first block.
    pub commit: Option<Commit>,
    /// Transactions in it; `None` when they were not counted.
    pub transactions: Option<usize>,
    /// Pieces of evidence in it.
    pub evidence: usize,
    /// What x/slashing emitted in it; `None` when the events were not read.
    pub claims: Option<Claims>,
}

/// A commit, reduced to what is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The signed height.
    pub height: i64,
    /// Round that decided it.
    pub round: i32,
    /// Flag and, unless absent, address of each entry.
    pub votes: Vec<(Flag, Option<Address>)>,
}

/// x/slashing's events of one block: the chain's own word about its counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `liveness`: the counter after each miss.
    pub liveness: Vec<(Address, i64)>,
    /// `slash.jailed`: who went to jail, for whatever reason.
    pub jailed: Vec<Address>,
    /// `apply_cons_pubkey_rotation`: old and new address of a rotated key (SDK 0.55).
    pub rotated: Vec<(Address, Address)>,
    /// `active_proposal`: a proposal passed, which may have changed the parameters at the block's end.
    pub decided: bool,
}

impl Claims {
    /// Whether they say what signatures and own arithmetic do not: then one endpoint's word is not enough.
    pub fn is_weighty(&self) -> bool {
        self.decided || !self.jailed.is_empty() || !self.rotated.is_empty()
    }

    /// Whether both say that, in whatever order.
    pub fn agrees(&self, other: &Self) -> bool {
        fn sorted<T: Ord + Copy>(all: &[T]) -> Vec<T> {
            let mut all = all.to_vec();
            all.sort_unstable();
            all
        }
        self.decided == other.decided
            && sorted(&self.jailed) == sorted(&other.jailed)
            && sorted(&self.rotated) == sorted(&other.rotated)
    }
}
