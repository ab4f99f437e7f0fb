//! The double-sign rule. Audit this file with spec/signer.md §3.7 (column "required") beside it.
//!
//! [`check`] is a function of its two arguments: the mark that is durable and the request that was validated. It is one
//! match with one arm for each line of the table, first match wins, and it holds nothing else. Only this module makes a
//! [`NewMark`] or a [`Repeat`], and without one of them the store gives no permit and the key signs nothing.

use std::{cmp::Ordering, fmt};

use comet::{canonical, privval::Timestamp};

use crate::{
    mark::{Hrs, Mark, Step},
    request::Request,
};

/// The guard's answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Above everything signed so far: make this mark durable, then sign it.
    Advance(NewMark),
    /// Asked before: sign the stored sign-bytes again and answer with their timestamp.
    Repeat(Repeat),
    /// Never.
    Refuse(Refusal),
}

/// A mark above the last one, with the sign-bytes of a judged request. Only [`check`] makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct NewMark {
    mark: Mark,
}

/// A mark above the last one that came from an operator or another signer. Only [`raise`] makes one, and a storage takes it,
/// but no store: nothing can be signed with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Raised {
    mark: Mark,
}

/// Leave to sign the stored sign-bytes once more. Only [`check`] makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Repeat {
    timestamp: Timestamp,
}

/// What was refused, and the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub reason: Reason,
    /// Where the key stands.
    pub last: Hrs,
    /// What was asked for.
    pub asked: Hrs,
}

/// The rules that refuse; their names are the label values of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A height below the last one.
    HeightRegression,
    /// A round below the last one of this height.
    RoundRegression,
    /// A step below the last one of this round.
    StepRegression,
    /// Signed here already, and what was signed is not known (a floor).
    NoSignBytes,
    /// Another block, or block against nil, at the same height, round and step.
    ConflictingBlock,
    /// The same proposal with another timestamp: nodes copy only the signature, so the stored one cannot serve them.
    ConflictingProposalTimestamp,
    /// Above the height at which the operator wants this key to stop.
    AboveMaxHeight,
    /// Another signer with this key has signed something else at the same height, round and step. That is what several signers
    /// at work look like, and no attack.
    PeerConflict,
}

/// How a request compares with the sign-bytes of a mark at the same height, round and step.
#[derive(Clone, Copy)]
enum Content {
    /// Not compared: it is not the same height, round and step.
    Elsewhere,
    /// The mark has no sign-bytes.
    Unknown,
    /// Equal to the last byte.
    Same(Timestamp),
    /// Equal but for the timestamp; here is the stored one.
    OtherTimestamp(Timestamp),
    /// Anything else.
    Other,
}

/// May this be signed? See the module's documentation.
pub fn check(mark: &Mark, request: &Request) -> Verdict {
    use Ordering::{Equal, Greater, Less};
    let (last, asked) = (mark.hrs, request.hrs());
    let refuse = |reason| Verdict::Refuse(Refusal { reason, last, asked });
    let advance =
        || Verdict::Advance(NewMark { mark: Mark { hrs: asked, sign_bytes: request.sign_bytes().into() } });

    match (
        asked.height.cmp(&last.height),
        asked.round.cmp(&last.round),
        asked.step.cmp(&last.step),
        compare(mark, request),
    ) {
        // §3.7 line 1: height/round/step lower -> error reply.
        (Less, _, _, _) => refuse(Reason::HeightRegression),
        (Equal, Less, _, _) => refuse(Reason::RoundRegression),
        // ... line 9: so is a proposal after an own prevote or precommit of that round.
        (Equal, Equal, Less, _) => refuse(Reason::StepRegression),

        // §3.7 line 2: higher height, round or step -> sign.
        // ... line 3: at a higher step also a different block, because locked and proposed block may differ.
        (Greater, _, _, _) | (Equal, Greater, _, _) | (Equal, Equal, Greater, _) => advance(),

        // §3.7 line 8: same HRS, the mark is a floor without sign-bytes -> refuse.
        (Equal, Equal, Equal, Content::Unknown) => refuse(Reason::NoSignBytes),
        // §3.7 line 4: same HRS, equal sign-bytes -> the same signature.
        (Equal, Equal, Equal, Content::Same(timestamp)) => Verdict::Repeat(Repeat { timestamp }),
        // §3.7 line 6: same HRS, proposal, only the timestamp differs -> refuse, never a second signature.
        (Equal, Equal, Equal, Content::OtherTimestamp(_)) if asked.step == Step::Propose => {
            refuse(Reason::ConflictingProposalTimestamp)
        }
        // §3.7 line 5: same HRS, vote, only the timestamp differs -> the old timestamp and the old signature.
        (Equal, Equal, Equal, Content::OtherTimestamp(timestamp)) => Verdict::Repeat(Repeat { timestamp }),
        // §3.7 line 7: same HRS, other block, or block against nil -> refuse, a double sign prevented.
        (Equal, Equal, Equal, Content::Other | Content::Elsewhere) => refuse(Reason::ConflictingBlock),
    }
}

