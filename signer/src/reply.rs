//! From an answer to the message that a node understands (spec/signer.md §3.2, §3.8).
//!
//! A refusal is an error inside the reply of the same type; `error` is absent on success, since its mere presence means
//! failure. Nodes copy signature, timestamp and extension signature and nothing else; the other fields are echoed for
//! whoever checks the whole vote. The extension is never echoed: nodes before 0.40 read 10,240 bytes at most.

use comet::privval::{
    BlockId, PartSetHeader, Proposal, PubKeyResponse, RemoteSignerError, SignBytesResponse,
    SignedProposalResponse, SignedVoteResponse, Sum, Timestamp, Vote,
};

use crate::keeper::Signed;

/// Error code of the reference signer. Nodes print it and do nothing else with it.
const CODE: i32 = 0;
/// Error code that tmkms uses for double signs; people grep for it.
const CODE_DOUBLE_SIGN: i32 = 2;
/// Longest description sent.
const MAX_DESCRIPTION: usize = 512;

/// Which reply a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `PubKeyResponse`.
    PubKey,
    /// `SignedVoteResponse`.
    Vote,
    /// `SignedProposalResponse`.
    Proposal,
    /// `SignBytesResponse`.
    SignBytes,
}

/// The key, in both dialects at once.
pub fn pub_key(public_key: [u8; 32]) -> Sum {
    Sum::PubKeyResponse(PubKeyResponse::ed25519(public_key))
}

/// A signed vote.
pub fn signed_vote(mut vote: Vote, signed: &Signed) -> Sum {
    vote.extension = Vec::new();
    vote.validator_address.truncate(20);
    vote.timestamp = Some(signed.timestamp);
    vote.signature = signed.signature.into();
    vote.extension_signature = signed.extension_signature.map(Into::into).unwrap_or_default();
    Sum::SignedVoteResponse(SignedVoteResponse { vote: Some(vote), error: None })
}

/// A signed proposal.
pub fn signed_proposal(mut proposal: Proposal, signed: &Signed) -> Sum {
    proposal.timestamp = Some(signed.timestamp);
    proposal.signature = signed.signature.into();
    Sum::SignedProposalResponse(SignedProposalResponse { proposal: Some(proposal), error: None })
}

/// A refusal. `double_sign` picks the code.
pub fn refusal(kind: Kind, description: &str, double_sign: bool) -> Sum {
    let code = if double_sign { CODE_DOUBLE_SIGN } else { CODE };
    let end = (0..=MAX_DESCRIPTION).rev().find(|end| description.is_char_boundary(*end)).unwrap_or(0);
    let description = description.get(..end).unwrap_or(description).into();
    let error = Some(RemoteSignerError { code, description });
    // Beside an error the reference signer sends the empty vote or proposal of Go, which is not quite empty.
    let block_id = Some(BlockId { hash: vec![], part_set_header: Some(PartSetHeader::default()) });
    let timestamp = Some(Timestamp::GO_ZERO);
    match kind {
        Kind::PubKey => Sum::PubKeyResponse(PubKeyResponse { error, ..Default::default() }),
        Kind::Vote => {
            let vote = Some(Vote { block_id, timestamp, ..Vote::default() });
            Sum::SignedVoteResponse(SignedVoteResponse { vote, error })
        }
        Kind::Proposal => {
            let proposal = Some(Proposal { block_id, timestamp, ..Proposal::default() });
            Sum::SignedProposalResponse(SignedProposalResponse { proposal, error })
        }
        Kind::SignBytes => Sum::SignBytesResponse(SignBytesResponse { signature: vec![], error }),
    }
}
