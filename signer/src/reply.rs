//! From an answer to the message that a node understands (spec/signer.md §3.2, §3.8).
//!
//! A refusal is an error inside the reply of the same type; `error` is absent on success, since its mere presence means
//! failure. Nodes copy signature, timestamp and extension signature and nothing else; the other fields are echoed for
//! whoever checks the whole vote. The extension is never echoed: nodes before 0.40 read 10,240 bytes at most.

use comet::{
    consensus::{PublicKey, Signature},
    privval::{
        BlockId, PartSetHeader, Proposal, PubKeyResponse, RemoteSignerError, SignBytesResponse,
        SignedProposalResponse, SignedVoteResponse, Sum, Timestamp, Vote,
    },
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
pub fn pub_key(public_key: &PublicKey) -> Sum {
    Sum::PubKeyResponse(PubKeyResponse::of(public_key))
}

/// A signed vote.
pub fn signed_vote(mut vote: Vote, signed: &Signed) -> Sum {
    vote.extension = Vec::new();
    vote.validator_address.truncate(20);
    vote.timestamp = Some(signed.timestamp);
    vote.signature = (&signed.signature).into();
    vote.extension_signature = signed.extension_signature.as_ref().map(Into::into).unwrap_or_default();
    Sum::SignedVoteResponse(SignedVoteResponse { vote: Some(vote), error: None })
}

/// A signed proposal.
pub fn signed_proposal(mut proposal: Proposal, signed: &Signed) -> Sum {
    proposal.timestamp = Some(signed.timestamp);
    proposal.signature = (&signed.signature).into();
    Sum::SignedProposalResponse(SignedProposalResponse { proposal: Some(proposal), error: None })
}

/// A signature over raw bytes.
pub fn signed_bytes(signature: &Signature) -> Sum {
    Sum::SignBytesResponse(SignBytesResponse { signature: signature.into(), error: None })
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

#[cfg(test)]
mod tests {
    use super::*;
    use comet::{
        consensus::KeyType,
        frame::{self, MAX_TO_NODE},
        privval::Message,
    };

    const TIMESTAMP: Timestamp = Timestamp { seconds: 7, nanos: 8 };

    fn signed(size: usize) -> Signed {
        Signed {
            signature: vec![1; size].into(),
            timestamp: TIMESTAMP,
            sign_bytes: Vec::new(),
            extension_signature: Some(vec![2; size].into()),
            repeat: true,
        }
    }

    #[test]
    fn a_refusal_is_the_reference_signer_s() {
        // spec/signer.md §3.5, made with cometbft v0.38.17.
        let message = Message::of(refusal(Kind::Vote, "unable to sign vote", false));
        assert_eq!(
            hex::encode(frame::encode(&message)),
            "2c222a0a11220212002a0b088092b8c398feffffff0112151213756e61626c6520746f207369676e20766f7465"
        );
    }

    #[test]
    fn no_reply_is_too_long_for_an_old_node() {
        let vote = Vote {
            extension: vec![1; 1 << 20],
            validator_address: vec![1; 1 << 20],
            signature: vec![1; 1 << 20],
            extension_signature: vec![1; 1 << 20],
            ..Vote::default()
        };
        // ML-DSA's, twice.
        let largest = KeyType::ALL.map(KeyType::signature_size).into_iter().max().expect("some");
        let long = "\u{1f600}".repeat(10_000);
        for sum in [signed_vote(vote, &signed(largest)), refusal(Kind::PubKey, &long, true)] {
            let length = frame::encode(&Message::of(sum)).len();
            assert!(length < MAX_TO_NODE * 3 / 4, "{length}");
        }
    }

    #[test]
    fn a_vote_carries_the_signed_timestamp_and_no_extension() {
        let asked = Vote {
            height: 5,
            timestamp: Some(Timestamp::GO_ZERO),
            extension: vec![1],
            extension_signature: vec![9],
            ..Vote::default()
        };
        let Sum::SignedVoteResponse(answer) = signed_vote(asked.clone(), &signed(64)) else {
            panic!("other reply")
        };
        let vote = answer.vote.expect("there");
        assert_eq!((vote.height, vote.timestamp, vote.signature.len()), (5, Some(TIMESTAMP), 64));
        assert_eq!((vote.extension.len(), vote.extension_signature), (0, vec![2; 64]));
        assert_eq!(answer.error, None);
        // What the node put into the signature fields is never echoed.
        let signed = Signed { extension_signature: None, ..signed(64) };
        let Sum::SignedVoteResponse(answer) = signed_vote(asked, &signed) else { panic!("other reply") };
        assert!(answer.vote.expect("there").extension_signature.is_empty());
    }
}
