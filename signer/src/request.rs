//! From what a node sent to a request that may be judged. Parse, don't validate: the guard sees nothing else.
//!
//! The checks stand in the order of spec/signer.md §3.6, points 1 to 5, and the first that fails is the answer. Sign-bytes
//! are made here, once, from the validated fields and the chain id of the configuration, never from the request's own.

use comet::{
    canonical,
    privval::{BlockId, PROPOSAL, Proposal, SignProposalRequest, SignVoteRequest, Timestamp, Vote},
    secret::Dialect,
};
use thiserror::Error;

use crate::mark::{Hrs, Step};

/// Largest vote extension (`types.MaxVoteExtensionSize`).
pub const MAX_EXTENSION: usize = 1024 * 1024;

/// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what Go's protobuf timestamps may hold.
const YEARS_1_TO_9999: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A vote or proposal that is well formed and meant for this chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    hrs: Hrs,
    timestamp: Timestamp,
    sign_bytes: Vec<u8>,
    extension_size: usize,
    extension_sign_bytes: Option<Vec<u8>>,
}

/// Why a request cannot be judged at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Another chain than the one this link serves.
    #[error("request is for chain {asked:?}, this link serves {configured:?}")]
    WrongChain {
        /// From the request.
        asked: String,
        /// From the configuration.
        configured: String,
    },
    /// Not a prevote, precommit or proposal; type 0 would collide with an empty extension's sign-bytes.
    #[error("message type {0} cannot be signed")]
    UnknownType(i32),
    /// Heights start at 1.
    #[error("height {0} is not positive")]
    BadHeight(i64),
    /// Rounds start at 0.
    #[error("round {0} is negative")]
    BadRound(i32),
    /// A proof-of-lock round is -1 or below the round of the proposal.
    #[error("proof-of-lock round {pol_round} does not fit round {round}")]
    BadPolRound {
        /// As sent.
        pol_round: i32,
        /// The proposal's own.
        round: i32,
    },
    /// Neither nil nor complete; reference nodes panic on such a block id.
    #[error("block id is neither nil nor complete")]
    PartialBlockId,
    /// No timestamp, or one outside of what Go can hold.
    #[error("timestamp is missing or out of range")]
    BadTimestamp,
    /// Extensions belong on precommits for a block.
    #[error("vote extension on a vote that cannot have one")]
    UnexpectedExtension,
    /// Above [`MAX_EXTENSION`].
    #[error("vote extension of {0} bytes, at most {MAX_EXTENSION} are allowed")]
    ExtensionTooLarge(usize),
}

// === impl Request ===

impl Request {
    /// A vote, for the chain that the link is configured for.
    pub fn vote(chain_id: &str, message: &SignVoteRequest) -> Result<Self, Invalid> {
        Self::vote_in(Dialect::Proto, chain_id, message)
    }

