//! Blocks and how they are hashed: what a light client recomputes before it believes a header.
//!
//! The structs are CometBFT's protobuf messages (`proto/tendermint/types`, the same from 0.34 to 0.40), so encoding them
//! gives the bytes that are cut into parts. Where Go's encoder always writes an embedded message, the field here must
//! be `Some`; the constructors see to that.
//!
//! A header's hash is the Merkle root of its fourteen fields, each encoded by itself (CometBFT `types/block.go`).

mod evidence;
mod params;
mod set;

pub use evidence::{DuplicateVoteEvidence, Evidence, EvidenceList, EvidenceSum, evidence_hash};
pub use params::{TxResult, consensus_params_hash, data_hash, results_hash};
pub use set::{Validator, ValidatorSet};

use prost::Message;

use crate::merkle::{self, Hash};
use crate::privval::{BlockId, PartSetHeader, Timestamp};

/// Flag of a validator whose precommit is not in the commit.
pub const FLAG_ABSENT: i32 = 1;
/// Flag of a precommit for the block.
pub const FLAG_COMMIT: i32 = 2;
/// Flag of a precommit for nil.
pub const FLAG_NIL: i32 = 3;
/// Bytes in one part of a block; the last part may be shorter.
pub const PART_SIZE: usize = 65_536;
/// Block protocol since Tendermint 0.34.
pub const BLOCK_PROTOCOL: u64 = 11;

/// Protocol versions in a header.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Consensus {
    /// [`BLOCK_PROTOCOL`].
    #[prost(uint64, tag = "1")]
    pub block: u64,
    /// The application's own version.
    #[prost(uint64, tag = "2")]
    pub app: u64,
}

/// A block's header. Every hash is 32 bytes, or empty where there is nothing before.
#[derive(Clone, PartialEq, Message)]
pub struct Header {
    /// Protocol versions.
    #[prost(message, optional, tag = "1")]
    pub version: Option<Consensus>,
    /// Chain.
    #[prost(string, tag = "2")]
    pub chain_id: String,
    /// Height, from the chain's initial height.
    #[prost(int64, tag = "3")]
    pub height: i64,
    /// Median of the last commit's timestamps, weighted by power.
    #[prost(message, optional, tag = "4")]
    pub time: Option<Timestamp>,
    /// The block before.
    #[prost(message, optional, tag = "5")]
    pub last_block_id: Option<BlockId>,
    /// [`Commit::hash`] of the block's own `last_commit`.
    #[prost(bytes = "vec", tag = "6")]
    pub last_commit_hash: Vec<u8>,
    /// [`data_hash`].
    #[prost(bytes = "vec", tag = "7")]
    pub data_hash: Vec<u8>,
    /// [`ValidatorSet::hash`] of this height.
    #[prost(bytes = "vec", tag = "8")]
    pub validators_hash: Vec<u8>,
    /// [`ValidatorSet::hash`] of the next height.
    #[prost(bytes = "vec", tag = "9")]
    pub next_validators_hash: Vec<u8>,
    /// [`consensus_params_hash`].
    #[prost(bytes = "vec", tag = "10")]
    pub consensus_hash: Vec<u8>,
    /// The application's state after the block before.
    #[prost(bytes = "vec", tag = "11")]
    pub app_hash: Vec<u8>,
    /// [`results_hash`] of the block before.
    #[prost(bytes = "vec", tag = "12")]
    pub last_results_hash: Vec<u8>,
    /// [`evidence_hash`].
    #[prost(bytes = "vec", tag = "13")]
    pub evidence_hash: Vec<u8>,
    /// Address of the validator that proposed the block, 20 bytes.
    #[prost(bytes = "vec", tag = "14")]
    pub proposer_address: Vec<u8>,
}

/// One validator's entry in a commit; entry `i` belongs to validator `i` of the signed height's set.
#[derive(Clone, PartialEq, Message)]
pub struct CommitSig {
    /// [`FLAG_ABSENT`], [`FLAG_COMMIT`] or [`FLAG_NIL`].
    #[prost(int32, tag = "1")]
    pub block_id_flag: i32,
    /// 20 bytes, empty when absent.
    #[prost(bytes = "vec", tag = "2")]
    pub validator_address: Vec<u8>,
    /// When it was signed; Go's zero time when absent.
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<Timestamp>,
    /// 64 bytes, empty when absent.
    #[prost(bytes = "vec", tag = "4")]
    pub signature: Vec<u8>,
}

