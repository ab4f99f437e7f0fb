//! A double signature, proved to a node: two precommits of one validator for one height, as `DuplicateVoteEvidence` over the
//! node's own RPC. The chain checks both signatures and punishes in the block that carries the evidence.
//!
//! Nothing of this is a vote that a node ever sees in consensus, so the chain's blocks are undisturbed.

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::canonical;
use comet::consensus::SecretKey;
use comet::privval::{BlockId, PRECOMMIT, PartSetHeader, Timestamp, Vote};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::http;
use crate::sdk_line::SdkLine;
use crate::sdk_net::SdkNet;

/// Reports that validator `i` signed twice at `height`, when it was in the set.
pub fn report(net: &SdkNet, i: usize, height: i64) -> Result<()> {
    let rpc = &net.nodes[0].rpc;
    let key = &net.nodes[i].key;
    let block = http::rpc(rpc, &format!("/block?height={height}"))?;
    let time = block["block"]["header"]["time"].as_str().context("no time in /block")?.to_owned();
    // In the order of their block ids, as a node wants them.
    let votes = [0x11, 0x22].map(|byte| vote(net, key, height, &time, byte));
    let [first, second] = votes;
    let (first, second) = (first?, second?);
    let value = match net.line {
        SdkLine::V0_39 => json!({
            "PubKey": {
                "type": "tendermint/PubKeyEd25519",
                "value": BASE64_STANDARD.encode(key.public().as_bytes()),
            },
            "VoteA": first, "VoteB": second,
        }),
        SdkLine::V0_45 | SdkLine::V0_53 => {
            let set = http::rpc(rpc, &format!("/validators?height={height}&per_page=100"))?;
            let set = set["validators"].as_array().context("no validators")?;
            let power =
                |one: &Value| one["voting_power"].as_str().and_then(|p| p.parse::<i64>().ok()).unwrap_or(0);
            let own = set.iter().find(|one| one["address"] == key.public().address().to_string());
            json!({
                "vote_a": first, "vote_b": second, "Timestamp": time,
                "TotalVotingPower": set.iter().map(power).sum::<i64>().to_string(),
                "ValidatorPower": power(own.context("it is not in the set")?).to_string(),
            })
        }
    };
    let evidence = json!({"type": "tendermint/DuplicateVoteEvidence", "value": value});
    http::call(rpc, "broadcast_evidence", &json!({"evidence": evidence})).map(drop)
}

/// A precommit for a block of which nothing is known but its hash.
fn vote(net: &SdkNet, key: &SecretKey, height: i64, time: &str, byte: u8) -> Result<Value> {
    let (at, hash) = (OffsetDateTime::parse(time, &Rfc3339)?, [byte; 32]);
    let vote = Vote {
        r#type: PRECOMMIT,
        height,
        block_id: Some(BlockId {
            hash: hash.into(),
            part_set_header: Some(PartSetHeader { total: 1, hash: hash.into() }),
        }),
        timestamp: Some(Timestamp { seconds: at.unix_timestamp(), nanos: at.nanosecond().cast_signed() }),
        ..Vote::default()
    };
    let amino = net.line == SdkLine::V0_39;
    let sign_bytes = if amino { canonical::amino::vote } else { canonical::vote };
    // Amino writes every `int` as text.
    let int = |n: i64| if amino { json!(n.to_string()) } else { json!(n) };
    Ok(json!({
        "type": PRECOMMIT,
        "height": height.to_string(),
        "round": int(0),
        "block_id": {"hash": hex::encode_upper(hash), "parts": {"total": int(1), "hash": hex::encode_upper(hash)}},
        "timestamp": time,
        "validator_address": key.public().address().to_string(),
        "validator_index": int(0),
        "signature": BASE64_STANDARD.encode(key.sign(&sign_bytes(&net.chain_id, &vote)).as_bytes()),
    }))
}
