//! A block, its header and the commit it carries, as JSON.

use super::number::{lenient, nullable, quoted};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `block_id_flag` of a validator whose precommit did not arrive: the only one x/slashing counts as missed.
pub const FLAG_ABSENT: u8 = 1;
/// `block_id_flag` of a precommit for this block.
pub const FLAG_COMMIT: u8 = 2;
/// `block_id_flag` of a precommit for nil: signed for x/slashing, but no vote for the block.
pub const FLAG_NIL: u8 = 3;
/// Go's zero time: the timestamp of an absent vote.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// A block. Its `last_commit` belongs to the height before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// Transactions.
    #[serde(default)]
    pub data: Data,
    /// Evidence of misbehaviour.
    #[serde(default)]
    pub evidence: EvidenceList,
    /// Signatures for `header.height - 1`; `None` in block 1 of Tendermint lines that write `null`.
    #[serde(default)]
    pub last_commit: Option<Commit>,
}

/// A header. Hashes and addresses are upper-case hex, empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Protocol versions.
    #[serde(default)]
    pub version: Consensus,
    /// Chain.
    pub chain_id: String,
    /// Height.
    #[serde(with = "quoted")]
    pub height: i64,
    /// RFC 3339 with nanoseconds.
    pub time: String,
    /// The block before.
    #[serde(default)]
    pub last_block_id: BlockId,
    /// Merkle root of the commit in this block.
    #[serde(default)]
    pub last_commit_hash: String,
    /// Merkle root of the transactions.
    #[serde(default)]
    pub data_hash: String,
    /// The validator set of this height.
    #[serde(default)]
    pub validators_hash: String,
    /// The validator set of the next height.
    #[serde(default)]
    pub next_validators_hash: String,
    /// Consensus parameters.
    #[serde(default)]
    pub consensus_hash: String,
    /// State after the block before.
    #[serde(default)]
    pub app_hash: String,
    /// Results of the block before.
    #[serde(default)]
    pub last_results_hash: String,
    /// Evidence of this block.
    #[serde(default)]
    pub evidence_hash: String,
    /// Who proposed this block.
    #[serde(default)]
    pub proposer_address: String,
}

/// Versions in a header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consensus {
    /// Block protocol: 11 since Tendermint 0.34.
    #[serde(default, with = "quoted")]
    pub block: u64,
    /// Application protocol; not written when 0.
    #[serde(default, with = "quoted", skip_serializing_if = "is_zero")]
    pub app: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A block's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockId {
    /// Hash of the header.
    #[serde(default)]
    pub hash: String,
    /// The parts it is gossiped in.
    #[serde(default, alias = "part_set_header")]
    pub parts: PartSetHeader,
}

/// Number and root of a block's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSetHeader {
    /// How many.
    #[serde(default, deserialize_with = "lenient")]
    pub total: u32,
    /// Merkle root.
    #[serde(default)]
    pub hash: String,
}

/// Transactions of a block, base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Raw bytes in base64.
    #[serde(default, deserialize_with = "nullable")]
    pub txs: Vec<String>,
}

/// Evidence of a block, kept raw: every line has its own encoding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvidenceList {
    /// One entry per misbehaviour.
    #[serde(default, deserialize_with = "nullable")]
    pub evidence: Vec<Value>,
}

/// The precommits for one height.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The signed height.
    #[serde(default, with = "quoted")]
    pub height: i64,
    /// The round that decided.
    #[serde(default, deserialize_with = "lenient")]
    pub round: i32,
    /// The signed block.
    #[serde(default)]
    pub block_id: BlockId,
    /// Entry `i` belongs to entry `i` of the validator set of `height`.
    #[serde(default, deserialize_with = "nullable")]
    pub signatures: Vec<CommitSig>,
}

/// One entry of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitSig {
    /// [`FLAG_ABSENT`], [`FLAG_COMMIT`] or [`FLAG_NIL`].
    #[serde(default, deserialize_with = "lenient")]
    pub block_id_flag: u8,
    /// Upper-case hex; empty when absent, which is why entries are matched by index.
    #[serde(default, deserialize_with = "nullable")]
    pub validator_address: String,
    /// RFC 3339; [`ZERO_TIME`] when absent.
    #[serde(default, deserialize_with = "nullable")]
    pub timestamp: String,
    /// Base64; `null` when absent.
    #[serde(default)]
    pub signature: Option<String>,
}

impl CommitSig {
    /// The entry of a validator that did not vote.
    pub fn absent() -> Self {
        Self {
            block_id_flag: FLAG_ABSENT,
            validator_address: String::new(),
            timestamp: ZERO_TIME.into(),
            signature: None,
        }
    }
}
