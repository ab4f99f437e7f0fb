//! Whether an endpoint's answer can be true: hashes are computed again, as a light client does.
//!
//! A block's id binds its header, the header binds the commit and the validator set, and the next block names this one's
//! id. So an endpoint that alters a flag must alter the id, and every other endpoint and every next block contradicts it.
//! Where even that does not decide, signatures do ([`certified`]). Not computed for Tendermint 0.33, which hashes amino.

use crate::decode;
use crate::set::Set;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::block::{self, BLOCK_PROTOCOL};
use comet::consensus::{KeyType, PublicKey};
use comet::privval::{BlockId, PartSetHeader, Timestamp, Vote};
use comet::{canonical, merkle, rpc};
use prost::Message;

/// `SignedMsgType` of a precommit.
const PRECOMMIT: i32 = 2;

/// What cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrue {
    /// The block's id is not the hash of its header.
    #[error("the block's id is not the hash of its header")]
    Header,
    /// The commit is not the one that the header names.
    #[error("the commit is not the one that the header names")]
    Commit,
    /// The commit is for another block than the one before.
    #[error("the commit is for another block than the one before")]
    Before,
    /// The validators are not those that the header names.
    #[error("the validators are not those that the header names")]
    Set,
}

/// What a block says of itself and of the block before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Its id, upper-case hex: computed, or as told where it cannot be. Empty where nobody says.
    pub id: String,
    /// Id of the block before.
    pub before: String,
    /// Hash of the validator set of the next block.
    pub next_set: String,
    /// Whether the hashes fit; `None` where they cannot be computed.
    pub fit: Option<Result<(), Untrue>>,
}

/// Reads a block that was told to have the id `told`.
pub fn ids(block: &rpc::Block, told: Option<&str>) -> Ids {
    let header = &block.header;
    let before = header.last_block_id.hash.to_uppercase();
    let next_set = header.next_validators_hash.clone();
    let Some(computed) = hash(header).filter(|_| header.version.block == BLOCK_PROTOCOL) else {
        return Ids { id: told.unwrap_or_default().to_uppercase(), before, next_set, fit: None };
    };
    let id = hex::encode_upper(computed);
    let fit = match (told, &block.last_commit) {
        (Some(told), _) if !told.is_empty() && !told.eq_ignore_ascii_case(&id) => Err(Untrue::Header),
        (_, Some(commit)) if !commit.signatures.is_empty() => {
            let hashed = commit_hash(commit).map(hex::encode_upper);
            if !hashed.is_some_and(|h| h.eq_ignore_ascii_case(&header.last_commit_hash)) {
                Err(Untrue::Commit)
            } else if commit.block_id.hash.eq_ignore_ascii_case(&before) {
                Ok(())
            } else {
                Err(Untrue::Before)
            }
        }
        _ => Ok(()),
    };
    Ids { id, before, next_set, fit: Some(fit) }
}

/// Whether the members are those of the headers that carry the set's hash; true where it cannot be computed.
pub fn is_set(set: &Set) -> bool {
    #[derive(Clone, PartialEq, Message)]
    struct SimpleValidator {
        #[prost(message, optional, tag = "1")]
        pub_key: Option<comet::privval::PublicKey>,
        #[prost(int64, tag = "2")]
        voting_power: i64,
    }
    let leaf = |m: &crate::set::Member| {
        let pub_key = Some(key(&m.key)?.to_proto());
        Some(SimpleValidator { pub_key, voting_power: m.power }.encode_to_vec())
    };
    match set.members().iter().map(leaf).collect::<Option<Vec<_>>>() {
        Some(leaves) => hex::encode_upper(merkle::root(&leaves)).eq_ignore_ascii_case(set.hash()),
        None => true,
    }
}

