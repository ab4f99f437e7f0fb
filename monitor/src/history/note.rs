//! What a history keeps beside the rows: events with height and time, and the heights that are not known.

use crate::change::Change;
use comet::key::Address;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Went to jail.
    Jailed,
    /// Came out of jail.
    Unjailed,
    /// Joined the validator set.
    Entered,
    /// Left the validator set.
    Left,
    /// The block carries evidence of misbehaviour.
    Evidence,
    /// The slashing parameters changed.
    Params,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Jailed, Self::Unjailed, Self::Entered, Self::Left, Self::Evidence, Self::Params];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jailed => "jailed",
            Self::Unjailed => "unjailed",
            Self::Entered => "entered",
            Self::Left => "left",
            Self::Evidence => "evidence",
            Self::Params => "params",
        }
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Happened {
    /// Where; of what was only seen later, the height at which it was seen.
    pub height: i64,
    /// Time of the block, Unix nanoseconds.
    pub time: i64,
    /// What.
    pub kind: Kind,
    /// Whom; `None` for the whole chain.
    pub address: Option<Address>,
}

/// Something to be written with the rows of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// An event.
    Happened(Happened),
    /// Heights `from..=to` are not known.
    Gap {
        /// First.
        from: i64,
        /// Last.
        to: i64,
    },
}

/// What of `change` is to be kept; `time` is that of the last block.
pub fn of(change: &Change, time: i64) -> Option<Note> {
    let happened = |kind, height, address| Note::Happened(Happened { height, time, kind, address });
    match change {
        Change::Jailed { address, height } => Some(happened(Kind::Jailed, *height, Some(*address))),
        Change::Entered { address, height } => Some(happened(Kind::Entered, *height, Some(*address))),
        Change::Left { address, height } => Some(happened(Kind::Left, *height, Some(*address))),
        Change::Evidence { height } => Some(happened(Kind::Evidence, *height, None)),
        Change::Params { height } => Some(happened(Kind::Params, *height, None)),
        Change::Gap { from, to } => Some(Note::Gap { from: *from, to: *to }),
        _ => None,
    }
}
