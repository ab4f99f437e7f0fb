//! Sign-bytes: the exact bytes that a consensus key signs, identical from CometBFT 0.34 to 2.0. Those of Tendermint 0.33 are
//! in [`amino`]; only what reads sign-bytes back reads both.
//!
//! `uvarint(len) || proto` of the canonical structs (spec/signer.md §3.5; CometBFT `types/canonical.go`). The chain id
//! is always the one that the caller has validated, never one taken unseen from a request. Validator address, index
//! and extension are not part of a vote's sign-bytes; extensions have sign-bytes of their own.
//!
//! Domains: votes and proposals start with field 1 (`08`), extensions with `0a`, or with `11` when empty. A vote of
//! type 0 would start with `11` as well, which is why callers must refuse type 0.

use prost::Message;

use crate::privval::{BlockId, PRECOMMIT, PREVOTE, PROPOSAL, Proposal, Timestamp, Vote};

pub mod amino;

#[derive(Clone, PartialEq, Message)]
struct CanonicalVote {
    #[prost(int32, tag = "1")]
    r#type: i32,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    #[prost(message, optional, tag = "4")]
    block_id: Option<CanonicalBlockId>,
    #[prost(message, optional, tag = "5")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "6")]
    chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct CanonicalProposal {
    #[prost(int32, tag = "1")]
    r#type: i32,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    // The specification's text says fixed64; the wire has a varint.
    #[prost(int64, tag = "4")]
    pol_round: i64,
    #[prost(message, optional, tag = "5")]
    block_id: Option<CanonicalBlockId>,
    #[prost(message, optional, tag = "6")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "7")]
    chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct CanonicalVoteExtension {
    #[prost(bytes = "vec", tag = "1")]
    extension: Vec<u8>,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    #[prost(string, tag = "4")]
    chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct CanonicalBlockId {
    #[prost(bytes = "vec", tag = "1")]
    hash: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    part_set_header: Option<crate::privval::PartSetHeader>,
}

/// Sign-bytes of a prevote or precommit on `chain_id`.
pub fn vote(chain_id: &str, vote: &Vote) -> Vec<u8> {
    CanonicalVote {
        r#type: vote.r#type,
        height: vote.height,
        round: vote.round.into(),
        block_id: canonical_block_id(vote.block_id.as_ref()),
        timestamp: Some(vote.timestamp.unwrap_or(Timestamp::GO_ZERO)),
        chain_id: chain_id.into(),
    }
    .encode_length_delimited_to_vec()
}

/// Sign-bytes of a proposal on `chain_id`.
pub fn proposal(chain_id: &str, proposal: &Proposal) -> Vec<u8> {
    CanonicalProposal {
        r#type: proposal.r#type,
        height: proposal.height,
        round: proposal.round.into(),
        pol_round: proposal.pol_round.into(),
        block_id: canonical_block_id(proposal.block_id.as_ref()),
        timestamp: Some(proposal.timestamp.unwrap_or(Timestamp::GO_ZERO)),
        chain_id: chain_id.into(),
    }
    .encode_length_delimited_to_vec()
}

/// Sign-bytes of a vote extension, which may be empty.
pub fn extension(chain_id: &str, height: i64, round: i32, extension: &[u8]) -> Vec<u8> {
    CanonicalVoteExtension {
        extension: extension.into(),
        height,
        round: round.into(),
        chain_id: chain_id.into(),
    }
    .encode_length_delimited_to_vec()
}

/// What a piece of vote or proposal sign-bytes says, read back (imports and repeats need it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignBytes {
    /// 1 prevote, 2 precommit, 32 proposal.
    pub r#type: i32,
    /// Block height.
    pub height: i64,
    /// Round within the height.
    pub round: i64,
    /// The timestamp that was signed.
    pub timestamp: Timestamp,
    /// The chain that they belong to.
    pub chain_id: String,
}

/// Reads delimited sign-bytes of a vote or a proposal back, of either form; `None` when they are not exactly such bytes.
pub fn read(sign_bytes: &[u8]) -> Option<SignBytes> {
    let said = match Read::exactly(sign_bytes)? {
        Read::Vote(vote) => SignBytes {
            r#type: vote.r#type,
            height: vote.height,
            round: vote.round,
            timestamp: vote.timestamp?,
            chain_id: vote.chain_id,
        },
        Read::Proposal(proposal) => SignBytes {
            r#type: proposal.r#type,
            height: proposal.height,
            round: proposal.round,
            timestamp: proposal.timestamp?,
            chain_id: proposal.chain_id,
        },
        Read::AminoVote(vote) => vote.into(),
        Read::AminoProposal(proposal) => proposal.into(),
    };
    Some(said)
}

/// Height, round and chain of a vote extension's sign-bytes; `None` when they are not exactly such bytes.
pub fn read_extension(sign_bytes: &[u8]) -> Option<(i64, i64, String)> {
    let said = CanonicalVoteExtension::decode_length_delimited(sign_bytes).ok()?;
    let same = said.encode_length_delimited_to_vec() == sign_bytes;
    same.then_some((said.height, said.round, said.chain_id))
}

/// Whether two vote or proposal sign-bytes differ in their timestamp and in nothing else, their form included.
pub fn differ_only_in_timestamp(a: &[u8], b: &[u8]) -> bool {
    a != b
        && match (Read::exactly(a), Read::exactly(b)) {
            (Some(a), Some(b)) => a.without_timestamp() == b.without_timestamp(),
            _ => false,
        }
}

/// Sign-bytes in the form that they have. A vote for nil has both and counts as the newer one.
#[derive(PartialEq)]
enum Read {
    Vote(CanonicalVote),
    Proposal(CanonicalProposal),
    AminoVote(amino::CanonicalVote),
    AminoProposal(amino::CanonicalProposal),
}

// === impl Read ===

impl Read {
    /// Only what encodes to the same bytes again.
    fn exactly(sign_bytes: &[u8]) -> Option<Self> {
        fn read<M: Message + Default>(sign_bytes: &[u8], like: impl Fn(&M) -> bool) -> Option<M> {
            let said = M::decode_length_delimited(sign_bytes).ok().filter(like)?;
            (said.encode_length_delimited_to_vec() == sign_bytes).then_some(said)
        }
        let is_vote = |r#type| matches!(r#type, PREVOTE | PRECOMMIT);
        None.or_else(|| {
            let like = |it: &CanonicalVote| is_vote(it.r#type) && it.timestamp.is_some();
            read(sign_bytes, like).map(Self::Vote)
        })
        .or_else(|| {
            let like = |it: &CanonicalProposal| it.r#type == PROPOSAL && it.timestamp.is_some();
            read(sign_bytes, like).map(Self::Proposal)
        })
        .or_else(|| read(sign_bytes, |it: &amino::CanonicalVote| is_vote(it.r#type)).map(Self::AminoVote))
        .or_else(|| {
            read(sign_bytes, |it: &amino::CanonicalProposal| it.r#type == PROPOSAL).map(Self::AminoProposal)
        })
    }

    fn without_timestamp(mut self) -> Self {
        match &mut self {
            Self::Vote(it) => it.timestamp = None,
            Self::Proposal(it) => it.timestamp = None,
            Self::AminoVote(it) => it.timestamp = None,
            Self::AminoProposal(it) => it.timestamp = None,
        }
        self
    }
}

/// Nil has no canonical block id at all; any other has its part set header even when that is empty.
fn canonical_block_id(block_id: Option<&BlockId>) -> Option<CanonicalBlockId> {
    let block_id = block_id.filter(|id| !id.is_nil())?;
    Some(CanonicalBlockId {
        hash: block_id.hash.clone(),
        part_set_header: Some(block_id.part_set_header.clone().unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privval::PartSetHeader;

    const CHAIN: &str = "test-1";
    const TS: Timestamp = Timestamp { seconds: 1_700_000_000, nanos: 123_456_789 };

    fn block() -> BlockId {
        BlockId {
            hash: vec![0xaa; 32],
            part_set_header: Some(PartSetHeader { total: 1, hash: vec![0xbb; 32] }),
        }
    }

    fn expand(vector: &str) -> String {
        vector.replace("{aa*32}", &"aa".repeat(32)).replace("{bb*32}", &"bb".repeat(32))
    }

    // Golden vectors of spec/signer.md §3.5, made with cometbft v0.38.17.
    #[test]
    fn proposal_vectors() {
        let base = Proposal {
            r#type: PROPOSAL,
            height: 12345,
            round: 1,
            pol_round: -1,
            block_id: Some(block()),
            timestamp: Some(TS),
            signature: vec![],
        };
        assert_eq!(
            hex::encode(proposal(CHAIN, &base)),
            expand(
                "7e082011393000000000000019010000000000000020ffffffffffffffffff012a480a20{aa*32}122408011220{bb*32}320b0880e2cfaa0610959aef3a3a06746573742d31"
            )
        );
        assert_eq!(
            hex::encode(proposal(CHAIN, &Proposal { height: 1, round: 0, pol_round: 0, ..base })),
            expand(
                "6a08201101000000000000002a480a20{aa*32}122408011220{bb*32}320b0880e2cfaa0610959aef3a3a06746573742d31"
            )
        );
    }

    #[test]
    fn vote_vectors() {
        let precommit = Vote {
            r#type: PRECOMMIT,
            height: 7,
            round: 2,
            block_id: Some(block()),
            timestamp: Some(TS),
            ..Vote::default()
        };
        assert_eq!(
            hex::encode(vote(CHAIN, &precommit)),
            expand(
                "73080211070000000000000019020000000000000022480a20{aa*32}122408011220{bb*32}2a0b0880e2cfaa0610959aef3a3206746573742d31"
            )
        );
        let nil = Vote { r#type: PREVOTE, round: 0, block_id: None, ..precommit };
        assert_eq!(
            hex::encode(vote(CHAIN, &nil)),
            "2008011107000000000000002a0b0880e2cfaa0610959aef3a3206746573742d31"
        );
        let empty_id =
            BlockId { hash: vec![], part_set_header: Some(PartSetHeader { total: 0, hash: vec![] }) };
        assert_eq!(
            vote(CHAIN, &Vote { block_id: Some(empty_id), ..nil.clone() }),
            vote(CHAIN, &nil),
            "nil has two spellings"
        );
        let epoch = Vote { timestamp: Some(Timestamp { seconds: 0, nanos: 0 }), ..nil };
        assert_eq!(hex::encode(vote(CHAIN, &epoch)), "1508011107000000000000002a003206746573742d31");
    }

    #[test]
    fn empty_vote_as_upstream_has_it() {
        // CometBFT types/vote_test.go, TestVoteSignBytesTestVectors, first case.
        assert_eq!(hex::encode(vote("", &Vote::default())), "0d2a0b088092b8c398feffffff01");
    }

    #[test]
    fn extension_vectors() {
        assert_eq!(
            hex::encode(extension(CHAIN, 7, 2, b"ext")),
            "1f0a036578741107000000000000001902000000000000002206746573742d31"
        );
        assert_eq!(
            hex::encode(extension(CHAIN, 7, 2, b"")),
            "1a1107000000000000001902000000000000002206746573742d31"
        );
    }

    #[test]
    fn read_back() {
        let precommit = Vote {
            r#type: PRECOMMIT,
            height: 7,
            round: 2,
            block_id: Some(block()),
            timestamp: Some(TS),
            ..Vote::default()
        };
        let bytes = vote(CHAIN, &precommit);
        let said = read(&bytes).expect("ours");
        assert_eq!(
            (said.r#type, said.height, said.round, said.timestamp, said.chain_id.as_str()),
            (PRECOMMIT, 7, 2, TS, CHAIN)
        );
        assert_eq!(read(&bytes[1..]), None);
        assert_eq!(read(&extension(CHAIN, 7, 2, b"ext")), None);
        assert_eq!(read(&extension(CHAIN, 7, 2, b"")), None, "an empty extension is not a vote of type 0");
    }

    #[test]
    fn timestamp_only() {
        let a = Vote {
            r#type: PREVOTE,
            height: 7,
            block_id: Some(block()),
            timestamp: Some(TS),
            ..Vote::default()
        };
        let later = Vote { timestamp: Some(Timestamp { nanos: 1, ..TS }), ..a.clone() };
        let nil = Vote { block_id: None, ..a.clone() };
        let bytes = |v: &Vote| vote(CHAIN, v);
        assert!(differ_only_in_timestamp(&bytes(&a), &bytes(&later)));
        assert!(!differ_only_in_timestamp(&bytes(&a), &bytes(&a)));
        assert!(!differ_only_in_timestamp(&bytes(&a), &bytes(&nil)));
        assert!(!differ_only_in_timestamp(&bytes(&a), &vote("other", &a)));
    }
}