/// Whether more than two thirds of the power of `set` signed the block `id` at `height`.
pub fn certified(chain_id: &str, height: i64, id: &str, commit: &rpc::Commit, set: &Set) -> bool {
    if commit.height != height || !commit.block_id.hash.eq_ignore_ascii_case(id) {
        return false;
    }
    let Some(block_id) = block_id(&commit.block_id) else { return false };
    let mut signed = 0_i64;
    for (member, sig) in set.members().iter().zip(&commit.signatures) {
        if sig.block_id_flag != rpc::FLAG_COMMIT {
            continue;
        }
        let vote = Vote {
            r#type: PRECOMMIT,
            height,
            round: commit.round,
            block_id: Some(block_id.clone()),
            timestamp: timestamp(&sig.timestamp),
            ..Vote::default()
        };
        let signature = sig.signature.as_ref().and_then(|s| BASE64.decode(s).ok());
        let good = key(&member.key)
            .zip(signature)
            .is_some_and(|(key, signature)| key.verify(&canonical::vote(chain_id, &vote), &signature));
        if good {
            signed = signed.saturating_add(member.power);
        }
        if i128::from(signed) * 3 > i128::from(set.power()) * 2 {
            return true;
        }
    }
    false
}

/// Whether the signatures of all members can be checked: not those of keys of another type than the two that every line has.
pub fn is_provable(set: &Set) -> bool {
    set.members().iter().all(|member| key(&member.key).is_some())
}

/// Keys of the two types that every line has; their lengths tell them apart.
fn key(bytes: &[u8]) -> Option<PublicKey> {
    let key_type = match bytes.len() {
        32 => KeyType::Ed25519,
        33 => KeyType::Secp256k1,
        _ => return None,
    };
    PublicKey::from_bytes(key_type, bytes).ok()
}

fn hash(header: &rpc::Header) -> Option<merkle::Hash> {
    let header = block::Header {
        version: Some(block::Consensus { block: header.version.block, app: header.version.app }),
        chain_id: header.chain_id.clone(),
        height: header.height,
        time: Some(timestamp(&header.time)?),
        last_block_id: block_id(&header.last_block_id),
        last_commit_hash: hex::decode(&header.last_commit_hash).ok()?,
        data_hash: hex::decode(&header.data_hash).ok()?,
        validators_hash: hex::decode(&header.validators_hash).ok()?,
        next_validators_hash: hex::decode(&header.next_validators_hash).ok()?,
        consensus_hash: hex::decode(&header.consensus_hash).ok()?,
        app_hash: hex::decode(&header.app_hash).ok()?,
        last_results_hash: hex::decode(&header.last_results_hash).ok()?,
        evidence_hash: hex::decode(&header.evidence_hash).ok()?,
        proposer_address: hex::decode(&header.proposer_address).ok()?,
    };
    Some(header.hash())
}

fn commit_hash(commit: &rpc::Commit) -> Option<merkle::Hash> {
    let one = |sig: &rpc::CommitSig| {
        Some(block::CommitSig {
            block_id_flag: sig.block_id_flag.into(),
            validator_address: hex::decode(&sig.validator_address).ok()?,
            timestamp: Some(timestamp(&sig.timestamp)?),
            signature: sig.signature.as_ref().map_or(Some(Vec::new()), |s| BASE64.decode(s).ok())?,
        })
    };
    let signatures = commit.signatures.iter().map(one).collect::<Option<_>>()?;
    Some(block::Commit { signatures, ..block::Commit::default() }.hash())
}

fn block_id(id: &rpc::BlockId) -> Option<BlockId> {
    let parts = PartSetHeader { total: id.parts.total, hash: hex::decode(&id.parts.hash).ok()? };
    Some(BlockId { hash: hex::decode(&id.hash).ok()?, part_set_header: Some(parts) })
}

fn timestamp(text: &str) -> Option<Timestamp> {
    if text == rpc::ZERO_TIME {
        return Some(Timestamp::GO_ZERO);
    }
    let ns = decode::nanoseconds(text).ok()?;
    let nanos = i32::try_from(ns.rem_euclid(1_000_000_000)).ok()?;
    Some(Timestamp { seconds: ns.div_euclid(1_000_000_000), nanos })
}

#[cfg(test)]
mod tests;
