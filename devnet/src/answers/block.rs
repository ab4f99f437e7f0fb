//! Blocks, headers, commits and results.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comet::block::{Block, Commit, CommitSig, EvidenceSum, Header, Validator};
use comet::privval::{BlockId, Timestamp, Vote};
use serde_json::{Value, json};

use super::Failure;
use super::params::Params;
use crate::chain::Finalized;
use crate::event::Event;
use crate::line::Line;
use crate::moment::rfc3339;
use crate::node::Node;

/// Most headers in one answer of `blockchain`.
const BLOCKCHAIN_LIMIT: i64 = 20;

fn at<'a>(node: &'a Node, params: &Params) -> Result<&'a Finalized, Failure> {
    let ledger = &node.ledger;
    let height = ledger.resolve(params.integer("height")?, ledger.height())?;
    match ledger.get(height) {
        Some(block) => Ok(block),
        None => Err(Failure::Internal(format!("could not find block for height {height}"))),
    }
}

/// `/block`.
pub fn block(node: &Node, params: &Params) -> Result<Value, Failure> {
    at(node, params).map(whole)
}

/// `/block_by_hash`; an unknown hash has a null block.
pub fn block_by_hash(node: &Node, hash: &[u8]) -> Value {
    match node.ledger.by_hash(hash) {
        Some(found) => whole(found),
        None => json!({ "block_id": block_id(None), "block": null }),
    }
}

/// `/header`.
pub fn header(node: &Node, params: &Params) -> Result<Value, Failure> {
    at(node, params).map(|b| json!({ "header": header_json(b.draft.block.header.as_ref()) }))
}

/// `/header_by_hash`.
pub fn header_by_hash(node: &Node, hash: &[u8]) -> Value {
    let found = node.ledger.by_hash(hash).and_then(|b| b.draft.block.header.as_ref());
    json!({ "header": header_json(found) })
}

/// `/commit`; the newest block's is the one its own node saw, not yet in a block.
pub fn commit(node: &Node, params: &Params) -> Result<Value, Failure> {
    let block = at(node, params)?;
    Ok(json!({
        "signed_header": {
            "header": header_json(block.draft.block.header.as_ref()),
            "commit": commit_json(&block.commit),
        },
        "canonical": block.draft.height < node.ledger.height(),
    }))
}

/// `/block_results`.
pub fn block_results(node: &Node, params: &Params) -> Result<Value, Failure> {
    let block = at(node, params)?;
    let line = node.genesis.origin.line;
    if !line.is_abci_2() {
        return Ok(json!({
            "height": block.draft.height.to_string(),
            "txs_results": null,
            "begin_block_events": events(&block.events, line),
            "end_block_events": null,
            "validator_updates": updates(&block.updates),
            "consensus_param_updates": null,
        }));
    }
    Ok(json!({
        "height": block.draft.height.to_string(),
        "txs_results": null,
        "finalize_block_events": events(&block.events, line),
        "validator_updates": updates(&block.updates),
        "consensus_param_updates": null,
        "app_hash": STANDARD.encode(block.app_hash),
    }))
}

/// `/blockchain`: headers from the highest down.
pub fn blockchain(node: &Node, params: &Params) -> Result<Value, Failure> {
    let (low, high) = (params.integer("minHeight")?.unwrap_or(0), params.integer("maxHeight")?.unwrap_or(0));
    if low < 0 || high < 0 {
        return Err(Failure::Internal("heights must be non-negative".into()));
    }
    let newest = node.ledger.height();
    let high = if high == 0 { newest } else { high.min(newest) };
    let low = low.max(1).max(node.ledger.base()).max(high - BLOCKCHAIN_LIMIT + 1);
    if low > high {
        return Err(Failure::Internal(format!("min height {low} can't be greater than max height {high}")));
    }
    let metas = (low..=high).rev().filter_map(|height| node.ledger.get(height)).map(|block| {
        json!({
            "block_id": block_id(Some(&block.draft.id)),
            "block_size": block.draft.size.to_string(),
            "header": header_json(block.draft.block.header.as_ref()),
            "num_txs": "0",
        })
    });
    Ok(json!({ "last_height": newest.to_string(), "block_metas": metas.collect::<Vec<_>>() }))
}

fn whole(block: &Finalized) -> Value {
    json!({ "block_id": block_id(Some(&block.draft.id)), "block": block_json(&block.draft.block) })
}

/// A block.
pub fn block_json(block: &Block) -> Value {
    let evidence = block.evidence.iter().flat_map(|list| &list.evidence).filter_map(|e| e.sum.as_ref());
    let evidence: Vec<Value> = evidence.map(evidence_json).collect();
    json!({
        "header": header_json(block.header.as_ref()),
        "data": { "txs": [] },
        "evidence": { "evidence": evidence },
        "last_commit": block.last_commit.as_ref().map(commit_json),
    })
}

