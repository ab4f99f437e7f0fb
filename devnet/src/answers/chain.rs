//! The chain and the node: status, genesis, validators, parameters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comet::block::Validator;
use serde_json::{Value, json};

use super::Failure;
use super::block::{block_id, time, upper};
use super::params::Params;
use crate::chain::{Finalized, MAX_BYTES, MAX_GAS};
use crate::line::Line;
use crate::moment::rfc3339;
use crate::node::Node;
use crate::rotation::Rotation;
use crate::seats::COIN;

const PER_PAGE: i64 = 30;
const MAX_PER_PAGE: i64 = 100;
const GENESIS_CHUNK: usize = 16 * 1024 * 1024;

/// `/status`.
pub fn status(node: &Node) -> Value {
    let ledger = &node.ledger;
    let hash = |b: Option<&std::sync::Arc<Finalized>>| b.map_or(String::new(), |b| upper(&b.draft.id.hash));
    let app_hash = |b: Option<&std::sync::Arc<Finalized>>| {
        b.and_then(|b| b.draft.block.header.as_ref()).map_or(String::new(), |h| upper(&h.app_hash))
    };
    let when = |b: Option<&std::sync::Arc<Finalized>>| time(b.map(|b| b.draft.time));
    let (last, first) = (ledger.last(), ledger.first());
    json!({
        "node_info": node_info(node),
        "sync_info": {
            "latest_block_hash": hash(last),
            "latest_app_hash": app_hash(last),
            "latest_block_height": ledger.height().to_string(),
            "latest_block_time": when(last),
            "earliest_block_hash": hash(first),
            "earliest_app_hash": app_hash(first),
            "earliest_block_height": ledger.base().to_string(),
            "earliest_block_time": when(first),
            "catching_up": false,
        },
        "validator_info": own_validator(node),
    })
}

fn node_info(node: &Node) -> Value {
    json!({
        "protocol_version": { "p2p": "8", "block": "11", "app": "0" },
        "id": node.id.to_string(),
        "listen_addr": "tcp://127.0.0.1:0",
        "network": node.chain_id(),
        "version": node.genesis.origin.line.engine_version(),
        "channels": "40202122233038606100",
        "moniker": node.moniker,
        "other": { "tx_index": "off", "rpc_address": format!("tcp://{}", node.rpc_address) },
    })
}

fn own_validator(node: &Node) -> Value {
    let Some(key) = node.genesis.keys.get(node.seat) else { return Value::Null };
    let address = key.address();
    let upcoming = node.ledger.rotation(node.ledger.height() + 1);
    let power = upcoming.and_then(|r| {
        let index = r.set().index_of(&address)?;
        r.validators().get(index).map(|v| v.power)
    });
    json!({
        "address": address.to_string(),
        "pub_key": pub_key(key.as_bytes()),
        "voting_power": power.unwrap_or(0).to_string(),
    })
}

/// `/net_info`: a lonely node.
pub fn net_info(node: &Node) -> Value {
    let listener = format!("Listener(@{})", node.rpc_address);
    json!({ "listening": true, "listeners": [listener], "n_peers": "0", "peers": [] })
}

/// The genesis document.
pub fn genesis(node: &Node) -> Value {
    let genesis = &node.genesis;
    let validators = genesis.origin.seats.iter().zip(&genesis.keys).take(genesis.validators);
    let validators = validators.filter(|(seat, _)| seat.tokens >= COIN).map(|(seat, key)| {
        json!({
            "address": key.address().to_string(),
            "pub_key": pub_key(key.as_bytes()),
            "power": (seat.tokens / COIN).to_string(),
            "name": seat.moniker,
        })
    });
    json!({
        "genesis_time": rfc3339(genesis.time),
        "chain_id": node.chain_id(),
        "initial_height": "1",
        "consensus_params": consensus(),
        "validators": validators.collect::<Vec<_>>(),
        "app_hash": "",
    })
}

/// `/genesis_chunked`: the document in base64, 16 MiB at a time.
pub fn genesis_chunked(node: &Node, params: &Params) -> Result<Value, Failure> {
    let text = genesis(node).to_string();
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(GENESIS_CHUNK).collect();
    let number = params.integer("chunk")?.unwrap_or(0);
    let chunk = usize::try_from(number).ok().and_then(|n| chunks.get(n));
    let Some(chunk) = chunk else {
        let last = chunks.len().saturating_sub(1);
        return Err(Failure::Internal(format!("there are {last} chunks, {number} is invalid")));
    };
    Ok(
        json!({ "chunk": number.to_string(), "total": chunks.len().to_string(), "data": STANDARD.encode(chunk) }),
    )
}