    /// The same from a node that speaks `dialect`. Tendermint 0.33 names no chain, signs other bytes, and has no extensions.
    pub fn vote_in(dialect: Dialect, chain_id: &str, message: &SignVoteRequest) -> Result<Self, Invalid> {
        if dialect == Dialect::Proto {
            right_chain(chain_id, &message.chain_id)?;
        }
        let absent = Vote::default();
        let vote = message.vote.as_ref().unwrap_or(&absent);
        let step = match Step::from_message_type(vote.r#type) {
            Some(step @ (Step::Prevote | Step::Precommit)) => step,
            _ => return Err(Invalid::UnknownType(vote.r#type)),
        };
        let hrs = position(vote.height, vote.round, step)?;
        if !vote.is_nil() && !vote.block_id.as_ref().is_some_and(BlockId::is_complete) {
            return Err(Invalid::PartialBlockId);
        }
        let timestamp = valid_timestamp(vote.timestamp)?;
        let may_have_extension = step == Step::Precommit && !vote.is_nil();
        if !vote.extension.is_empty() && !may_have_extension {
            return Err(Invalid::UnexpectedExtension);
        }
        if vote.extension.len() > MAX_EXTENSION {
            return Err(Invalid::ExtensionTooLarge(vote.extension.len()));
        }
        let (sign_bytes, wants_extension) = match dialect {
            Dialect::Proto => (canonical::vote(chain_id, vote), !message.skip_extension_signing),
            Dialect::Amino => (canonical::amino::vote(chain_id, vote), false),
        };
        Ok(Self {
            hrs,
            timestamp,
            sign_bytes,
            extension_size: vote.extension.len(),
            // §3.6.8: also when it is empty.
            extension_sign_bytes: (may_have_extension && wants_extension)
                .then(|| canonical::extension(chain_id, vote.height, vote.round, &vote.extension)),
        })
    }

    /// A proposal, for the chain that the link is configured for.
    pub fn proposal(chain_id: &str, message: &SignProposalRequest) -> Result<Self, Invalid> {
        Self::proposal_in(Dialect::Proto, chain_id, message)
    }

    /// The same from a node that speaks `dialect`.
    pub fn proposal_in(
        dialect: Dialect,
        chain_id: &str,
        message: &SignProposalRequest,
    ) -> Result<Self, Invalid> {
        if dialect == Dialect::Proto {
            right_chain(chain_id, &message.chain_id)?;
        }
        let absent = Proposal::default();
        let proposal = message.proposal.as_ref().unwrap_or(&absent);
        if proposal.r#type != PROPOSAL {
            return Err(Invalid::UnknownType(proposal.r#type));
        }
        let hrs = position(proposal.height, proposal.round, Step::Propose)?;
        let (pol_round, round) = (proposal.pol_round, proposal.round);
        if pol_round < -1 || pol_round >= round {
            return Err(Invalid::BadPolRound { pol_round, round });
        }
        if !proposal.block_id.as_ref().is_some_and(BlockId::is_complete) {
            return Err(Invalid::PartialBlockId);
        }
        let timestamp = valid_timestamp(proposal.timestamp)?;
        let sign_bytes = match dialect {
            Dialect::Proto => canonical::proposal(chain_id, proposal),
            Dialect::Amino => canonical::amino::proposal(chain_id, proposal),
        };
        Ok(Self { hrs, timestamp, sign_bytes, extension_size: 0, extension_sign_bytes: None })
    }

    /// What somebody else has made sign-bytes of. `None` when they are not exactly those of a vote or proposal on this chain
    /// that could have been asked for.
    pub fn from_sign_bytes(chain_id: &str, sign_bytes: &[u8]) -> Option<Self> {
        let said = canonical::read(sign_bytes).filter(|said| said.chain_id == chain_id)?;
        let step = Step::from_message_type(said.r#type)?;
        let hrs = position(said.height, said.round.try_into().ok()?, step).ok()?;
        let timestamp = valid_timestamp(Some(said.timestamp)).ok()?;
        let sign_bytes = sign_bytes.to_vec();
        Some(Self { hrs, timestamp, sign_bytes, extension_size: 0, extension_sign_bytes: None })
    }

    /// Height, round and step.
    pub fn hrs(&self) -> Hrs {
        self.hrs
    }

    /// The node's timestamp.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// What would be signed.
    pub fn sign_bytes(&self) -> &[u8] {
        &self.sign_bytes
    }

    /// Bytes of the extension itself.
    pub fn extension_size(&self) -> usize {
        self.extension_size
    }

    /// What would be signed for the extension: present on precommits for a block, unless the node does not want it.
    pub fn extension_sign_bytes(&self) -> Option<&[u8]> {
        self.extension_sign_bytes.as_deref()
    }
}

/// §3.6.1, also for `PubKeyRequest`. Length is bounded by the configured id.
pub fn right_chain(configured: &str, asked: &str) -> Result<(), Invalid> {
    if asked == configured {
        return Ok(());
    }
    // Four bytes a character at most: a hostile id must not blow up the reply.
    let asked = asked.chars().take(crate::mark::MAX_CHAIN_ID).collect();
    Err(Invalid::WrongChain { asked, configured: configured.into() })
}

/// §3.6.2.
fn position(height: i64, round: i32, step: Step) -> Result<Hrs, Invalid> {
    if height <= 0 {
        return Err(Invalid::BadHeight(height));
    }
    if round < 0 {
        return Err(Invalid::BadRound(round));
    }
    Ok(Hrs { height, round, step })
}

/// §3.6.4.
fn valid_timestamp(timestamp: Option<Timestamp>) -> Result<Timestamp, Invalid> {
    timestamp
        .filter(|t| YEARS_1_TO_9999.contains(&t.seconds) && (0..1_000_000_000).contains(&t.nanos))
        .ok_or(Invalid::BadTimestamp)
}

// === impl Invalid ===

impl Invalid {
    /// Label value of the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WrongChain { .. } => "wrong_chain",
            Self::UnknownType(_) => "unknown_type",
            Self::BadHeight(_) => "bad_height",
            Self::BadRound(_) => "bad_round",
            Self::BadPolRound { .. } => "bad_pol_round",
            Self::PartialBlockId => "partial_block_id",
            Self::BadTimestamp => "bad_timestamp",
            Self::UnexpectedExtension => "unexpected_extension",
            Self::ExtensionTooLarge(_) => "extension_too_large",
        }
    }
}
