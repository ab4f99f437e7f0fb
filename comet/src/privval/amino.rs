//! The remote signer protocol of Tendermint 0.33: the same messages in amino (`privval/messages.go`, go-amino v0.14).
//!
//! Amino wrote a protobuf without a schema: field by field the messages are those of 0.34, behind four bytes that name the
//! type. What differs is that requests have no chain id, that keys carry a name of their own, and that empty structs are
//! left out, the time of 1970-01-01 among them. So the structs of [`crate::privval`] serve here too.
//!
//! Amino has exactly one encoding for a value. A body that is not what we would write ourselves holds something that was not
//! understood (a round above 32 bits, an unknown field) and is refused.

use prost::Message as _;
use thiserror::Error;

use super::{
    BlockId, PingRequest, PingResponse, PubKeyRequest, PubKeyResponse, PublicKey, PublicKeySum,
    RemoteSignerError, SignProposalRequest, SignVoteRequest, SignedProposalResponse, SignedVoteResponse, Sum,
    Timestamp,
};

/// The messages by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `tendermint/remotesigner/PubKeyRequest`
    PubKeyRequest,
    /// `tendermint/remotesigner/PubKeyResponse`
    PubKeyResponse,
    /// `tendermint/remotesigner/SignVoteRequest`
    SignVoteRequest,
    /// `tendermint/remotesigner/SignedVoteResponse`
    SignedVoteResponse,
    /// `tendermint/remotesigner/SignProposalRequest`
    SignProposalRequest,
    /// `tendermint/remotesigner/SignedProposalResponse`
    SignedProposalResponse,
    /// `tendermint/remotesigner/PingRequest`
    PingRequest,
    /// `tendermint/remotesigner/PingResponse`
    PingResponse,
}

/// Why a body is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AminoError {
    /// The first four bytes name nothing that we know.
    #[error("no message of the remote signer protocol of 0.33")]
    UnknownType,
    /// The type is known, what follows is not what such a message holds.
    #[error("{0:?} is malformed")]
    Malformed(Type),
}

/// `PubKeyResponse` with the key as amino writes it.
#[derive(Clone, PartialEq, prost::Message)]
struct AminoPubKeyResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub_key: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    error: Option<RemoteSignerError>,
}

/// `tendermint/PubKeyEd25519` and its length.
const ED25519: [u8; 5] = [0x16, 0x24, 0xde, 0x64, 0x20];
/// `tendermint/PubKeySecp256k1` and its length.
const SECP256K1: [u8; 5] = [0xeb, 0x5a, 0xe9, 0x87, 0x21];

// === impl Type ===

impl Type {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::PubKeyRequest,
        Self::PubKeyResponse,
        Self::SignVoteRequest,
        Self::SignedVoteResponse,
        Self::SignProposalRequest,
        Self::SignedProposalResponse,
        Self::PingRequest,
        Self::PingResponse,
    ];

    /// The first four bytes: of SHA-256 of the name, behind its first three that are not zero.
    pub fn prefix(self) -> [u8; 4] {
        match self {
            Self::PubKeyRequest => [0xcb, 0x94, 0xd6, 0x20],
            Self::PubKeyResponse => [0x17, 0x0e, 0xd5, 0x7c],
            Self::SignVoteRequest => [0xf3, 0xf4, 0x12, 0x04],
            Self::SignedVoteResponse => [0xb2, 0x48, 0xa6, 0x16],
            Self::SignProposalRequest => [0xbd, 0xe4, 0x98, 0xe2],
            Self::SignedProposalResponse => [0x4a, 0x04, 0xfb, 0x87],
            Self::PingRequest => [0x1b, 0xad, 0xb6, 0x0d],
            Self::PingResponse => [0xa2, 0x9a, 0x03, 0x1a],
        }
    }
}