/// A header, or null.
pub fn header_json(header: Option<&Header>) -> Value {
    let Some(header) = header else { return Value::Null };
    let version = header.version.unwrap_or_default();
    json!({
        "version": { "block": version.block.to_string() },
        "chain_id": header.chain_id,
        "height": header.height.to_string(),
        "time": time(header.time),
        "last_block_id": block_id(header.last_block_id.as_ref()),
        "last_commit_hash": upper(&header.last_commit_hash),
        "data_hash": upper(&header.data_hash),
        "validators_hash": upper(&header.validators_hash),
        "next_validators_hash": upper(&header.next_validators_hash),
        "consensus_hash": upper(&header.consensus_hash),
        "app_hash": upper(&header.app_hash),
        "last_results_hash": upper(&header.last_results_hash),
        "evidence_hash": upper(&header.evidence_hash),
        "proposer_address": upper(&header.proposer_address),
    })
}

/// A block id.
pub fn block_id(id: Option<&BlockId>) -> Value {
    let id = id.cloned().unwrap_or_default();
    let parts = id.part_set_header.unwrap_or_default();
    json!({ "hash": upper(&id.hash), "parts": { "total": parts.total, "hash": upper(&parts.hash) } })
}

/// A commit.
pub fn commit_json(commit: &Commit) -> Value {
    json!({
        "height": commit.height.to_string(),
        "round": commit.round,
        "block_id": block_id(commit.block_id.as_ref()),
        "signatures": commit.signatures.iter().map(sig_json).collect::<Vec<_>>(),
    })
}

fn sig_json(sig: &CommitSig) -> Value {
    json!({
        "block_id_flag": sig.block_id_flag,
        "validator_address": upper(&sig.validator_address),
        "timestamp": time(sig.timestamp),
        "signature": base64_or_null(&sig.signature),
    })
}

fn evidence_json(evidence: &EvidenceSum) -> Value {
    let EvidenceSum::DuplicateVote(votes) = evidence;
    json!({
        "type": "tendermint/DuplicateVoteEvidence",
        "value": {
            "vote_a": votes.vote_a.as_ref().map(vote_json),
            "vote_b": votes.vote_b.as_ref().map(vote_json),
            "TotalVotingPower": votes.total_voting_power.to_string(),
            "ValidatorPower": votes.validator_power.to_string(),
            "Timestamp": time(votes.timestamp),
        },
    })
}

fn vote_json(vote: &Vote) -> Value {
    json!({
        "type": vote.r#type,
        "height": vote.height.to_string(),
        "round": vote.round,
        "block_id": block_id(vote.block_id.as_ref()),
        "timestamp": time(vote.timestamp),
        "validator_address": upper(&vote.validator_address),
        "validator_index": vote.validator_index,
        "signature": base64_or_null(&vote.signature),
        "extension": null,
        "extension_signature": null,
    })
}

/// Events of a block.
pub fn events(events: &[Event], line: Line) -> Value {
    let text = |text: &str| if line.has_base64_events() { STANDARD.encode(text) } else { text.to_owned() };
    let attribute =
        |(key, value): &(&str, String)| json!({ "key": text(key), "value": text(value), "index": true });
    let written = |(key, _): &&(&str, String)| match *key {
        "mode" => line.is_abci_2(),
        "burned_coins" => line.renews_start(),
        _ => true,
    };
    let event = |event: &Event| {
        let attributes: Vec<_> = event.attributes.iter().filter(written).map(attribute).collect();
        json!({ "type": event.kind, "attributes": attributes })
    };
    events.iter().map(event).collect()
}

/// Changes of the validator set.
pub fn updates(updates: &[Validator]) -> Value {
    let update = |v: &Validator| {
        let key = json!({ "ed25519": STANDARD.encode(v.pub_key.as_bytes()) });
        let mut update =
            json!({ "pub_key": { "Sum": { "type": "tendermint.crypto.PublicKey_Ed25519", "value": key } } });
        // Go leaves a power of 0 out.
        if v.power != 0 {
            update["power"] = json!(v.power.to_string());
        }
        update
    };
    updates.iter().map(update).collect()
}

/// Upper-case hex.
pub fn upper(bytes: &[u8]) -> String {
    hex::encode_upper(bytes)
}

/// RFC 3339; Go's zero time when absent.
pub fn time(at: Option<Timestamp>) -> String {
    rfc3339(at.unwrap_or(Timestamp::GO_ZERO))
}

fn base64_or_null(bytes: &[u8]) -> Value {
    if bytes.is_empty() { Value::Null } else { json!(STANDARD.encode(bytes)) }
}
