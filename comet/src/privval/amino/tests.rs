//! Vectors made by tendermint v0.33.9 itself, and what is none of its messages.

use proptest::prelude::*;

use super::*;
use crate::privval::{PRECOMMIT, PREVOTE, PROPOSAL, PartSetHeader, Proposal, Vote};

const SIGNATURE: &str = "87cd3c3a70c77080ed517dabaa34ba3f21c25e311fbd33d86e5be39d4f8109211f0f0249d3288b69e7008e298590aa60c363fec72b9a3fe4b29253210be9790a";

fn vote() -> Vote {
    let parts = PartSetHeader { total: 1, hash: vec![0xbb; 32] };
    Vote {
        r#type: PRECOMMIT,
        height: 7,
        round: 2,
        block_id: Some(BlockId { hash: vec![0xaa; 32], part_set_header: Some(parts) }),
        timestamp: Some(Timestamp { seconds: 1_700_000_000, nanos: 123_456_789 }),
        validator_address: vec![0x11; 20],
        validator_index: 5,
        ..Vote::default()
    }
}

fn nil() -> Vote {
    Vote { r#type: PREVOTE, round: 0, block_id: None, ..vote() }
}

fn proposal() -> Proposal {
    let Vote { block_id, timestamp, .. } = vote();
    Proposal {
        r#type: PROPOSAL,
        height: 12345,
        round: 1,
        pol_round: -1,
        block_id,
        timestamp,
        signature: vec![],
    }
}

fn signature() -> Vec<u8> {
    hex::decode(SIGNATURE).expect("hex")
}

fn error(code: i32, description: &str) -> Option<RemoteSignerError> {
    Some(RemoteSignerError { code, description: description.into() })
}

/// Each message, and its delimited form by `MarshalBinaryLengthPrefixed`.
fn vectors() -> Vec<(Sum, &'static str)> {
    let asked = |vote| Sum::SignVoteRequest(SignVoteRequest { vote, ..Default::default() });
    let voted = |vote, error| Sum::SignedVoteResponse(SignedVoteResponse { vote, error });
    let proposed = |proposal, error| Sum::SignedProposalResponse(SignedProposalResponse { proposal, error });
    let key = |sum| {
        Sum::PubKeyResponse(PubKeyResponse {
            pub_key: Some(PublicKey { sum: Some(sum) }),
            ..Default::default()
        })
    };
    let ed25519 = hex::decode("ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1");
    vec![
        (Sum::PubKeyRequest(PubKeyRequest::default()), "04cb94d620"),
        (
            key(PublicKeySum::Ed25519(ed25519.expect("hex"))),
            "2b170ed57c0a251624de6420ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1",
        ),
        (
            key(PublicKeySum::Secp256k1(vec![2; 33])),
            "2c170ed57c0a26eb5ae98721020202020202020202020202020202020202020202020202020202020202020202",
        ),
        (
            Sum::PubKeyResponse(PubKeyResponse { error: error(2, "no"), ..Default::default() }),
            "0c170ed57c1206080212026e6f",
        ),
        (
            asked(Some(vote())),
            "7bf3f412040a7508021007180222480a20{aa*32}122408011220{bb*32}2a0b0880e2cfaa0610959aef3a3214{11*20}3805",
        ),
        (asked(Some(nil())), "2ff3f412040a29080110072a0b0880e2cfaa0610959aef3a3214{11*20}3805"),
        (
            asked(Some(Vote { timestamp: Some(Timestamp::default()), ..nil() })),
            "22f3f412040a1c080110073214{11*20}3805",
        ),
        (asked(None), "04f3f41204"),
        (
            voted(Some(Vote { signature: signature(), ..vote() }), None),
            "be01b248a6160ab70108021007180222480a20{aa*32}122408011220{bb*32}2a0b0880e2cfaa0610959aef3a3214{11*20}38054240{signature}",
        ),
        (
            voted(None, error(0, "unable to sign vote")),
            "1bb248a61612151213756e61626c6520746f207369676e20766f7465",
        ),
        (voted(None, error(0, "")), "06b248a6161200"),
        (
            Sum::SignProposalRequest(SignProposalRequest {
                proposal: Some(proposal()),
                ..Default::default()
            }),
            "6fbde498e20a69082010b960180120ffffffffffffffffff012a480a20{aa*32}122408011220{bb*32}320b0880e2cfaa0610959aef3a",
        ),
        (
            proposed(Some(Proposal { signature: signature(), ..proposal() }), None),
            "b2014a04fb870aab01082010b960180120ffffffffffffffffff012a480a20{aa*32}122408011220{bb*32}320b0880e2cfaa0610959aef3a3a40{signature}",
        ),
        (
            proposed(None, error(0, "unable to sign proposal")),
            "1f4a04fb8712191217756e61626c6520746f207369676e2070726f706f73616c",
        ),
        (Sum::PingRequest(PingRequest {}), "041badb60d"),
        (Sum::PingResponse(PingResponse {}), "04a29a031a"),
    ]
}

#[test]
fn messages_as_go_encodes_them() {
    for (sum, vector) in vectors() {
        let vector = vector
            .replace("{aa*32}", &"aa".repeat(32))
            .replace("{bb*32}", &"bb".repeat(32))
            .replace("{11*20}", &"11".repeat(20))
            .replace("{signature}", SIGNATURE);
        let body = to_body(&sum).expect("0.33 has it");
        let mut framed = vec![];
        prost::encode_length_delimiter(body.len(), &mut framed).expect("room");
        framed.extend_from_slice(&body);
        assert_eq!(hex::encode(framed), vector, "{sum:?}");
        assert_eq!(from_body(&body), Ok(sum));
    }
}

/// The same vote with what newer lines write out in full: 0.33 would leave it out.
#[test]
fn empty_structs_are_left_out() {
    let empty = BlockId { hash: vec![], part_set_header: Some(PartSetHeader::default()) };
    let wordy = Vote {
        block_id: Some(empty),
        extension: vec![1],
        extension_signature: vec![2],
        timestamp: Some(Timestamp::default()),
        ..nil()
    };
    let plain = Vote { timestamp: None, ..nil() };
    let body = |vote| to_body(&Sum::SignVoteRequest(SignVoteRequest { vote, ..Default::default() }));
    assert_eq!(body(Some(wordy)), body(Some(plain)));
}

#[test]
fn what_0_33_does_not_say_is_refused() {
    let vote_with = |fields: &[u8]| {
        let vote = [&[0x08, 0x01, 0x10, 0x07][..], fields].concat();
        let length = u8::try_from(vote.len()).expect("short");
        from_body(&[&[0xf3, 0xf4, 0x12, 0x04, 0x0a, length][..], &vote].concat())
    };
    assert!(vote_with(&[]).is_ok());
    let malformed = Err(AminoError::Malformed(Type::SignVoteRequest));
    for (why, fields) in [
        ("a round above 32 bits, which would be cut to 5", &[0x18, 0x85, 0x80, 0x80, 0x80, 0x10][..]),
        ("a vote extension", &[0x4a, 0x01, 0x00]),
        ("an unknown field", &[0x78, 0x01]),
        ("a zero written out", &[0x18, 0x00]),
        ("fields out of order", &[0x18, 0x01, 0x08, 0x02]),
        ("an empty block id written out", &[0x22, 0x00]),
        ("an overlong varint", &[0x18, 0x81, 0x00]),
        ("a cut-off field", &[0x32, 0x14, 0x11]),
    ] {
        assert_eq!(vote_with(fields), malformed, "{why}");
    }
    assert_eq!(
        from_body(&[0xcb, 0x94, 0xd6, 0x20, 0x0a, 0x00]),
        Err(AminoError::Malformed(Type::PubKeyRequest))
    );
    for none in [&[][..], &[0xcb, 0x94, 0xd6], &[0x0a, 0x00, 0x00, 0x00], &[0; 8]] {
        assert_eq!(from_body(none), Err(AminoError::UnknownType), "{none:02x?}");
    }
}

proptest! {
    #[test]
    fn a_body_that_is_read_is_written_alike(r#type in 0usize..8, body in prop::collection::vec(any::<u8>(), 0..60)) {
        let body = [&Type::ALL[r#type].prefix()[..], &body].concat();
        if let Ok(sum) = from_body(&body) {
            prop_assert_eq!(to_body(&sum), Some(body));
        }
    }
}
