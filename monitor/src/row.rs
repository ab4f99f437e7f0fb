//! One counted height: who signed it, who proposed it, in which round it was decided.

use crate::chain::Head;
use crate::event::Block;
use crate::flag::Flag;
use crate::set::{Member, Set};
use comet::key::Address;
use std::sync::Arc;

/// A counted height. Everything is keyed by the signed height `h`; the flags come from block `h + 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The signed height.
    pub height: i64,
    /// Time of its block, Unix nanoseconds.
    pub time: i64,
    /// Round that decided it.
    pub round: i32,
    /// Proposer's index in the set; `None` when it is no member.
    pub proposer: Option<usize>,
    /// The set of this height.
    pub set: Arc<Set>,
    /// One per member of the set, in its order.
    pub flags: Vec<Flag>,
}

impl Row {
    /// The flag of a validator, and whether it proposed; `None` = not in the set.
    pub fn of(&self, address: &Address) -> Option<(Flag, bool)> {
        let index = self.set.index(address)?;
        Some((self.flags[index], self.proposer == Some(index)))
    }
}

/// The row of `head`, whose set is `set`, by the commit in the block `next` after it; `None` where they do not fit.
pub fn join(head: &Head, set: Arc<Set>, next: &Block) -> Option<Row> {
    let commit =
        next.commit.as_ref().filter(|c| c.height == head.height && next.height == head.height + 1)?;
    let fits = |(member, (_, address)): (&Member, &(Flag, Option<Address>))| {
        address.is_none_or(|address| address == member.address)
    };
    if commit.votes.len() != set.members().len() || !set.members().iter().zip(&commit.votes).all(fits) {
        return None;
    }
    Some(Row {
        height: head.height,
        time: head.time,
        round: commit.round,
        proposer: head.proposer.and_then(|address| set.index(&address)),
        flags: commit.votes.iter().map(|(flag, _)| *flag).collect(),
        set,
    })
}
