//! Validation in the order of spec/signer.md §3.6: each case breaks one rule and every later one, and the first must answer.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;

use comet::privval::{
    BlockId, PRECOMMIT, PREVOTE, PartSetHeader, SignProposalRequest, SignVoteRequest, Timestamp, Vote,
};
use palisade_signer::request::{Invalid, MAX_EXTENSION, Request};
use requests::{CHAIN, block, proposal_message, vote};

fn name(result: Result<Request, Invalid>) -> &'static str {
    result.map_or_else(|invalid| invalid.name(), |_| "valid")
}

fn of(vote: Vote) -> &'static str {
    name(Request::vote(
        CHAIN,
        &SignVoteRequest { vote: Some(vote), chain_id: CHAIN.into(), ..Default::default() },
    ))
}

#[test]
fn votes_break_one_rule_at_a_time_in_order() {
    // Everything is wrong; then one thing after another is put right.
    let partial = Some(BlockId { hash: vec![1; 32], part_set_header: None });
    let mut all_wrong = SignVoteRequest {
        vote: Some(Vote {
            r#type: 0,
            height: 0,
            round: -1,
            block_id: partial,
            timestamp: None,
            extension: vec![1; MAX_EXTENSION + 1],
            ..Vote::default()
        }),
        chain_id: "other-1".into(),
        skip_extension_signing: false,
    };
    let said = |message: &SignVoteRequest| name(Request::vote(CHAIN, message));
    assert_eq!(said(&all_wrong), "wrong_chain");
    all_wrong.chain_id = CHAIN.into();
    assert_eq!(said(&all_wrong), "unknown_type");
    let mut vote = all_wrong.vote.expect("there");
    vote.r#type = PREVOTE;
    assert_eq!(of(vote.clone()), "bad_height");
    vote.height = 1;
    assert_eq!(of(vote.clone()), "bad_round");
    vote.round = 0;
    assert_eq!(of(vote.clone()), "partial_block_id");
    vote.block_id = block(1);
    assert_eq!(of(vote.clone()), "bad_timestamp");
    vote.timestamp = Some(Timestamp { seconds: 0, nanos: 0 });
    assert_eq!(of(vote.clone()), "unexpected_extension");
    vote.r#type = PRECOMMIT;
    assert_eq!(of(vote.clone()), "extension_too_large");
    vote.extension.truncate(MAX_EXTENSION);
    assert_eq!(of(vote), "valid");
}

