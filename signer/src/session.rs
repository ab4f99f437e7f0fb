//! What one message from a node asks for. The link performs it.
//!
//! Everything that has a reply type gets a reply, also what is wrong: closing the connection costs the node up to 3.3 s of
//! consensus (spec/signer.md §3.1.5). Only what no reply fits ends the connection.

use comet::{
    frame,
    privval::{
        Message, PingResponse, Proposal, SignBytesRequest, Sum, Vote,
        amino::{self, AminoError},
    },
    secret::Dialect,
};

use crate::{
    raw_bytes::RawRefusal,
    reply::{self, Kind},
    request::{Invalid, Request, right_chain},
};

/// What to do with a message.
#[derive(Debug, PartialEq)]
pub enum Ask {
    /// Answer at once.
    Ping,
    /// Name the key.
    PubKey,
    /// Put to the keeper; the vote is what the reply echoes.
    Vote(Request, Vote),
    /// Put to the keeper; the proposal is what the reply echoes.
    Proposal(Request, Proposal),
    /// Raw bytes: only the chain's own settings can allow them.
    SignBytes(SignBytesRequest),
    /// Reply with an error.
    Invalid(Kind, Reject),
    /// No reply fits: close.
    Unanswerable,
    /// A message of the other dialect: close, and say so.
    OtherDialect,
}

