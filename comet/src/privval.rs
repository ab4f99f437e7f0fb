//! The remote signer protocol, `tendermint.privval` and `cometbft.privval.v1`, in one set of structs.
//!
//! Package names are not on the wire and field numbers never clash between the node lines 0.34 to 1.0, so one struct
//! with every field serves them all and no protocol version has to be configured (spec/signer.md §3.2). The only
//! numbers with two meanings, oneof tags 9 and 10, are v1's `SignBytes` and Celestia's raw signing: one
//! struct has the fields of both, and the signer refuses them unless a chain allows one of the two by name.

use prost::{Message as _, Oneof};

use crate::consensus;

pub mod amino;

/// Any message of the protocol: exactly one of [`Sum`], or an unknown one (`None`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Message {
    /// The one message inside.
    #[prost(oneof = "Sum", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub sum: Option<Sum>,
}

/// The messages, requests with odd tags, answers with even ones.
#[derive(Clone, PartialEq, Oneof)]
pub enum Sum {
    /// Node asks which key signs.
    #[prost(message, tag = "1")]
    PubKeyRequest(PubKeyRequest),
    /// Signer names its key.
    #[prost(message, tag = "2")]
    PubKeyResponse(PubKeyResponse),
    /// Node asks for a prevote's or precommit's signature.
    #[prost(message, tag = "3")]
    SignVoteRequest(SignVoteRequest),
    /// The signed vote, or a refusal.
    #[prost(message, tag = "4")]
    SignedVoteResponse(SignedVoteResponse),
    /// Node asks for a proposal's signature.
    #[prost(message, tag = "5")]
    SignProposalRequest(SignProposalRequest),
    /// The signed proposal, or a refusal.
    #[prost(message, tag = "6")]
    SignedProposalResponse(SignedProposalResponse),
    /// Node checks that the signer lives, every 3.3 s when idle.
    #[prost(message, tag = "7")]
    PingRequest(PingRequest),
    /// It does.
    #[prost(message, tag = "8")]
    PingResponse(PingResponse),
    /// CometBFT 1.0 asks for raw bytes to be signed, without chain id or domain; Celestia with both.
    #[prost(message, tag = "9")]
    SignBytesRequest(SignBytesRequest),
    /// The signature over raw bytes, or a refusal.
    #[prost(message, tag = "10")]
    SignBytesResponse(SignBytesResponse),
}

/// Which key signs for `chain_id`?
#[derive(Clone, PartialEq, prost::Message)]
pub struct PubKeyRequest {
    /// Chain the node runs.
    #[prost(string, tag = "1")]
    pub chain_id: String,
}

/// The consensus key in both dialects: 0.3x and 0.40 nodes read field 1 and skip 3 and 4, 1.0 nodes the reverse.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PubKeyResponse {
    /// Key as a typed oneof (0.34 to 0.40).
    #[prost(message, optional, tag = "1")]
    pub pub_key: Option<PublicKey>,
    /// Present means failure, even when empty.
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
    /// Key bytes (1.0).
    #[prost(bytes = "vec", tag = "3")]
    pub pub_key_bytes: Vec<u8>,
    /// Key type by name, such as `"ed25519"` (1.0).
    #[prost(string, tag = "4")]
    pub pub_key_type: String,
}

/// Sign this vote for this chain.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignVoteRequest {
    /// The vote without its signature.
    #[prost(message, optional, tag = "1")]
    pub vote: Option<Vote>,
    /// Chain the node runs; empty from nodes before 0.34.
    #[prost(string, tag = "2")]
    pub chain_id: String,
    /// 1.0: do not sign the extension, whatever the vote is.
    #[prost(bool, tag = "3")]
    pub skip_extension_signing: bool,
}

/// A vote with its signature; nodes copy only signature, timestamp and extension signature.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignedVoteResponse {
    /// The signed vote (an empty vote beside an error).
    #[prost(message, optional, tag = "1")]
    pub vote: Option<Vote>,
    /// Present means failure, even when empty.
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
}

/// Sign this proposal for this chain.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignProposalRequest {
    /// The proposal without its signature.
    #[prost(message, optional, tag = "1")]
    pub proposal: Option<Proposal>,
    /// Chain the node runs.
    #[prost(string, tag = "2")]
    pub chain_id: String,
}

/// A proposal with its signature; nodes copy only the signature.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignedProposalResponse {
    /// The signed proposal (an empty one beside an error).
    #[prost(message, optional, tag = "1")]
    pub proposal: Option<Proposal>,
    /// Present means failure, even when empty.
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
}

/// Are you there?
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct PingRequest {}

/// Yes.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct PingResponse {}

/// Sign bytes that are no vote. Field 1 has two meanings: only the signer's configuration says which node this is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignBytesRequest {
    /// 1.0: the bytes, to be signed as they are. Celestia: the chain id.
    #[prost(bytes = "vec", tag = "1")]
    pub value: Vec<u8>,
    /// Celestia: the bytes, to be signed inside an envelope.
    #[prost(bytes = "vec", tag = "2")]
    pub raw_bytes: Vec<u8>,
    /// Celestia: what they are for.
    #[prost(string, tag = "3")]
    pub unique_id: String,
}

/// Signature over raw bytes (1.0 and Celestia).
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignBytesResponse {
    /// The signature.
    #[prost(bytes = "vec", tag = "1")]
    pub signature: Vec<u8>,
    /// Present means failure.
    #[prost(message, optional, tag = "2")]
    pub error: Option<RemoteSignerError>,
}

/// Why the signer refused. Nodes print the code and do nothing else with it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RemoteSignerError {
    /// Free number; the reference signer uses 0.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// Words for a person.
    #[prost(string, tag = "2")]
    pub description: String,
}

