//! Shapes and texts as cometbft v0.38.25 gives them; the expectations were printed by its own encoder.

use std::time::Duration;

use comet::key::NodeId;
use comet::privval::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::chain::Genesis;
use crate::ledger::Ledger;
use crate::offline::Offline;
use crate::script::Script;
use crate::seats::Origin;

fn node(script: &str, blocks: usize, keep: usize) -> Node {
    let script = Script::parse(script, 64).unwrap();
    let origin = Origin::akashnet_1();
    let start = Timestamp { seconds: 1_700_000_000, nanos: 0 };
    let mut offline = Offline::new(origin.clone(), script, 1, start, Duration::from_secs(1));
    let keys = offline.chain().app().accounts.iter().map(|a| a.identity.pub_key).collect();
    let mut ledger = Ledger::new(keep, offline.chain().rotation().clone());
    for _ in 0..blocks {
        let block = offline.step().unwrap();
        ledger.push(block, offline.chain().rotation().clone());
    }
    Node {
        id: NodeId([7; 20]),
        moniker: "devnet".into(),
        rpc_address: "127.0.0.1:26657".into(),
        seat: 0,
        genesis: Genesis { origin, keys, validators: 64, time: start },
        ledger,
    }
}

fn call(node: &Node, method: &str, params: &Value) -> Result<Value, Failure> {
    answer(node, method, &Params::from_json(params, params::names(method)))
}

/// All keys of a value, depth first; arrays by their first element.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                std::iter::once(key.clone()).chain(keys(value).into_iter().map(move |k| format!("{key}.{k}")))
            })
            .collect(),
        Value::Array(list) => list.first().map(keys).unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[test]
fn a_block_has_the_keys_that_a_node_writes() {
    let node = node("", 3, 10);
    let block = call(&node, "block", &json!({ "height": "2" })).unwrap();
    let go: Value = serde_json::from_str(
        r#"{"block_id":{"hash":"AA","parts":{"total":1,"hash":"BB"}},"block":{"header":{"version":{"block":"11"},
        "chain_id":"akashnet-1","height":"42","time":"2023-11-14T22:13:20.123456Z","last_block_id":{"hash":"AA","parts":
        {"total":1,"hash":"BB"}},"last_commit_hash":"","data_hash":"","validators_hash":"01","next_validators_hash":"",
        "consensus_hash":"","app_hash":"","last_results_hash":"","evidence_hash":"","proposer_address":"03"},
        "data":{"txs":[]},"evidence":{"evidence":[]},"last_commit":{"height":"41","round":0,"block_id":{"hash":"AA",
        "parts":{"total":1,"hash":"BB"}},"signatures":[{"block_id_flag":2,"validator_address":"01","timestamp":
        "2023-11-14T22:13:20.123456Z","signature":"BwcH"}]}}}"#,
    )
    .unwrap();
    assert_eq!(keys(&block), keys(&go));
    let last = &block["block"]["last_commit"];
    assert_eq!((&last["height"], &last["round"]), (&json!("1"), &json!(0)));
    assert_eq!(last["signatures"].as_array().unwrap().len(), 64);
    let first = call(&node, "block", &json!(["1"])).unwrap();
    assert_eq!(
        first["block"]["last_commit"],
        json!({"height":"0","round":0,"block_id":{"hash":"","parts":{"total":0,"hash":""}},"signatures":[]})
    );
}

#[test]
fn an_absent_entry_is_empty() {
    let node = node("[[event]]\nat = 1\nvalidator = 0\ndown = 1", 2, 10);
    let commit = call(&node, "commit", &json!({ "height": 1 })).unwrap();
    assert_eq!(commit["canonical"], true);
    let signatures = commit["signed_header"]["commit"]["signatures"].as_array().unwrap();
    let absent: Vec<&Value> = signatures.iter().filter(|s| s["block_id_flag"] == 1).collect();
    assert_eq!(
        absent,
        [
            &json!({"block_id_flag":1,"validator_address":"","timestamp":"0001-01-01T00:00:00Z","signature":null})
        ]
    );
    assert_eq!(
        call(&node, "commit", &json!({})).unwrap()["canonical"],
        false,
        "the newest is the seen commit"
    );
}

#[test]
fn results_carry_events_and_updates() {
    let node = node(
        "[[event]]\nat = 1\nvalidator = 0\ndown = 1\n[[event]]\nat = 2\nvalidator = 1\nleave = true",
        2,
        10,
    );
    let results = call(&node, "block_results", &json!({ "height": "2" })).unwrap();
    let miss = &results["finalize_block_events"][0];
    assert_eq!(miss["type"], "liveness");
    let attribute = |n: usize| (miss["attributes"][n]["key"].clone(), miss["attributes"][n]["value"].clone());
    assert_eq!(attribute(1), (json!("missed_blocks"), json!("1")));
    assert_eq!(attribute(2), (json!("height"), json!("2")));
    assert_eq!(attribute(3), (json!("mode"), json!("BeginBlock")));
    let gone = &results["validator_updates"][0];
    assert_eq!(gone["pub_key"]["Sum"]["type"], "tendermint.crypto.PublicKey_Ed25519");
    assert_eq!(gone.get("power"), None, "Go leaves a zero out");
    assert_eq!(results["txs_results"], Value::Null);
}

