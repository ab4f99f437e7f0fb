//! From CometBFT's answers to the monitor's events, whichever line of nodes wrote them.

use crate::event::{Block, Claims, Commit};
use crate::flag::Flag;
use crate::set::{Member, Set};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::key::Address;
use comet::{bech32, rpc};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An answer that cannot be what an honest node of this chain says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not of the expected shape.
    #[error("the answer is not a {what}: {reason}")]
    Shape {
        /// What was asked for.
        what: &'static str,
        /// Parser's words.
        reason: String,
    },
    /// Another chain.
    #[error("the block belongs to chain {found:?}, not {expected:?}")]
    Chain {
        /// Its chain id.
        found: String,
        /// Ours.
        expected: String,
    },
    /// Another height than asked for.
    #[error("the answer is for height {found}, not {expected}")]
    Height {
        /// Its height.
        found: i64,
        /// Ours.
        expected: i64,
    },
    /// A time that is not RFC 3339.
    #[error("{0:?} is not a time")]
    Time(String),
    /// An address that is not 20 bytes of hex.
    #[error("{0:?} is not a consensus address")]
    Address(String),
}

/// Parses a JSON document.
pub fn json<'a, T: serde::Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(|e| DecodeError::Shape { what, reason: e.to_string() })
}

/// RFC 3339 to Unix nanoseconds, until the year 2262.
pub fn nanoseconds(text: &str) -> Result<i64, DecodeError> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| DecodeError::Time(text.chars().take(40).collect()))?;
    i64::try_from(time.unix_timestamp_nanos()).map_err(|_| DecodeError::Time(text.into()))
}

/// Unix nanoseconds to RFC 3339 with whole seconds.
pub fn timestamp(nanoseconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(nanoseconds.div_euclid(1_000_000_000))
        .ok()
        .and_then(|t| t.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Upper- or lower-case hex.
pub fn address(text: &str) -> Result<Address, DecodeError> {
    Address::from_hex(text).ok_or_else(|| DecodeError::Address(text.chars().take(60).collect()))
}

/// A block of `chain_id`. Claims are not part of it.
pub fn block(chain_id: &str, block: &rpc::Block) -> Result<Block, DecodeError> {
    let header = &block.header;
    if header.chain_id != chain_id {
        let found = header.chain_id.chars().take(60).collect();
        return Err(DecodeError::Chain { found, expected: chain_id.into() });
    }
    Ok(Block {
        height: header.height,
        time: nanoseconds(&header.time)?,
        set_hash: header.validators_hash.clone(),
        proposer: address(&header.proposer_address).ok(),
        commit: block.last_commit.as_ref().filter(|c| c.height > 0).map(commit).transpose()?,
        transactions: Some(block.data.txs.len()),
        evidence: block.evidence.evidence.len(),
        claims: None,
    })
}

fn commit(commit: &rpc::Commit) -> Result<Commit, DecodeError> {
    let vote = |sig: &rpc::CommitSig| {
        let who = (!sig.validator_address.is_empty()).then(|| address(&sig.validator_address)).transpose()?;
        Ok((Flag::from_number(sig.block_id_flag), who))
    };
    let votes = commit.signatures.iter().map(vote).collect::<Result<_, DecodeError>>()?;
    Ok(Commit { height: commit.height, round: commit.round, votes })
}

/// x/gov's word for a proposal that was carried out, in every line.
pub const PASSED: &str = "proposal_passed";

/// x/slashing's events among those of a block's results.
pub fn claims<'a>(events: impl Iterator<Item = &'a rpc::Event>) -> Claims {
    let mut claims = Claims::default();
    for event in events {
        let read = |key: &str| event.get(key);
        match event.kind.as_str() {
            "liveness" => {
                let counter = read("missed_blocks").and_then(|n| n.parse().ok());
                if let (Some(who), Some(counter)) = (read("address").and_then(|a| valcons(&a)), counter) {
                    claims.liveness.push((who, counter));
                }
            }
            "slash" => claims.jailed.extend(read("jailed").and_then(|a| valcons(&a))),
            "apply_cons_pubkey_rotation" => {
                let moved = read("old_cons_addr").and_then(|a| valcons(&a));
                claims.rotated.extend(moved.zip(read("new_cons_addr").and_then(|a| valcons(&a))));
            }
            "active_proposal" => claims.decided |= read("proposal_result").is_some_and(|r| r == PASSED),
            _ => {}
        }
    }
    claims
}

/// A valcons address of any prefix.
pub fn valcons(text: &str) -> Option<Address> {
    Address::from_bytes(&bech32::decode(text).ok()?.1)
}

/// A validator set from all pages of its answer.
pub fn set(hash: &str, validators: &[rpc::Validator]) -> Result<Set, DecodeError> {
    let member = |v: &rpc::Validator| {
        let key = BASE64.decode(&v.pub_key.value).unwrap_or_default();
        Ok(Member { address: address(&v.address)?, power: v.voting_power, key })
    };
    Ok(Set::new(hash.into(), validators.iter().map(member).collect::<Result<_, DecodeError>>()?))
}

#[cfg(test)]
mod tests;
