//! Answers as nodes of each line write them.

use super::*;

#[test]
fn reads_numbers_of_both_kinds_and_null_lists() {
    let block = r#"{"block_id":{"hash":"AB","parts":{"total":"1","hash":"CD"}},"block":{
        "header":{"version":{"block":"10"},"chain_id":"akashnet-1","height":"7","time":"2020-09-25T14:00:05.1Z",
            "validators_hash":"EE","proposer_address":"AA","unknown":5},
        "data":{"txs":null},"evidence":{"evidence":null},
        "last_commit":{"height":6,"round":"0","block_id":{"hash":"","parts":{"total":0,"hash":""}},
            "signatures":[{"block_id_flag":1,"validator_address":"","timestamp":"0001-01-01T00:00:00Z","signature":null},
                {"block_id_flag":"2","validator_address":"AA","timestamp":"2020-09-25T14:00:05Z","signature":"c2ln"}]}}}"#;
    let answer: BlockAnswer = serde_json::from_str(block).unwrap();
    let block = answer.block.unwrap();
    assert_eq!(block.header.height, 7);
    assert_eq!(answer.block_id.parts.total, 1);
    let commit = block.last_commit.unwrap();
    assert_eq!((commit.height, commit.round), (6, 0));
    assert_eq!(commit.signatures[0], CommitSig::absent());
    assert_eq!(commit.signatures[1].block_id_flag, FLAG_COMMIT);
}

#[test]
fn writes_what_comet_0_38_writes() {
    let header =
        Header { chain_id: "x".into(), height: 5, time: "2026-01-01T00:00:00Z".into(), ..Header::default() };
    let json = serde_json::to_value(&header).unwrap();
    assert_eq!(json["height"], "5");
    assert_eq!(json["version"], serde_json::json!({"block": "0"}));
    let sig = serde_json::to_value(CommitSig::absent()).unwrap();
    assert_eq!(
        sig,
        serde_json::json!({"block_id_flag":1,"validator_address":"","timestamp":ZERO_TIME,"signature":null})
    );
}

#[test]
fn block_results_of_three_lines_yield_the_same_event() {
    let old = r#"{"height":"9","txs_results":null,"begin_block_events":[{"type":"liveness","attributes":[
        {"key":"YWRkcmVzcw==","value":"YWthc2h2YWxjb25zMWFh","index":true},{"key":"bWlzc2VkX2Jsb2Nrcw==","value":"Mw==","index":true}]}],
        "end_block_events":null,"validator_updates":null}"#;
    let plain = old
        .replace("YWRkcmVzcw==", "address")
        .replace("YWthc2h2YWxjb25zMWFh", "akashvalcons1aa")
        .replace("bWlzc2VkX2Jsb2Nrcw==", "missed_blocks")
        .replace("Mw==", "3");
    let new = plain.replace("begin_block_events", "finalize_block_events");
    for json in [old, &plain, &new] {
        let results: BlockResults = serde_json::from_str(json).unwrap();
        let event = results.events().next().unwrap();
        assert_eq!(event.get("address").as_deref(), Some("akashvalcons1aa"));
        assert_eq!(event.get("missed_blocks").as_deref(), Some("3"));
        assert_eq!(event.get("height"), None);
    }
}

#[test]
fn an_error_reply_is_an_error() {
    let json = r#"{"jsonrpc":"2.0","id":-1,"error":{"code":-32603,"message":"Internal error",
        "data":"height 5 is not available, lowest height is 9"}}"#;
    let envelope: Envelope<Status> = serde_json::from_str(json).unwrap();
    assert!(envelope.into_result().unwrap_err().data.ends_with("lowest height is 9"));
    let empty: Envelope<Status> = serde_json::from_str("{}").unwrap();
    assert!(empty.into_result().is_err());
}

#[test]
fn reads_a_status() {
    let json = r#"{"node_info":{"protocol_version":{"p2p":"8","block":"11","app":"0"},"id":"ab","network":"n","moniker":"m",
        "other":{"tx_index":"on"}},"sync_info":{"latest_block_height":"12","catching_up":false},
        "validator_info":{"address":"AA","pub_key":{"type":"tendermint/PubKeyEd25519","value":"AA=="},"voting_power":"0"}}"#;
    let status: Status = serde_json::from_str(json).unwrap();
    assert_eq!(status.sync_info.latest_block_height, 12);
    assert_eq!(status.sync_info.earliest_block_height, 0);
    let again: Status = serde_json::from_value(serde_json::to_value(&status).unwrap()).unwrap();
    assert_eq!(again, status);
}

#[test]
fn a_new_block_carries_events_by_name() {
    let json = r#"{"query":"tm.event='NewBlock'","data":{"type":"tendermint/event/NewBlock","value":{"block":
        {"header":{"chain_id":"x","height":"3","time":"t"},"data":{"txs":[]},"evidence":{"evidence":[]},"last_commit":null},
        "result_finalize_block":{"events":null}}},"events":{"liveness.address":["a","b"],"liveness.missed_blocks":["1","2"]}}"#;
    let event: NewBlock = serde_json::from_str(json).unwrap();
    assert_eq!(event.values("liveness.missed_blocks"), ["1", "2"]);
    assert!(event.values("slash.jailed").is_empty());
}
