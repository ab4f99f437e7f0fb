//! Votes and proposals in few words, for every test of this crate.
#![allow(dead_code, unreachable_pub)] // each test uses its part

use comet::privval::{
    BlockId, PRECOMMIT, PREVOTE, PROPOSAL, PartSetHeader, Proposal, SignProposalRequest, SignVoteRequest,
    Timestamp, Vote,
};
use comet::secret::Dialect;
use palisade_signer::request::Request;

pub const CHAIN: &str = "test-1";

/// A complete block id; 0 is nil.
pub fn block(which: u8) -> Option<BlockId> {
    let parts = PartSetHeader { total: 1, hash: vec![!which; 32] };
    (which > 0).then(|| BlockId { hash: vec![which; 32], part_set_header: Some(parts) })
}

pub fn timestamp(second: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_700_000_000 + second, nanos: 5 })
}

pub fn vote(r#type: i32, height: i64, round: i32, which: u8, second: i64) -> SignVoteRequest {
    let vote = Vote {
        r#type,
        height,
        round,
        block_id: block(which),
        timestamp: timestamp(second),
        validator_address: vec![1; 20],
        validator_index: 3,
        ..Vote::default()
    };
    SignVoteRequest { vote: Some(vote), chain_id: CHAIN.into(), skip_extension_signing: false }
}

pub fn prevote(height: i64, round: i32, which: u8, second: i64) -> Request {
    Request::vote(CHAIN, &vote(PREVOTE, height, round, which, second)).expect("valid")
}

/// The same as Tendermint 0.33 asks for it.
pub fn prevote_033(height: i64, round: i32, which: u8, second: i64) -> Request {
    Request::vote_in(Dialect::Amino, CHAIN, &vote(PREVOTE, height, round, which, second)).expect("valid")
}

pub fn proposal_033(height: i64, round: i32, which: u8, second: i64) -> Request {
    let message = proposal_message(height, round, which, second);
    Request::proposal_in(Dialect::Amino, CHAIN, &message).expect("valid")
}

pub fn precommit(height: i64, round: i32, which: u8, second: i64) -> Request {
    Request::vote(CHAIN, &vote(PRECOMMIT, height, round, which, second)).expect("valid")
}

pub fn proposal_message(height: i64, round: i32, which: u8, second: i64) -> SignProposalRequest {
    let proposal = Proposal {
        r#type: PROPOSAL,
        height,
        round,
        pol_round: -1,
        block_id: block(which),
        timestamp: timestamp(second),
        signature: vec![],
    };
    SignProposalRequest { proposal: Some(proposal), chain_id: CHAIN.into() }
}

pub fn proposal(height: i64, round: i32, which: u8, second: i64) -> Request {
    Request::proposal(CHAIN, &proposal_message(height, round, which, second)).expect("valid")
}
