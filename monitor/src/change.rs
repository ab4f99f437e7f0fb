//! What the chain's state machine gives out: facts for the history, the log, and the source's next question.

use crate::row::Row;
use comet::key::Address;
use std::sync::Arc;

/// One consequence of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A height has been counted.
    Counted(Arc<Row>),
    /// Blocks in between are lost for good: heights `from..=to` are unknown.
    Gap {
        /// First unknown height.
        from: i64,
        /// Last unknown height.
        to: i64,
    },
    /// The block was refused, the state is as before: its commit does not fit the set of its height. That set has been
    /// forgotten and must be asked for again.
    Misaligned {
        /// The signed height.
        height: i64,
        /// Members of the set.
        members: usize,
        /// Entries of the commit.
        entries: usize,
    },
    /// The block was refused: the set of the height before it has not been given.
    SetMissing {
        /// Whose set is wanted.
        height: i64,
    },
    /// A validator joined the set at a height.
    Entered {
        /// Who.
        address: Address,
        /// Where.
        height: i64,
    },
    /// A validator left the set at a height.
    Left {
        /// Who.
        address: Address,
        /// Where.
        height: i64,
    },
    /// A validator went to jail in a block.
    Jailed {
        /// Who.
        address: Address,
        /// Where.
        height: i64,
    },
    /// A block carries evidence of misbehaviour.
    Evidence {
        /// Where.
        height: i64,
    },
    /// A proposal passed in a block, and may have changed the slashing parameters at its end.
    Decided {
        /// Where.
        height: i64,
    },
    /// The chain's events say something else than own arithmetic; the windows should be read again, to see why.
    Contradicted {
        /// Who.
        address: Address,
        /// Where.
        height: i64,
        /// Own counter.
        own: Option<i64>,
        /// The chain's.
        chain: Option<i64>,
    },
    /// The slashing parameters are not what they were at the anchor before.
    Params {
        /// Height of the state that was read.
        height: i64,
    },
    /// Own arithmetic differs from the chain's state at one height, under the same parameters.
    Disagreement {
        /// Who.
        address: Address,
        /// Where.
        height: i64,
        /// Own counter.
        own: Option<i64>,
        /// The chain's.
        chain: Option<i64>,
    },
    /// The windows are known from now on.
    Anchored {
        /// Height of the state that was read.
        height: i64,
    },
    /// An anchor could not be joined to the blocks at hand; it must be read again.
    AnchorLost {
        /// Height of the state that was read.
        height: i64,
    },
}