/// Reads a frame's body. Chain ids are empty, because 0.33 sends none; an absent time is 1970-01-01.
pub fn from_body(body: &[u8]) -> Result<Sum, AminoError> {
    let (prefix, fields) = body.split_first_chunk::<4>().ok_or(AminoError::UnknownType)?;
    let r#type =
        Type::ALL.into_iter().find(|known| known.prefix() == *prefix).ok_or(AminoError::UnknownType)?;
    let malformed = AminoError::Malformed(r#type);
    let sum = read(r#type, fields).ok().flatten().ok_or(malformed)?;
    if to_body(&sum).as_deref() == Some(body) { Ok(sum) } else { Err(malformed) }
}

/// Writes a frame's body; `None` for what 0.33 has no words for.
pub fn to_body(sum: &Sum) -> Option<Vec<u8>> {
    let (r#type, fields) = match sum {
        Sum::PubKeyRequest(_) => (Type::PubKeyRequest, vec![]),
        Sum::PubKeyResponse(answer) => {
            let pub_key = answer.pub_key.as_ref().map_or(Some(vec![]), write_key)?;
            let answer = AminoPubKeyResponse { pub_key, error: answer.error.clone() };
            (Type::PubKeyResponse, answer.encode_to_vec())
        }
        Sum::SignVoteRequest(SignVoteRequest { vote, .. }) => {
            let vote = vote.clone().map(without_empty_structs);
            let request = SignVoteRequest { vote, ..Default::default() };
            (Type::SignVoteRequest, request.encode_to_vec())
        }
        Sum::SignedVoteResponse(SignedVoteResponse { vote, error }) => {
            // Beside an error 0.33 has no vote at all.
            let vote = vote.clone().filter(|_| error.is_none()).map(without_empty_structs);
            (Type::SignedVoteResponse, SignedVoteResponse { vote, error: error.clone() }.encode_to_vec())
        }
        Sum::SignProposalRequest(SignProposalRequest { proposal, .. }) => {
            let proposal = proposal.clone().map(without_empty_structs);
            let request = SignProposalRequest { proposal, ..Default::default() };
            (Type::SignProposalRequest, request.encode_to_vec())
        }
        Sum::SignedProposalResponse(SignedProposalResponse { proposal, error }) => {
            let proposal = proposal.clone().filter(|_| error.is_none()).map(without_empty_structs);
            let answer = SignedProposalResponse { proposal, error: error.clone() };
            (Type::SignedProposalResponse, answer.encode_to_vec())
        }
        Sum::PingRequest(_) => (Type::PingRequest, vec![]),
        Sum::PingResponse(_) => (Type::PingResponse, vec![]),
        Sum::SignBytesRequest(_) | Sum::SignBytesResponse(_) => return None,
    };
    Some([&r#type.prefix()[..], &fields].concat())
}

/// What prost makes of the fields, lenient as it is; [`from_body`] compares. `Ok(None)` is a key of no known type.
fn read(r#type: Type, fields: &[u8]) -> Result<Option<Sum>, prost::DecodeError> {
    Ok(Some(match r#type {
        Type::PubKeyRequest => Sum::PubKeyRequest(PubKeyRequest::default()),
        Type::PubKeyResponse => {
            let AminoPubKeyResponse { pub_key, error } = AminoPubKeyResponse::decode(fields)?;
            let Some(pub_key) = read_key(&pub_key) else { return Ok(None) };
            Sum::PubKeyResponse(PubKeyResponse { pub_key, error, ..Default::default() })
        }
        Type::SignVoteRequest => {
            let vote = SignVoteRequest::decode(fields)?.vote.map(with_epoch);
            Sum::SignVoteRequest(SignVoteRequest { vote, ..Default::default() })
        }
        Type::SignedVoteResponse => {
            let SignedVoteResponse { vote, error } = SignedVoteResponse::decode(fields)?;
            Sum::SignedVoteResponse(SignedVoteResponse { vote: vote.map(with_epoch), error })
        }
        Type::SignProposalRequest => {
            let proposal = SignProposalRequest::decode(fields)?.proposal.map(with_epoch);
            Sum::SignProposalRequest(SignProposalRequest { proposal, ..Default::default() })
        }
        Type::SignedProposalResponse => {
            let SignedProposalResponse { proposal, error } = SignedProposalResponse::decode(fields)?;
            Sum::SignedProposalResponse(SignedProposalResponse { proposal: proposal.map(with_epoch), error })
        }
        Type::PingRequest => Sum::PingRequest(PingRequest {}),
        Type::PingResponse => Sum::PingResponse(PingResponse {}),
    }))
}

/// `None` for a key that is there and not of a known type.
fn read_key(bytes: &[u8]) -> Option<Option<PublicKey>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let sum = match (bytes.strip_prefix(&ED25519), bytes.strip_prefix(&SECP256K1)) {
        (Some(key), _) if key.len() == 32 => PublicKeySum::Ed25519(key.into()),
        (_, Some(key)) if key.len() == 33 => PublicKeySum::Secp256k1(key.into()),
        _ => return None,
    };
    Some(Some(PublicKey { sum: Some(sum) }))
}

fn write_key(key: &PublicKey) -> Option<Vec<u8>> {
    match &key.sum {
        Some(PublicKeySum::Ed25519(key)) => Some([&ED25519[..], key].concat()),
        Some(PublicKeySum::Secp256k1(key)) => Some([&SECP256K1[..], key].concat()),
        _ => None,
    }
}

/// What votes and proposals have in common.
trait Signable {
    fn parts(&mut self) -> (&mut Option<BlockId>, &mut Option<Timestamp>);
}

impl Signable for super::Vote {
    fn parts(&mut self) -> (&mut Option<BlockId>, &mut Option<Timestamp>) {
        // Extensions are younger than amino.
        self.extension.clear();
        self.extension_signature.clear();
        (&mut self.block_id, &mut self.timestamp)
    }
}

impl Signable for super::Proposal {
    fn parts(&mut self) -> (&mut Option<BlockId>, &mut Option<Timestamp>) {
        (&mut self.block_id, &mut self.timestamp)
    }
}

fn without_empty_structs<S: Signable>(mut signable: S) -> S {
    let (block_id, timestamp) = signable.parts();
    if let Some(id) = block_id {
        id.part_set_header = id.part_set_header.take().filter(|parts| *parts != Default::default());
    }
    *block_id = block_id.take().filter(|id| *id != BlockId::default());
    *timestamp = timestamp.filter(|at| *at != Timestamp::default());
    signable
}

fn with_epoch<S: Signable>(mut signable: S) -> S {
    let (_, timestamp) = signable.parts();
    timestamp.get_or_insert_default();
    signable
}

#[cfg(test)]
mod tests;
