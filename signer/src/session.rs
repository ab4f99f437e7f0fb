//! What one message from a node asks for. The link performs it.
//!
//! Everything that has a reply type gets a reply, also what is wrong: closing the connection costs the node up to 3.3 s of
//! consensus (spec/signer.md §3.1.5). Only what no reply fits ends the connection.

use comet::privval::{Message, PingResponse, Proposal, Sum, Vote};

use crate::{
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
    /// Reply with an error.
    Invalid(Kind, Reject),
    /// No reply fits: close.
    Unanswerable,
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
    /// CometBFT 1.0 asks to sign bytes without chain id or domain; they could be a vote.
    #[error("signing raw bytes is not allowed")]
    RawBytes,
}

/// Reads the body of one frame, on a link that serves `chain_id`.
pub fn read(chain_id: &str, body: &[u8]) -> Ask {
    let Ok(message) = Message::from_body(body) else {
        // The first byte still says what it wanted to be: field number and wire type of the oneof.
        return match body.first() {
            Some(0x0a) => Ask::Invalid(Kind::PubKey, Reject::Undecodable),
            Some(0x1a) => Ask::Invalid(Kind::Vote, Reject::Undecodable),
            Some(0x2a) => Ask::Invalid(Kind::Proposal, Reject::Undecodable),
            Some(0x4a) => Ask::Invalid(Kind::SignBytes, Reject::Undecodable),
            _ => Ask::Unanswerable,
        };
    };
    match message.sum {
        Some(Sum::PingRequest(_)) => Ask::Ping,
        Some(Sum::PubKeyRequest(asked)) => match right_chain(chain_id, &asked.chain_id) {
            Ok(()) => Ask::PubKey,
            Err(invalid) => Ask::Invalid(Kind::PubKey, invalid.into()),
        },
        Some(Sum::SignVoteRequest(asked)) => match Request::vote(chain_id, &asked) {
            Ok(request) => Ask::Vote(request, asked.vote.unwrap_or_default()),
            Err(invalid) => Ask::Invalid(Kind::Vote, invalid.into()),
        },
        Some(Sum::SignProposalRequest(asked)) => match Request::proposal(chain_id, &asked) {
            Ok(request) => Ask::Proposal(request, asked.proposal.unwrap_or_default()),
            Err(invalid) => Ask::Invalid(Kind::Proposal, invalid.into()),
        },
        Some(Sum::SignBytesRequest(_)) => Ask::Invalid(Kind::SignBytes, Reject::RawBytes),
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
            Self::RawBytes => "raw_bytes",
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
            assert_eq!(read("test-1", body), Ask::Unanswerable, "{body:02x?}");
        }
        assert_eq!(read("test-1", &[0x3a, 0x00]), Ask::Ping);
    }

    #[test]
    fn nodes_before_0_34_name_no_chain() {
        let invalid = Invalid::WrongChain { asked: String::new(), configured: "test-1".into() };
        assert_eq!(read("test-1", &[0x0a, 0x00]), Ask::Invalid(Kind::PubKey, Reject::Request(invalid)));
    }

    proptest! {
        #[test]
        fn no_body_panics(tag in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read("test-1", &body);
            let framed = [&[tag, u8::try_from(body.len() % 128).expect("small")][..], &body].concat();
            let _ = read("test-1", &framed);
        }
    }
}