#[test]
fn types_of_votes() {
    for (r#type, expect) in
        [(0, "unknown_type"), (1, "valid"), (2, "valid"), (3, "unknown_type"), (32, "unknown_type")]
    {
        assert_eq!(name(Request::vote(CHAIN, &vote(r#type, 1, 0, 1, 0))), expect, "{type}");
    }
    let none = SignVoteRequest { chain_id: CHAIN.into(), ..Default::default() };
    assert_eq!(name(Request::vote(CHAIN, &none)), "unknown_type");
}

#[test]
fn block_ids_are_nil_or_complete() {
    let parts = |total, length| Some(PartSetHeader { total, hash: vec![1; length] });
    let id = |hash: usize, part_set_header| Some(BlockId { hash: vec![1; hash], part_set_header });
    for (block_id, expect) in [
        (None, "valid"),
        (id(0, None), "valid"),
        (id(0, parts(0, 0)), "valid"),
        (id(32, parts(1, 32)), "valid"),
        (id(32, None), "partial_block_id"),
        (id(32, parts(0, 32)), "partial_block_id"),
        (id(32, parts(1, 0)), "partial_block_id"),
        (id(32, parts(1, 31)), "partial_block_id"),
        (id(31, parts(1, 32)), "partial_block_id"),
        (id(33, parts(1, 32)), "partial_block_id"),
        (id(0, parts(1, 0)), "partial_block_id"),
        (id(0, parts(0, 32)), "partial_block_id"),
    ] {
        let base = vote(PREVOTE, 1, 0, 1, 0).vote.expect("there");
        assert_eq!(of(Vote { block_id: block_id.clone(), ..base }), expect, "{block_id:?}");
    }
}

#[test]
fn timestamps_that_go_can_hold() {
    for (seconds, nanos, expect) in [
        (-62_135_596_800, 0, "valid"),
        (-62_135_596_801, 0, "bad_timestamp"),
        (253_402_300_799, 999_999_999, "valid"),
        (253_402_300_800, 0, "bad_timestamp"),
        (0, 1_000_000_000, "bad_timestamp"),
        (0, -1, "bad_timestamp"),
    ] {
        let base = vote(PREVOTE, 1, 0, 1, 0).vote.expect("there");
        assert_eq!(
            of(Vote { timestamp: Some(Timestamp { seconds, nanos }), ..base }),
            expect,
            "{seconds}.{nanos}"
        );
    }
}

#[test]
fn extensions_are_signed_on_precommits_for_a_block_only() {
    let signs = |message: &SignVoteRequest| {
        Request::vote(CHAIN, message).expect("valid").extension_sign_bytes().is_some()
    };
    assert!(signs(&vote(PRECOMMIT, 7, 2, 1, 0)), "also when empty");
    assert!(!signs(&vote(PRECOMMIT, 7, 2, 0, 0)), "nil");
    assert!(!signs(&vote(PREVOTE, 7, 2, 1, 0)));
    assert!(!signs(&SignVoteRequest { skip_extension_signing: true, ..vote(PRECOMMIT, 7, 2, 1, 0) }));
    // On nil an extension is not merely ignored: FilePV refuses it too.
    let mut nil = vote(PRECOMMIT, 7, 2, 0, 0).vote.expect("there");
    nil.extension = vec![1];
    assert_eq!(of(nil), "unexpected_extension");
}

#[test]
fn proposals() {
    let base = || proposal_message(5, 2, 1, 0).proposal.expect("there");
    let of = |proposal| {
        name(Request::proposal(
            CHAIN,
            &SignProposalRequest { proposal: Some(proposal), chain_id: CHAIN.into() },
        ))
    };
    assert_eq!(of(base()), "valid");
    for (pol_round, expect) in [
        (-2, "bad_pol_round"),
        (-1, "valid"),
        (0, "valid"),
        (1, "valid"),
        (2, "bad_pol_round"),
        (3, "bad_pol_round"),
    ] {
        assert_eq!(of(comet::privval::Proposal { pol_round, ..base() }), expect, "{pol_round}");
    }
    assert_eq!(of(comet::privval::Proposal { block_id: None, ..base() }), "partial_block_id");
    assert_eq!(of(comet::privval::Proposal { r#type: 1, ..base() }), "unknown_type");
    assert_eq!(of(comet::privval::Proposal { height: -1, ..base() }), "bad_height");
    assert_eq!(of(comet::privval::Proposal { timestamp: None, ..base() }), "bad_timestamp");
    let other = SignProposalRequest { chain_id: String::new(), ..proposal_message(5, 2, 1, 0) };
    assert_eq!(name(Request::proposal(CHAIN, &other)), "wrong_chain");
}

#[test]
fn longest_sign_bytes_fit_a_record() {
    let chain = "c".repeat(50);
    let mut message = proposal_message(i64::MAX, i32::MAX, 255, 0);
    message.chain_id.clone_from(&chain);
    let proposal = message.proposal.as_mut().expect("there");
    proposal.timestamp = Some(Timestamp { seconds: -62_135_596_800, nanos: 999_999_999 });
    proposal.block_id.as_mut().expect("there").part_set_header.as_mut().expect("there").total = u32::MAX;
    let request = Request::proposal(&chain, &message).expect("valid");
    assert!(
        request.sign_bytes().len() <= palisade_signer::mark::MAX_SIGN_BYTES,
        "{}",
        request.sign_bytes().len()
    );
    assert_eq!(request.sign_bytes().len(), 182);
}
