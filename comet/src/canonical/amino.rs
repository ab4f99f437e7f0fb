//! Sign-bytes of Tendermint 0.33 (`types/canonical.go`, go-amino v0.14).
//!
//! Three things differ from all later lines: a part set header has its hash first and its total second, a proposal's
//! proof-of-lock round is fixed64, and the time of 1970-01-01 is left out. A vote for nil is the same in both, to the last
//! byte, and nothing else is: no other vote or proposal of one form is also one of the other, so a mark can hold either and
//! [`super::read`] knows which it is.

use prost::Message;

use super::SignBytes;
use crate::privval::{BlockId, PartSetHeader, Proposal, Timestamp, Vote};

#[derive(Clone, PartialEq, Message)]
pub(super) struct CanonicalVote {
    #[prost(int32, tag = "1")]
    pub(super) r#type: i32,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    #[prost(message, optional, tag = "4")]
    block_id: Option<CanonicalBlockId>,
    #[prost(message, optional, tag = "5")]
    pub(super) timestamp: Option<Timestamp>,
    #[prost(string, tag = "6")]
    chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CanonicalProposal {
    #[prost(int32, tag = "1")]
    pub(super) r#type: i32,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
    #[prost(sfixed64, tag = "4")]
    pol_round: i64,
    #[prost(message, optional, tag = "5")]
    block_id: Option<CanonicalBlockId>,
    #[prost(message, optional, tag = "6")]
    pub(super) timestamp: Option<Timestamp>,
    #[prost(string, tag = "7")]
    chain_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct CanonicalBlockId {
    #[prost(bytes = "vec", tag = "1")]
    hash: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    part_set_header: Option<CanonicalPartSetHeader>,
}

#[derive(Clone, PartialEq, Message)]
struct CanonicalPartSetHeader {
    #[prost(bytes = "vec", tag = "1")]
    hash: Vec<u8>,
    #[prost(int64, tag = "2")]
    total: i64,
}

/// Sign-bytes of a prevote or precommit on `chain_id`.
pub fn vote(chain_id: &str, vote: &Vote) -> Vec<u8> {
    CanonicalVote {
        r#type: vote.r#type,
        height: vote.height,
        round: vote.round.into(),
        block_id: canonical_block_id(vote.block_id.as_ref()),
        timestamp: canonical_timestamp(vote.timestamp),
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
        timestamp: canonical_timestamp(proposal.timestamp),
        chain_id: chain_id.into(),
    }
    .encode_length_delimited_to_vec()
}

/// Empty structs are left out, at every depth.
fn canonical_block_id(block_id: Option<&BlockId>) -> Option<CanonicalBlockId> {
    let BlockId { hash, part_set_header } = block_id?;
    let parts = part_set_header.as_ref().filter(|parts| **parts != PartSetHeader::default());
    let part_set_header =
        parts.map(|parts| CanonicalPartSetHeader { hash: parts.hash.clone(), total: parts.total.into() });
    let id = CanonicalBlockId { hash: hash.clone(), part_set_header };
    (id != CanonicalBlockId::default()).then_some(id)
}

/// 1970-01-01 is left out; no time at all is Go's zero.
fn canonical_timestamp(timestamp: Option<Timestamp>) -> Option<Timestamp> {
    Some(timestamp.unwrap_or(Timestamp::GO_ZERO)).filter(|at| *at != Timestamp::default())
}

impl From<CanonicalVote> for SignBytes {
    fn from(vote: CanonicalVote) -> Self {
        Self {
            r#type: vote.r#type,
            height: vote.height,
            round: vote.round,
            timestamp: vote.timestamp.unwrap_or_default(),
            chain_id: vote.chain_id,
        }
    }
}

impl From<CanonicalProposal> for SignBytes {
    fn from(proposal: CanonicalProposal) -> Self {
        Self {
            r#type: proposal.r#type,
            height: proposal.height,
            round: proposal.round,
            timestamp: proposal.timestamp.unwrap_or_default(),
            chain_id: proposal.chain_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{self, differ_only_in_timestamp, read};
    use crate::privval::{PRECOMMIT, PREVOTE, PROPOSAL};

    const CHAIN: &str = "test-1";
    const TS: Timestamp = Timestamp { seconds: 1_700_000_000, nanos: 123_456_789 };

    fn block(total: u32) -> Option<BlockId> {
        let part_set_header = Some(PartSetHeader { total, hash: vec![0xbb; 32] });
        Some(BlockId { hash: vec![0xaa; 32], part_set_header })
    }

    fn precommit() -> Vote {
        Vote {
            r#type: PRECOMMIT,
            height: 7,
            round: 2,
            block_id: block(1),
            timestamp: Some(TS),
            ..Vote::default()
        }
    }

    fn nil() -> Vote {
        Vote { r#type: PREVOTE, round: 0, block_id: None, ..precommit() }
    }

    fn a_proposal() -> Proposal {
        Proposal {
            r#type: PROPOSAL,
            height: 12345,
            round: 1,
            pol_round: -1,
            block_id: block(1),
            timestamp: Some(TS),
            signature: vec![],
        }
    }

    fn check(sign_bytes: &[u8], vector: &str) {
        let vector = vector.replace("{aa*32}", &"aa".repeat(32)).replace("{bb*32}", &"bb".repeat(32));
        assert_eq!(hex::encode(sign_bytes), vector);
    }

    // Made by tendermint v0.33.9: SignBytes of types.Vote and types.Proposal.
    #[test]
    fn vectors_of_the_real_0_33() {
        check(
            &proposal(CHAIN, &a_proposal()),
            "7c082011393000000000000019010000000000000021ffffffffffffffff2a480a20{aa*32}12240a20{bb*32}1001320b0880e2cfaa0610959aef3a3a06746573742d31",
        );
        check(
            &proposal(CHAIN, &Proposal { height: 1, round: 0, pol_round: 0, ..a_proposal() }),
            "6a08201101000000000000002a480a20{aa*32}12240a20{bb*32}1001320b0880e2cfaa0610959aef3a3a06746573742d31",
        );
        check(
            &proposal(CHAIN, &Proposal { round: 7, pol_round: 3, block_id: block(300), ..a_proposal() }),
            "7d08201139300000000000001907000000000000002103000000000000002a490a20{aa*32}12250a20{bb*32}10ac02320b0880e2cfaa0610959aef3a3a06746573742d31",
        );
        check(
            &vote(CHAIN, &precommit()),
            "73080211070000000000000019020000000000000022480a20{aa*32}12240a20{bb*32}10012a0b0880e2cfaa0610959aef3a3206746573742d31",
        );
        check(&vote(CHAIN, &nil()), "2008011107000000000000002a0b0880e2cfaa0610959aef3a3206746573742d31");
        let at = |timestamp| Vote { timestamp, ..nil() };
        check(&vote(CHAIN, &at(Some(Timestamp::default()))), "1308011107000000000000003206746573742d31");
        check(&vote(CHAIN, &at(None)), "2008011107000000000000002a0b088092b8c398feffffff013206746573742d31");
    }

    #[test]
    fn read_back_in_the_form_they_have() {
        let said = read(&vote(CHAIN, &precommit())).expect("a vote");
        assert_eq!(
            (said.r#type, said.height, said.round, said.timestamp, said.chain_id.as_str()),
            (PRECOMMIT, 7, 2, TS, CHAIN)
        );
        let said = read(&proposal(CHAIN, &a_proposal())).expect("a proposal");
        assert_eq!((said.r#type, said.height, said.round, said.timestamp), (PROPOSAL, 12345, 1, TS));
        let epoch = Vote { timestamp: Some(Timestamp::default()), ..nil() };
        assert_eq!(read(&vote(CHAIN, &epoch)).expect("a vote").timestamp, Timestamp::default());
    }

    #[test]
    fn only_a_nil_vote_has_one_form_in_both() {
        let later = Timestamp { nanos: 1, ..TS };
        let (old, new) = (vote(CHAIN, &precommit()), canonical::vote(CHAIN, &precommit()));
        assert_ne!(old, new);
        let at_another_time = Vote { timestamp: Some(later), ..precommit() };
        assert!(differ_only_in_timestamp(&old, &vote(CHAIN, &at_another_time)));
        // The same vote in the other form is another message, however little differs.
        assert!(!differ_only_in_timestamp(&old, &new));
        assert!(!differ_only_in_timestamp(&old, &canonical::vote(CHAIN, &at_another_time)));

        let (old, new) = (proposal(CHAIN, &a_proposal()), canonical::proposal(CHAIN, &a_proposal()));
        assert!(old != new && !differ_only_in_timestamp(&old, &new));
        let at_another_time = Proposal { timestamp: Some(later), ..a_proposal() };
        assert!(differ_only_in_timestamp(&old, &proposal(CHAIN, &at_another_time)));

        assert_eq!(vote(CHAIN, &nil()), canonical::vote(CHAIN, &nil()));
        let at_another_time = Vote { timestamp: Some(later), ..nil() };
        assert!(differ_only_in_timestamp(&vote(CHAIN, &nil()), &canonical::vote(CHAIN, &at_another_time)));
    }
}
