//! Evidence of misbehaviour inside a block: two votes of one validator for one height, round and step.
//!
//! Light-client attacks are absent: nothing of ours makes or reads one from a block's bytes.

use prost::{Message, Oneof};

use crate::merkle::{self, Hash};
use crate::privval::{Timestamp, Vote};

/// A validator signed two different votes.
#[derive(Clone, PartialEq, Message)]
pub struct DuplicateVoteEvidence {
    /// The vote whose block id sorts first.
    #[prost(message, optional, tag = "1")]
    pub vote_a: Option<Vote>,
    /// The other one.
    #[prost(message, optional, tag = "2")]
    pub vote_b: Option<Vote>,
    /// Power of the whole set at that height.
    #[prost(int64, tag = "3")]
    pub total_voting_power: i64,
    /// Power of the validator at that height.
    #[prost(int64, tag = "4")]
    pub validator_power: i64,
    /// Time of the block at that height.
    #[prost(message, optional, tag = "5")]
    pub timestamp: Option<Timestamp>,
}

/// One piece of evidence of any kind.
#[derive(Clone, PartialEq, Message)]
pub struct Evidence {
    /// The kind, absent when unknown.
    #[prost(oneof = "EvidenceSum", tags = "1")]
    pub sum: Option<EvidenceSum>,
}

/// Kinds of evidence.
#[derive(Clone, PartialEq, Oneof)]
pub enum EvidenceSum {
    /// Two votes.
    #[prost(message, tag = "1")]
    DuplicateVote(DuplicateVoteEvidence),
}

/// All evidence of a block.
#[derive(Clone, PartialEq, Message)]
pub struct EvidenceList {
    /// In the proposer's order.
    #[prost(message, repeated, tag = "1")]
    pub evidence: Vec<Evidence>,
}

/// Root over the pieces of evidence, each encoded without its wrapper (CometBFT `types/evidence.go`).
pub fn evidence_hash(list: &EvidenceList) -> Hash {
    let leaves: Vec<Vec<u8>> = list
        .evidence
        .iter()
        .map(|piece| match &piece.sum {
            Some(EvidenceSum::DuplicateVote(votes)) => votes.encode_to_vec(),
            None => Vec::new(),
        })
        .collect();
    merkle::root(&leaves)
}
