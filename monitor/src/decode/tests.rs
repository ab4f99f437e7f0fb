//! Blocks and events as nodes of four lines write them.

use super::*;

const ADDRESS: &str = "6E3B6C0C7A7E2A9C2C6F1B9F9D1C0A5E4B3D2C1A";

fn fixture(flag: &str, total: &str, round: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"block_id":{{"hash":"AB","parts":{{"total":{total},"hash":"CD"}}}},"block":{{
        "header":{{"version":{{"block":"11","app":"1"}},"chain_id":"c-1","height":"9","time":"2026-11-21T10:00:00.123456789Z",
          "last_block_id":{{"hash":"AA","parts":{{"total":{total},"hash":"BB"}}}},"validators_hash":"0F","next_validators_hash":"0F",
          "proposer_address":"{ADDRESS}"}},
        "data":{{"txs":null}},"evidence":{{"evidence":[]}},
        "last_commit":{{"height":"8","round":{round},"block_id":{{"hash":"AA","parts":{{"total":{total},"hash":"BB"}}}},"signatures":[
          {{"block_id_flag":{flag},"validator_address":"{ADDRESS}","timestamp":"2026-11-21T10:00:00Z","signature":"AA=="}},
          {{"block_id_flag":1,"validator_address":"","timestamp":"0001-01-01T00:00:00Z","signature":null}}]}}}}}}}}"#
    )
}

fn read(text: &str) -> Result<Block, DecodeError> {
    let envelope: rpc::Envelope<rpc::BlockAnswer> = json("block", text.as_bytes())?;
    block("c-1", &envelope.into_result().unwrap().block.unwrap())
}

#[test]
fn amino_and_protobuf_lines_give_the_same_block() {
    let new = read(&fixture("2", "1", "0")).unwrap();
    assert_eq!(read(&fixture("2", "\"1\"", "\"0\"")).unwrap(), new);
    let commit = new.commit.clone().unwrap();
    assert_eq!((new.height, commit.height, commit.round), (9, 8, 0));
    assert_eq!(commit.votes, [(Flag::Commit, Some(address(ADDRESS).unwrap())), (Flag::Absent, None)]);
    assert_eq!(new.time, 1_795_255_200_123_456_789);
    assert_eq!(timestamp(new.time), "2026-11-21T10:00:00Z");
    assert_eq!(read(&fixture("3", "1", "2")).unwrap().commit.unwrap().votes[0].0, Flag::Nil);
}

#[test]
fn a_block_of_another_chain_or_garbage_is_an_error() {
    let other = fixture("2", "1", "0").replace("c-1", "c-2");
    assert!(matches!(read(&other), Err(DecodeError::Chain { .. })));
    for (from, to) in
        [("2026-11-21T10:00:00.1", "yesterday"), (ADDRESS, "XYZ"), ("\"height\":\"9\"", "\"height\":{}")]
    {
        assert!(read(&fixture("2", "1", "0").replace(from, to)).is_err() || from == ADDRESS, "{to}");
    }
    assert!(json::<rpc::Block>("block", b"<html>502</html>").is_err());
}

#[test]
fn a_first_block_has_no_commit() {
    let text = fixture("2", "1", "0");
    let start = text.find("\"last_commit\"").unwrap();
    let empty = format!(
        "{}{}",
        &text[..start],
        r#""last_commit":{"height":"0","round":0,"block_id":{"hash":"","parts":{"total":0,"hash":""}},"signatures":[]}}}}"#
    );
    assert_eq!(read(&empty).unwrap().commit, None);
    let null = format!("{}{}", &text[..start], r#""last_commit":null}}}"#);
    assert_eq!(read(&null).unwrap().commit, None);
}

#[test]
fn claims_of_every_shape() {
    let who = address(ADDRESS).unwrap();
    let valcons = bech32::encode("akashvalcons", &who.0).unwrap();
    let encode = |s: &str| BASE64.encode(s);
    let plain = format!(
        r#"[{{"type":"liveness","attributes":[{{"key":"address","value":"{valcons}"}},{{"key":"missed_blocks","value":"51"}},
           {{"key":"height","value":"9"}},{{"key":"mode","value":"BeginBlock"}}]}},
           {{"type":"slash","attributes":[{{"key":"address","value":"{valcons}"}},{{"key":"power","value":"10"}},
           {{"key":"reason","value":"missing_signature"}},{{"key":"jailed","value":"{valcons}"}}]}},
           {{"type":"active_proposal","attributes":[{{"key":"proposal_result","value":"proposal_passed"}}]}},
           {{"attributes":[{{"key":null,"value":null}}]}}]"#
    );
    let mut old = plain.clone();
    for word in ["address", "missed_blocks", "height", "reason", "jailed", "power", "proposal_result"] {
        old = old.replace(&format!("\"key\":\"{word}\""), &format!("\"key\":\"{}\"", encode(word)));
    }
    old = old.replace(&valcons, &encode(&valcons)).replace("\"51\"", &format!("\"{}\"", encode("51")));
    old = old.replace(PASSED, &encode(PASSED));
    let expected =
        Claims { liveness: vec![(who, 51)], jailed: vec![who], decided: true, ..Claims::default() };
    for text in [&plain, &old] {
        let events: Vec<rpc::Event> = json("events", text.as_bytes()).unwrap();
        assert_eq!(claims(events.iter()), expected);
    }
}