#[test]
fn validators_come_in_pages_of_30_by_default() {
    let node = node("", 5, 10);
    let page = |params: Value| call(&node, "validators", &params);
    let first = page(json!({})).unwrap();
    assert_eq!((&first["count"], &first["total"]), (&json!("30"), &json!("64")));
    assert_eq!(first["block_height"], "6", "without a height: of the next block");
    assert_eq!(page(json!({"height":"3","page":"3"})).unwrap()["count"], "4");
    assert_eq!(page(json!({"height":"3","per_page":"1000"})).unwrap()["count"], "64");
    let text = page(json!({"page":"4"})).unwrap_err().to_string();
    assert_eq!(text, "page should be within [1, 3] range, given 4");
    assert!(page(json!({"height":"7"})).is_err());
}

#[test]
fn heights_that_are_not_there() {
    let node = node("", 9, 4);
    let text = |method: &str, height: i64| {
        call(&node, method, &json!({ "height": height.to_string() })).unwrap_err().to_string()
    };
    assert_eq!(text("block", 99), "height 99 must be less than or equal to the current blockchain height 9");
    assert_eq!(text("commit", 2), "height 2 is not available, lowest height is 6");
    assert_eq!(text("header", 0), "height must be greater than 0, but got 0");
    let status = call(&node, "status", &json!({})).unwrap();
    assert_eq!(status["sync_info"]["earliest_block_height"], "6");
    assert_eq!(status["sync_info"]["latest_block_height"], "9");
}

#[test]
fn replies_and_error_replies() {
    let node = node("", 1, 4);
    let error = reply(&json!(-1), call(&node, "block", &json!({ "height": "5" })));
    assert_eq!(
        error["error"],
        json!({"code":-32603,"message":"Internal error",
            "data":"height 5 must be less than or equal to the current blockchain height 1"})
    );
    assert_eq!(
        reply(&json!("a"), call(&node, "nonsense", &json!({}))),
        json!({"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"Method not found"}})
    );
    let bad = reply(&json!(1), call(&node, "block", &json!({ "height": "x" })));
    assert_eq!(bad["error"]["code"], -32602);
}

#[test]
fn blockchain_is_newest_first_and_20_at_most() {
    let node = node("", 30, 50);
    let heights = |params: Value| -> Vec<String> {
        let answer = call(&node, "blockchain", &params).unwrap();
        let metas = answer["block_metas"].as_array().unwrap().clone();
        metas.iter().map(|m| m["header"]["height"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(heights(json!({})).len(), 20);
    assert_eq!(heights(json!({})).first().map(String::as_str), Some("30"));
    assert_eq!(heights(json!({"minHeight":"3","maxHeight":"4"})), ["4", "3"]);
}

#[test]
fn genesis_lists_every_validator_with_its_key() {
    let node = node("", 1, 4);
    let genesis = call(&node, "genesis", &json!({})).unwrap()["genesis"].clone();
    assert_eq!(genesis["validators"].as_array().unwrap().len(), 64);
    assert_eq!(genesis["consensus_params"]["block"]["max_gas"], "-1");
    let chunk = call(&node, "genesis_chunked", &json!({ "chunk": "0" })).unwrap();
    assert_eq!(chunk["total"], "1");
    assert!(call(&node, "genesis_chunked", &json!({ "chunk": "1" })).is_err());
}

#[test]
fn evidence_has_the_keys_that_a_node_writes() {
    let node = node("[[event]]\nat = 2\nvalidator = 3\nequivocate = true", 3, 10);
    let block = call(&node, "block", &json!({ "height": "3" })).unwrap();
    let evidence = &block["block"]["evidence"]["evidence"][0];
    assert_eq!(evidence["type"], "tendermint/DuplicateVoteEvidence");
    assert_eq!(evidence["value"]["TotalVotingPower"], "62577");
    assert_eq!(evidence["value"]["vote_a"]["height"], "2");
    assert!(
        evidence["value"]["vote_a"]["block_id"]["hash"].as_str()
            < evidence["value"]["vote_b"]["block_id"]["hash"].as_str()
    );
}

#[test]
fn queries_have_codes_not_errors() {
    let node = node("", 3, 10);
    let response = |params: Value| call(&node, "abci_query", &params).unwrap()["response"].clone();
    let good = response(json!({ "path": "/cosmos.slashing.v1beta1.Query/Params" }));
    assert_eq!((good.get("code"), &good["height"]), (None, &json!("3")));
    assert_eq!(response(json!({ "path": "/no.such/Path" }))["code"], 6);
    assert_eq!(response(json!({ "path": "/store/slashing/key", "height": "9" }))["code"], 26);
    let none = response(json!({ "path": "/store/slashing/key", "data": "0214" }));
    assert_eq!((&none["value"], none.get("code")), (&Value::Null, None));
}
