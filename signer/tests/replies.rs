//! No reply is longer than what a node before 0.40 reads, whatever was asked: 10,240 bytes (spec/signer.md §3.3).
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;

use std::sync::LazyLock;

use comet::{
    canonical,
    consensus::{KeyType, PublicKey, SecretKey},
    frame::{self, MAX_TO_NODE},
    privval::{
        Message, PRECOMMIT, PubKeyRequest, SignBytesRequest, SignProposalRequest, SignVoteRequest, Sum,
        Timestamp,
    },
    secret::Dialect,
};
use palisade_signer::{
    guard::{self, Verdict},
    keeper::Signed,
    mark::{Hrs, Mark},
    raw_bytes::RawBytes,
    reply::{self, Kind},
    request::{MAX_EXTENSION, Request},
    session::{self, Ask, Reject},
};
use proptest::prelude::*;
use rand_core::OsRng;
use requests::{CHAIN, block, proposal_message, vote};

/// With the largest signatures that there are, ML-DSA's.
fn signed() -> Signed {
    let size = KeyType::ALL.map(KeyType::signature_size).into_iter().max().unwrap();
    Signed {
        signature: vec![1; size].into(),
        timestamp: Timestamp { seconds: i64::MIN, nanos: i32::MIN },
        sign_bytes: Vec::new(),
        extension_signature: Some(vec![2; size].into()),
        repeat: false,
    }
}

/// The largest public key that there is.
fn public_key() -> &'static PublicKey {
    static KEY: LazyLock<PublicKey> =
        LazyLock::new(|| SecretKey::generate(KeyType::MlDsa65, &mut OsRng).public().clone());
    &KEY
}

/// Everything that may be said to a message.
fn replies(asked: Sum) -> Vec<Sum> {
    // The mark of another block at the highest place there is: most requests are refused, with the longest numbers.
    let refusal = |request: &Request| {
        let sign_bytes = canonical::vote(CHAIN, vote(PRECOMMIT, 1, 0, 9, 0).vote.as_ref().unwrap());
        let at = Mark { hrs: request.hrs(), sign_bytes };
        let above = Mark::floor(Hrs::whole_height(i64::MAX));
        [at, above].map(|mark| match guard::check(&mark, request) {
            Verdict::Refuse(refusal) => refusal.to_string(),
            other => format!("{other:?}"),
        })
    };
    let mut frames = frame::Decoder::new(frame::MAX_FROM_NODE * 4);
    frames.push(&frame::encode(&Message::of(asked)));
    match session::read(Dialect::Proto, CHAIN, frames.next().unwrap().unwrap()) {
        Ask::Ping => vec![session::pong()],
        Ask::PubKey => vec![reply::pub_key(public_key())],
        Ask::Vote(request, vote) => {
            let refused = refusal(&request).map(|text| reply::refusal(Kind::Vote, &text, true));
            [reply::signed_vote(vote, &signed())].into_iter().chain(refused).collect()
        }
        Ask::Proposal(request, proposal) => {
            let refused = refusal(&request).map(|text| reply::refusal(Kind::Proposal, &text, true));
            [reply::signed_proposal(proposal, &signed())].into_iter().chain(refused).collect()
        }
        Ask::SignBytes(asked) => {
            let refused = RawBytes::Refused.judge(CHAIN, &asked).unwrap_err();
            let rejected = session::rejection(Kind::SignBytes, &Reject::RawBytes(refused));
            vec![rejected, reply::signed_bytes(&signed().signature)]
        }
        Ask::Invalid(kind, reject) => vec![session::rejection(kind, &reject)],
        Ask::Unanswerable | Ask::OtherDialect => vec![],
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Mostly what nodes send, sometimes as much as a frame takes.
    prop_oneof![3 => Just(vec![]), 3 => Just(vec![1; 20]), 2 => (0..MAX_EXTENSION).prop_map(|length| vec![0xff; length])]
}

fn chain_id() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(CHAIN.to_owned()), 1 => "\\PC{0,4000}", 1 => Just("\u{1f600}".repeat(100_000))]
}

prop_compose! {
    fn any_request()(
        kind in 0..4, chain_id in chain_id(),
        r#type in prop_oneof![8 => 1..3i32, 1 => any::<i32>()],
        height in prop_oneof![Just(i64::MAX), any::<i64>()], round in prop_oneof![Just(i32::MAX), any::<i32>()],
        which in 0..3u8, skip_extension_signing in any::<bool>(),
        fields in prop::array::uniform4(bytes()), validator_index in any::<i32>(), hash in bytes(),
    ) -> Sum {
        let [address, signature, extension, extension_signature] = fields;
        let mut block_id = block(which);
        // One block id in three is not what it should be.
        if let Some(block_id) = block_id.as_mut().filter(|_| which == 2) {
            block_id.hash = hash;
        }
        match kind {
            0 => Sum::PubKeyRequest(PubKeyRequest { chain_id }),
            1 => {
                let mut vote = vote(r#type, height, round, which, 0).vote.unwrap();
                (vote.block_id, vote.validator_address, vote.validator_index) = (block_id, address, validator_index);
                (vote.signature, vote.extension, vote.extension_signature) = (signature, extension, extension_signature);
                Sum::SignVoteRequest(SignVoteRequest { vote: Some(vote), chain_id, skip_extension_signing })
            }
            2 => {
                let mut proposal = proposal_message(height, round, which, 0).proposal.unwrap();
                (proposal.block_id, proposal.signature) = (block_id, signature);
                Sum::SignProposalRequest(SignProposalRequest { proposal: Some(proposal), chain_id })
            }
            _ => Sum::SignBytesRequest(SignBytesRequest { value: address, raw_bytes: signature, unique_id: chain_id }),
        }
    }
}

proptest! {
    #[test]
    fn every_reply_is_short_enough(asked in any_request()) {
        let replies = replies(asked);
        prop_assert!(!replies.is_empty());
        for reply in replies {
            let length = frame::encode(&Message::of(reply)).len();
            prop_assert!(length < MAX_TO_NODE, "{length}");
        }
    }
}

#[test]
fn extensions_of_nothing_and_of_a_mebibyte() {
    for length in [0, 1, MAX_EXTENSION] {
        let mut asked = vote(PRECOMMIT, 7, 2, 1, 0);
        asked.vote.as_mut().unwrap().extension = vec![0xab; length];
        let request = Request::vote(CHAIN, &asked).unwrap();
        let expected = canonical::extension(CHAIN, 7, 2, &vec![0xab; length]);
        assert_eq!(request.extension_sign_bytes(), Some(expected.as_slice()), "{length}");
        for reply in replies(Sum::SignVoteRequest(asked)) {
            assert!(frame::encode(&Message::of(reply)).len() < 7_500);
        }
    }
}