fn consensus() -> Value {
    json!({
        "block": { "max_bytes": MAX_BYTES.to_string(), "max_gas": MAX_GAS.to_string() },
        "evidence": {
            "max_age_num_blocks": "279138",
            "max_age_duration": "1814400000000000",
            "max_bytes": "1048576",
        },
        "validator": { "pub_key_types": ["ed25519"] },
        "version": { "app": "0" },
        "abci": { "vote_extensions_enable_height": "0" },
    })
}

/// `/consensus_params`.
pub fn consensus_params(node: &Node, params: &Params) -> Result<Value, Failure> {
    let newest = node.ledger.height() + 1;
    let height = node.ledger.resolve(params.integer("height")?, newest)?;
    Ok(json!({ "block_height": height.to_string(), "consensus_params": consensus() }))
}

/// `/validators`: by default of the block that comes next, thirty to a page.
pub fn validators(node: &Node, params: &Params) -> Result<Value, Failure> {
    let height = node.ledger.resolve(params.integer("height")?, node.ledger.height() + 1)?;
    let rotation = node.ledger.rotation(height);
    let rotation = rotation
        .ok_or_else(|| Failure::Internal(format!("could not find validator set for height #{height}")))?;
    let total = i64::try_from(rotation.validators().len()).unwrap_or(i64::MAX);
    let per_page = match params.integer("per_page")? {
        Some(n) if n >= 1 => n.min(MAX_PER_PAGE),
        _ => PER_PAGE,
    };
    let pages = ((total - 1) / per_page + 1).max(1);
    let page = params.integer("page")?.unwrap_or(1);
    if page <= 0 || page > pages {
        let text = format!("page should be within [1, {pages}] range, given {page}");
        return Err(Failure::Internal(text));
    }
    let skip = usize::try_from((page - 1) * per_page).unwrap_or(usize::MAX);
    let take = usize::try_from(per_page).unwrap_or_default();
    let shown: Vec<Value> =
        (0..rotation.validators().len()).skip(skip).take(take).map(|i| validator(rotation, i)).collect();
    Ok(json!({
        "block_height": height.to_string(),
        "count": shown.len().to_string(),
        "validators": shown,
        "total": total.to_string(),
    }))
}

/// One validator of a set, with its priority.
pub fn validator(rotation: &Rotation, index: usize) -> Value {
    let Validator { address, pub_key: key, power } = &rotation.validators()[index];
    json!({
        "address": address.to_string(),
        "pub_key": pub_key(key.as_bytes()),
        "voting_power": power.to_string(),
        "proposer_priority": rotation.priority(index).to_string(),
    })
}

fn pub_key(key: &[u8; 32]) -> Value {
    json!({ "type": "tendermint/PubKeyEd25519", "value": STANDARD.encode(key) })
}

/// Data of a `NewBlock` notification.
pub fn new_block(block: &Finalized, line: Line) -> Value {
    let mut begin = json!({});
    // Go leaves empty lists out here.
    if !block.events.is_empty() {
        begin["events"] = super::block::events(&block.events, line);
    }
    let mut end = json!({});
    if !block.updates.is_empty() {
        end["validator_updates"] = super::block::updates(&block.updates);
    }
    let value = super::block::block_json(&block.draft.block);
    if !line.is_abci_2() {
        return json!({ "block": value, "result_begin_block": begin, "result_end_block": end });
    }
    let mut result = json!({ "app_hash": STANDARD.encode(block.app_hash) });
    for part in [begin, end] {
        if let (Some(result), Value::Object(part)) = (result.as_object_mut(), part) {
            result.extend(part);
        }
    }
    json!({ "block": value, "block_id": block_id(Some(&block.draft.id)), "result_finalize_block": result })
}

/// Validators whose power changed, as the `ValidatorSetUpdates` event lists them.
pub fn changed(updates: &[Validator]) -> Value {
    let one = |v: &Validator| {
        json!({
            "address": v.address.to_string(),
            "pub_key": pub_key(v.pub_key.as_bytes()),
            "voting_power": v.power.to_string(),
            "proposer_priority": "0",
        })
    };
    updates.iter().map(one).collect()
}