/// §3.6.6: the refusal of what lies above the chain's `max_height`. Asked before [`check`], which knows only marks.
pub fn above(max_height: Option<i64>, mark: &Mark, request: &Request) -> Option<Refusal> {
    let (last, asked) = (mark.hrs, request.hrs());
    max_height.filter(|max| asked.height > *max)?;
    Some(Refusal { reason: Reason::AboveMaxHeight, last, asked })
}

/// A refusal for what it is where the mark was made by another signer with the same key ([`crate::store::Store::is_adopted`]).
pub fn because_of_peer(refusal: &Refusal) -> Refusal {
    let Refusal { reason, last, asked } = *refusal;
    Refusal { reason: if reason.is_double_sign() { Reason::PeerConflict } else { reason }, last, asked }
}

/// A floor or a mark of another signer, to go on from. `None` unless it is above `mark`: imports only ever raise.
pub fn raise(mark: &Mark, to: Mark) -> Option<Raised> {
    (to.hrs > mark.hrs).then_some(Raised { mark: to })
}

fn compare(mark: &Mark, request: &Request) -> Content {
    let (stored, asked) = (mark.sign_bytes.as_slice(), request.sign_bytes());
    if mark.hrs != request.hrs() {
        return Content::Elsewhere;
    }
    if mark.is_floor() {
        return Content::Unknown;
    }
    if stored == asked {
        return Content::Same(request.timestamp());
    }
    match canonical::read(stored) {
        Some(read) if canonical::differ_only_in_timestamp(stored, asked) => {
            Content::OtherTimestamp(read.timestamp)
        }
        _ => Content::Other,
    }
}

// === impl NewMark ===

impl NewMark {
    /// Where the key will stand.
    pub fn hrs(&self) -> Hrs {
        self.mark.hrs
    }

    /// What it will sign there.
    pub fn sign_bytes(&self) -> &[u8] {
        &self.mark.sign_bytes
    }

    /// The mark, for the store that has made it durable.
    pub fn into_mark(self) -> Mark {
        self.mark
    }
}

// === impl Raised ===

impl Raised {
    /// The mark, for the storage that makes it durable.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }
}

// === impl Repeat ===

impl Repeat {
    /// The timestamp in the stored sign-bytes, which the answer must carry.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

// === impl Reason ===

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::HeightRegression,
        Self::RoundRegression,
        Self::StepRegression,
        Self::NoSignBytes,
        Self::ConflictingBlock,
        Self::ConflictingProposalTimestamp,
        Self::AboveMaxHeight,
        Self::PeerConflict,
    ];

    /// Label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::HeightRegression => "height_regression",
            Self::RoundRegression => "round_regression",
            Self::StepRegression => "step_regression",
            Self::NoSignBytes => "no_sign_bytes",
            Self::ConflictingBlock => "conflicting_block",
            Self::ConflictingProposalTimestamp => "conflicting_proposal_timestamp",
            Self::AboveMaxHeight => "above_max_height",
            Self::PeerConflict => "peer_conflict",
        }
    }

    /// Whether signing would have put a second signature on one height, round and step.
    pub fn is_double_sign(self) -> bool {
        match self {
            Self::HeightRegression
            | Self::RoundRegression
            | Self::StepRegression
            | Self::AboveMaxHeight
            | Self::PeerConflict => false,
            Self::NoSignBytes | Self::ConflictingBlock | Self::ConflictingProposalTimestamp => true,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, last, asked } = self;
        match reason {
            Reason::HeightRegression => write!(f, "height regression: asked for {asked}, last is {last}"),
            Reason::RoundRegression => write!(f, "round regression: asked for {asked}, last is {last}"),
            Reason::StepRegression => write!(f, "step regression: asked for {asked}, last is {last}"),
            Reason::NoSignBytes => {
                write!(f, "no sign-bytes known at {asked}: it may have been signed before")
            }
            Reason::ConflictingBlock => {
                write!(f, "double sign prevented: another block was signed at {asked}")
            }
            Reason::ConflictingProposalTimestamp => {
                write!(f, "double sign prevented: this proposal was signed with another timestamp at {asked}")
            }
            Reason::AboveMaxHeight => write!(f, "above max_height: asked for {asked}, last is {last}"),
            Reason::PeerConflict => {
                write!(f, "peer conflict: another signer of this key has signed something else at {asked}")
            }
        }
    }
}