/// A consensus public key with its type.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PublicKey {
    /// The key, absent when its type is one that we do not know.
    #[prost(oneof = "PublicKeySum", tags = "1, 2, 3, 4, 5")]
    pub sum: Option<PublicKeySum>,
}

/// Key types in the order in which node lines got them.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum PublicKeySum {
    /// 32 bytes.
    #[prost(bytes, tag = "1")]
    Ed25519(Vec<u8>),
    /// 33 bytes, compressed.
    #[prost(bytes, tag = "2")]
    Secp256k1(Vec<u8>),
    /// 96 bytes (0.39).
    #[prost(bytes, tag = "3")]
    Bls12381(Vec<u8>),
    /// 1,952 bytes (0.40).
    #[prost(bytes, tag = "4")]
    MlDsa65(Vec<u8>),
    /// 33 bytes (0.40).
    #[prost(bytes, tag = "5")]
    Secp256k1Eth(Vec<u8>),
}

/// Vote type of a prevote.
pub const PREVOTE: i32 = 1;
/// Vote type of a precommit.
pub const PRECOMMIT: i32 = 2;
/// Proposal's type in its own messages.
pub const PROPOSAL: i32 = 32;

/// A prevote or precommit. Fields 9 and 10 exist since 0.38.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Vote {
    /// [`PREVOTE`] or [`PRECOMMIT`].
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    /// Block height, from 1.
    #[prost(int64, tag = "2")]
    pub height: i64,
    /// Round within the height, from 0.
    #[prost(int32, tag = "3")]
    pub round: i32,
    /// Block voted for; absent or empty is a vote for nil.
    #[prost(message, optional, tag = "4")]
    pub block_id: Option<BlockId>,
    /// When the validator voted, by its node's clock.
    #[prost(message, optional, tag = "5")]
    pub timestamp: Option<Timestamp>,
    /// 20 bytes; not signed.
    #[prost(bytes = "vec", tag = "6")]
    pub validator_address: Vec<u8>,
    /// Index in the validator set; not signed.
    #[prost(int32, tag = "7")]
    pub validator_index: i32,
    /// 64 bytes in an answer, empty in a request.
    #[prost(bytes = "vec", tag = "8")]
    pub signature: Vec<u8>,
    /// Application bytes on a non-nil precommit, up to 1 MiB.
    #[prost(bytes = "vec", tag = "9")]
    pub extension: Vec<u8>,
    /// Signature over the extension's own sign-bytes.
    #[prost(bytes = "vec", tag = "10")]
    pub extension_signature: Vec<u8>,
}

/// A block proposed for a height and round.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Proposal {
    /// [`PROPOSAL`].
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    /// Block height, from 1.
    #[prost(int64, tag = "2")]
    pub height: i64,
    /// Round within the height, from 0.
    #[prost(int32, tag = "3")]
    pub round: i32,
    /// Round with a proof of lock for this block, or -1.
    #[prost(int32, tag = "4")]
    pub pol_round: i32,
    /// The proposed block.
    #[prost(message, optional, tag = "5")]
    pub block_id: Option<BlockId>,
    /// When it was proposed.
    #[prost(message, optional, tag = "6")]
    pub timestamp: Option<Timestamp>,
    /// 64 bytes in an answer, empty in a request.
    #[prost(bytes = "vec", tag = "7")]
    pub signature: Vec<u8>,
}

/// A block's hash and the hash of its parts; both empty means nil.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct BlockId {
    /// Header hash, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    /// The block's parts.
    #[prost(message, optional, tag = "2")]
    pub part_set_header: Option<PartSetHeader>,
}

/// How many parts a block was cut into, and their Merkle root.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct PartSetHeader {
    /// Number of parts, from 1.
    #[prost(uint32, tag = "1")]
    pub total: u32,
    /// Merkle root, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
}

/// Time since the Unix epoch (`google.protobuf.Timestamp`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

// === impl Timestamp ===

impl Timestamp {
    /// Go's zero `time.Time` (year 1), which nodes send where they have no time.
    pub const GO_ZERO: Self = Self { seconds: -62_135_596_800, nanos: 0 };
}

// === impl BlockId ===

impl BlockId {
    /// No hash and no parts: a vote for nil.
    pub fn is_nil(&self) -> bool {
        self.hash.is_empty()
            && self.part_set_header.as_ref().is_none_or(|p| p.total == 0 && p.hash.is_empty())
    }

    /// A whole block id: two 32-byte hashes and at least one part.
    pub fn is_complete(&self) -> bool {
        self.hash.len() == 32
            && self.part_set_header.as_ref().is_some_and(|p| p.total > 0 && p.hash.len() == 32)
    }
}

// === impl Vote ===

impl Vote {
    /// Whether the vote is for nil.
    pub fn is_nil(&self) -> bool {
        self.block_id.as_ref().is_none_or(BlockId::is_nil)
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// An ed25519 key.
    pub fn ed25519(bytes: [u8; 32]) -> Self {
        Self { sum: Some(PublicKeySum::Ed25519(bytes.to_vec())) }
    }
}

// === impl PubKeyResponse ===

impl PubKeyResponse {
    /// A key in both dialects at once.
    pub fn of(key: &consensus::PublicKey) -> Self {
        Self {
            pub_key: Some(key.to_proto()),
            error: None,
            pub_key_bytes: key.as_bytes().into(),
            pub_key_type: key.key_type().name().into(),
        }
    }
}

// === impl Message ===

impl Message {
    /// Wraps one message.
    pub fn of(sum: Sum) -> Self {
        Self { sum: Some(sum) }
    }

    /// Decodes a frame's body. Unknown fields are dropped, never echoed.
    pub fn from_body(body: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(body)
    }
}

#[cfg(test)]
mod tests;
