//! Golden vectors of the privval messages.

use super::*;

// Golden vectors of spec/signer.md §3.5, made with cometbft v0.38.17.
#[test]
fn pub_key_request_as_go_encodes_it() {
    let message = Message::of(Sum::PubKeyRequest(PubKeyRequest { chain_id: "test-1".into() }));
    assert_eq!(hex::encode(message.encode_length_delimited_to_vec()), "0a0a080a06746573742d31");
}

#[test]
fn ping_response_as_go_encodes_it() {
    let message = Message::of(Sum::PingResponse(PingResponse {}));
    assert_eq!(hex::encode(message.encode_length_delimited_to_vec()), "024200");
}

#[test]
fn refused_vote_as_go_encodes_it() {
    let vote = Vote {
        block_id: Some(BlockId { hash: vec![], part_set_header: Some(PartSetHeader::default()) }),
        timestamp: Some(Timestamp::GO_ZERO),
        ..Vote::default()
    };
    let error = RemoteSignerError { code: 0, description: "unable to sign vote".into() };
    let message =
        Message::of(Sum::SignedVoteResponse(SignedVoteResponse { vote: Some(vote), error: Some(error) }));
    assert_eq!(
        hex::encode(message.encode_length_delimited_to_vec()),
        "2c222a0a11220212002a0b088092b8c398feffffff0112151213756e61626c6520746f207369676e20766f7465"
    );
}

#[test]
fn an_empty_error_is_still_an_error() {
    // Presence decides, even with no content (spec/signer.md §3.8).
    let message = Message::from_body(&[0x22, 0x02, 0x12, 0x00]).expect("decodes");
    let Some(Sum::SignedVoteResponse(answer)) = message.sum else { panic!("wrong type") };
    assert!(answer.error.is_some());
}

#[test]
fn unknown_oneof_is_none() {
    assert_eq!(Message::from_body(&[0x7a, 0x00]).expect("decodes").sum, None);
}