/// The precommits of one height and round.
#[derive(Clone, PartialEq, Message)]
pub struct Commit {
    /// Signed height.
    #[prost(int64, tag = "1")]
    pub height: i64,
    /// The round that decided.
    #[prost(int32, tag = "2")]
    pub round: i32,
    /// Signed block.
    #[prost(message, optional, tag = "3")]
    pub block_id: Option<BlockId>,
    /// One entry for each validator of the set.
    #[prost(message, repeated, tag = "4")]
    pub signatures: Vec<CommitSig>,
}

/// Transactions of a block.
#[derive(Clone, PartialEq, Message)]
pub struct Data {
    /// Raw transactions.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub txs: Vec<Vec<u8>>,
}

/// A block.
#[derive(Clone, PartialEq, Message)]
pub struct Block {
    /// Header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    /// Transactions.
    #[prost(message, optional, tag = "2")]
    pub data: Option<Data>,
    /// Misbehaviour.
    #[prost(message, optional, tag = "3")]
    pub evidence: Option<EvidenceList>,
    /// Precommits for the block before.
    #[prost(message, optional, tag = "4")]
    pub last_commit: Option<Commit>,
}

// === impl Header ===

impl Header {
    /// The block's hash; what validators sign.
    pub fn hash(&self) -> Hash {
        merkle::root(&[
            self.version.unwrap_or_default().encode_to_vec(),
            self.chain_id.encode_to_vec(),
            self.height.encode_to_vec(),
            self.time.unwrap_or_default().encode_to_vec(),
            whole(self.last_block_id.as_ref()).encode_to_vec(),
            self.last_commit_hash.encode_to_vec(),
            self.data_hash.encode_to_vec(),
            self.validators_hash.encode_to_vec(),
            self.next_validators_hash.encode_to_vec(),
            self.consensus_hash.encode_to_vec(),
            self.app_hash.encode_to_vec(),
            self.last_results_hash.encode_to_vec(),
            self.evidence_hash.encode_to_vec(),
            self.proposer_address.encode_to_vec(),
        ])
    }
}

/// The id with its part set header present, as Go writes it even when it is empty.
fn whole(id: Option<&BlockId>) -> BlockId {
    let mut id = id.cloned().unwrap_or_default();
    id.part_set_header.get_or_insert_default();
    id
}

// === impl CommitSig ===

impl CommitSig {
    /// The entry of a validator whose precommit did not arrive in time.
    pub fn absent() -> Self {
        Self {
            block_id_flag: FLAG_ABSENT,
            validator_address: Vec::new(),
            timestamp: Some(Timestamp::GO_ZERO),
            signature: Vec::new(),
        }
    }

    /// Whether there is no precommit. A vote for nil is not absent.
    pub fn is_absent(&self) -> bool {
        self.block_id_flag == FLAG_ABSENT
    }
}

// === impl Commit ===

impl Commit {
    /// The empty commit of a chain's first block.
    pub fn none() -> Self {
        Self { block_id: Some(whole(None)), ..Self::default() }
    }

    /// The hash that the next header carries.
    pub fn hash(&self) -> Hash {
        let leaves: Vec<Vec<u8>> = self.signatures.iter().map(Message::encode_to_vec).collect();
        merkle::root(&leaves)
    }
}

// === impl Block ===

impl Block {
    /// Number and root of the parts that the encoded block is cut into.
    pub fn part_set_header(&self) -> PartSetHeader {
        let bytes = self.encode_to_vec();
        let parts: Vec<&[u8]> = bytes.chunks(PART_SIZE).collect();
        PartSetHeader {
            total: u32::try_from(parts.len()).expect("a block of 2^48 bytes does not fit in memory"),
            hash: merkle::root(&parts).to_vec(),
        }
    }

    /// The id that validators vote for.
    pub fn id(&self) -> BlockId {
        let hash = self.header.as_ref().map(Header::hash).unwrap_or_default();
        BlockId { hash: hash.to_vec(), part_set_header: Some(self.part_set_header()) }
    }
}

#[cfg(test)]
mod tests;