/// Why a message gets an error without being judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The request is not valid.
    #[error(transparent)]
    Request(#[from] Invalid),
    /// The frame is good, its content is not.
    #[error("message cannot be decoded")]
    Undecodable,
    /// Raw bytes that the chain does not allow.
    #[error(transparent)]
    RawBytes(#[from] RawRefusal),
}

/// Reads the body of one frame, on a link that serves `chain_id` to a node that speaks `dialect`.
pub fn read(dialect: Dialect, chain_id: &str, body: &[u8]) -> Ask {
    match dialect {
        Dialect::Proto => read_proto(chain_id, body),
        Dialect::Amino => read_amino(chain_id, body),
    }
}

/// A reply as the node reads it.
pub fn write(dialect: Dialect, reply: Sum) -> Vec<u8> {
    match dialect {
        Dialect::Proto => frame::encode(&Message::of(reply)),
        Dialect::Amino => {
            let body = amino::to_body(&reply).or_else(|| {
                let without =
                    reply::refusal(Kind::PubKey, "Tendermint 0.33 knows no keys of this type", false);
                amino::to_body(&without)
            });
            frame::delimited(&body.expect("a refusal has a form in amino"))
        }
    }
}

fn read_proto(chain_id: &str, body: &[u8]) -> Ask {
    let Ok(message) = Message::from_body(body) else {
        if amino::from_body(body) != Err(AminoError::UnknownType) {
            return Ask::OtherDialect;
        }
        // The first byte still says what it wanted to be: field number and wire type of the oneof.
        return match body.first() {
            Some(0x0a) => Ask::Invalid(Kind::PubKey, Reject::Undecodable),
            Some(0x1a) => Ask::Invalid(Kind::Vote, Reject::Undecodable),
            Some(0x2a) => Ask::Invalid(Kind::Proposal, Reject::Undecodable),
            Some(0x4a) => Ask::Invalid(Kind::SignBytes, Reject::Undecodable),
            _ => Ask::Unanswerable,
        };
    };
    judge(Dialect::Proto, chain_id, message.sum)
}

fn read_amino(chain_id: &str, body: &[u8]) -> Ask {
    match amino::from_body(body) {
        Ok(sum) => judge(Dialect::Amino, chain_id, Some(sum)),
        Err(AminoError::Malformed(amino::Type::PubKeyRequest)) => {
            Ask::Invalid(Kind::PubKey, Reject::Undecodable)
        }
        Err(AminoError::Malformed(amino::Type::SignVoteRequest)) => {
            Ask::Invalid(Kind::Vote, Reject::Undecodable)
        }
        Err(AminoError::Malformed(amino::Type::SignProposalRequest)) => {
            Ask::Invalid(Kind::Proposal, Reject::Undecodable)
        }
        Err(AminoError::UnknownType)
            if Message::from_body(body).is_ok_and(|message| message.sum.is_some()) =>
        {
            Ask::OtherDialect
        }
        Err(AminoError::Malformed(_) | AminoError::UnknownType) => Ask::Unanswerable,
    }
}

fn judge(dialect: Dialect, chain_id: &str, asked: Option<Sum>) -> Ask {
    match asked {
        // Tendermint 0.33 does not say for which chain it asks.
        Some(Sum::PubKeyRequest(_)) if dialect == Dialect::Amino => Ask::PubKey,
        Some(Sum::PingRequest(_)) => Ask::Ping,
        Some(Sum::PubKeyRequest(asked)) => match right_chain(chain_id, &asked.chain_id) {
            Ok(()) => Ask::PubKey,
            Err(invalid) => Ask::Invalid(Kind::PubKey, invalid.into()),
        },
        Some(Sum::SignVoteRequest(asked)) => match Request::vote_in(dialect, chain_id, &asked) {
            Ok(request) => Ask::Vote(request, asked.vote.unwrap_or_default()),
            Err(invalid) => Ask::Invalid(Kind::Vote, invalid.into()),
        },
        Some(Sum::SignProposalRequest(asked)) => match Request::proposal_in(dialect, chain_id, &asked) {
            Ok(request) => Ask::Proposal(request, asked.proposal.unwrap_or_default()),
            Err(invalid) => Ask::Invalid(Kind::Proposal, invalid.into()),
        },
        Some(Sum::SignBytesRequest(asked)) => Ask::SignBytes(asked),
        Some(
            Sum::PubKeyResponse(_)
            | Sum::SignedVoteResponse(_)
            | Sum::SignedProposalResponse(_)
            | Sum::PingResponse(_)
            | Sum::SignBytesResponse(_),
        )
        | None => Ask::Unanswerable,
    }
}

/// The reply to a ping.
pub fn pong() -> Sum {
    Sum::PingResponse(PingResponse {})
}

/// The reply to what could not be judged.
pub fn rejection(kind: Kind, reject: &Reject) -> Sum {
    reply::refusal(kind, &reject.to_string(), false)
}

// === impl Reject ===

impl Reject {
    /// Label value of the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Request(invalid) => invalid.name(),
            Self::Undecodable => "undecodable",
            Self::RawBytes(refusal) => refusal.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_no_reply_fits() {
        for body in [&[][..], &[0x42, 0x00], &[0x12, 0x00], &[0x7a, 0x00], &[0xff]] {
            assert_eq!(read(Dialect::Proto, "test-1", body), Ask::Unanswerable, "{body:02x?}");
        }
        assert_eq!(read(Dialect::Proto, "test-1", &[0x3a, 0x00]), Ask::Ping);
    }

    #[test]
    fn nodes_before_0_34_name_no_chain() {
        let invalid = Invalid::WrongChain { asked: String::new(), configured: "test-1".into() };
        assert_eq!(
            read(Dialect::Proto, "test-1", &[0x0a, 0x00]),
            Ask::Invalid(Kind::PubKey, Reject::Request(invalid))
        );
    }

    fn amino_body(sum: &Sum) -> Vec<u8> {
        amino::to_body(sum).expect("0.33 has it")
    }

    #[test]
    fn tendermint_0_33_is_served_without_a_chain_id() {
        use comet::privval::{PREVOTE, PubKeyRequest, SignVoteRequest, Timestamp};
        let ask = |sum| read(Dialect::Amino, "test-1", &amino_body(&sum));
        assert_eq!(ask(Sum::PubKeyRequest(PubKeyRequest::default())), Ask::PubKey);
        assert_eq!(ask(Sum::PingRequest(comet::privval::PingRequest {})), Ask::Ping);
        let vote =
            Vote { r#type: PREVOTE, height: 7, timestamp: Some(Timestamp::default()), ..Vote::default() };
        let request = SignVoteRequest { vote: Some(vote.clone()), ..Default::default() };
        let Ask::Vote(request, echo) = ask(Sum::SignVoteRequest(request)) else { panic!("not a vote") };
        assert_eq!(request.sign_bytes(), comet::canonical::amino::vote("test-1", &vote));
        assert_eq!(echo, vote);
        let absent = Sum::SignVoteRequest(SignVoteRequest::default());
        assert_eq!(ask(absent), Ask::Invalid(Kind::Vote, Invalid::UnknownType(0).into()));
    }

    #[test]
    fn the_other_dialect_is_named() {
        let amino = amino_body(&Sum::PubKeyRequest(comet::privval::PubKeyRequest::default()));
        assert_eq!(read(Dialect::Proto, "test-1", &amino), Ask::OtherDialect);
        assert_eq!(read(Dialect::Amino, "test-1", &[0x0a, 0x00]), Ask::OtherDialect);
        assert_eq!(read(Dialect::Amino, "test-1", &[0xff]), Ask::Unanswerable);
        let cut_off = [&amino::Type::SignVoteRequest.prefix()[..], &[0x0a]].concat();
        assert_eq!(read(Dialect::Amino, "test-1", &cut_off), Ask::Invalid(Kind::Vote, Reject::Undecodable));
    }

    #[test]
    fn replies_that_0_33_reads() {
        let framed = write(Dialect::Amino, reply::refusal(Kind::Vote, "unable to sign vote", false));
        // Made by tendermint v0.33.9: SignedVoteResponse{nil, &RemoteSignerError{0, …}}.
        assert_eq!(hex::encode(framed), "1bb248a61612151213756e61626c6520746f207369676e20766f7465");
        let bls =
            comet::privval::PublicKey { sum: Some(comet::privval::PublicKeySum::Bls12381(vec![1; 96])) };
        let answer = comet::privval::PubKeyResponse { pub_key: Some(bls), ..Default::default() };
        let framed = write(Dialect::Amino, Sum::PubKeyResponse(answer));
        let Ok(Sum::PubKeyResponse(answer)) = amino::from_body(&framed[1..]) else { panic!("other reply") };
        assert!(answer.error.is_some() && answer.pub_key.is_none());
    }

    proptest! {
        #[test]
        fn no_body_panics(tag in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (read(Dialect::Proto, "test-1", &body), read(Dialect::Amino, "test-1", &body));
            let framed = [&[tag, u8::try_from(body.len() % 128).expect("small")][..], &body].concat();
            let _ = read(Dialect::Proto, "test-1", &framed);
        }
    }
}
