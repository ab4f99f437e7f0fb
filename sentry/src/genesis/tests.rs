//! Both spellings of a gentx, and genesis files that were written to hurt.

use super::*;

const AMINO: &str = include_str!("../../tests/genesis/amino.json");
const PROTO: &str = include_str!("../../tests/genesis/proto.json");
const ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";

fn reaches(genesis: &str) -> Vec<Option<Reach>> {
    census(genesis.as_bytes()).unwrap().gentxs.iter().map(Gentx::reach).collect()
}

fn proto(memo: &str) -> String {
    format!(r#"{{"app_state":{{"genutil":{{"gen_txs":[{{"body":{{"messages":[],"memo":{memo}}}}}]}}}}}}"#)
}

#[test]
fn amino_gentxs() {
    use Reach::{Loopback, None, Private, Public};
    assert_eq!(reaches(AMINO), [Public, Private, Loopback, None].map(Some));
    let census = census(AMINO.as_bytes()).unwrap();
    assert_eq!((census.chain.as_str(), census.unreadable(), census.is_clean()), ("old-1", 0, false));
    assert_eq!(census.gentxs[0].moniker, "open");
    assert!(census.gentxs[0].valoper.starts_with("oldvaloper1"));
}

#[test]
fn proto_gentxs() {
    use Reach::{CarrierGrade, Name, None, Nowhere, Public};
    assert_eq!(reaches(PROTO), [Public, Name, CarrierGrade, Nowhere, None].map(Some));
    let census = census(PROTO.as_bytes()).unwrap();
    assert_eq!(census.gentxs[1].moniker, "named");
    assert_eq!(census.counts()[&Public], 1);
}

#[test]
fn an_rpc_answer_is_unwrapped() {
    assert_eq!(reaches(&format!(r#"{{"jsonrpc":"2.0","result":{{"genesis":{AMINO}}}}}"#)), reaches(AMINO));
}

#[test]
fn no_gentxs_is_clean_but_no_place_for_them_is_an_error() {
    let exported = r#"{"chain_id":"x-2","app_state":{"genutil":{"gen_txs":[]}}}"#;
    assert!(census(exported.as_bytes()).unwrap().is_clean());
    assert!(census(r#"{"app_state":{"genutil":{"gen_txs":null}}}"#.as_bytes()).unwrap().is_clean());
    for (text, missing) in [("{}", "app_state"), (r#"{"app_state":{}}"#, "app_state.genutil")] {
        let error = census(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("no {missing} in it")), "{error}");
        assert!(error.lines().last().unwrap().starts_with("try: "), "{error}");
    }
}

#[test]
fn broken_json_is_an_error() {
    let cut = &AMINO[..AMINO.len() / 2];
    let deep = format!(r#"{{"app_state":{{"genutil":{{"gen_txs":[{}"#, "[".repeat(100_000));
    let twice = r#"{"app_state":{"genutil":{"gen_txs":[]}},"app_state":{}}"#;
    let layers = r#"{"result":"#.repeat(100_000);
    for text in [
        "",
        "[",
        "null garbage",
        "[]x",
        cut,
        &deep,
        twice,
        &layers,
        r#"{"app_state":{"genutil":{"gen_txs":{}}}}"#,
    ] {
        assert!(matches!(census(text.as_bytes()), Err(GenesisError::Json(_))), "{:.60}", text);
    }
}

#[test]
fn a_gentx_without_a_readable_memo_is_unknown_and_not_clean() {
    for gentx in ["null", "7", "[]", "{}", r#"{"body":7}"#, r#"{"value":[]}"#, r#"{"body":{"memo":7}}"#] {
        let text = format!(r#"{{"app_state":{{"genutil":{{"gentxs":[{gentx}]}}}}}}"#);
        let census = census(text.as_bytes()).unwrap();
        assert_eq!((census.unreadable(), census.is_clean()), (1, false), "{gentx}");
    }
    assert_eq!(reaches(r#"{"app_state":{"genutil":{"gen_txs":[{"body":{}}]}}}"#), [Some(Reach::None)]);
}

#[test]
fn a_huge_memo_is_read_and_little_of_it_kept() {
    let memo = format!("\"{}{ID}@8.8.8.8:26656 {}\"", "@".repeat(1 << 20), "10.0.0.1:1 x@y ".repeat(1 << 16));
    let census = census(proto(&memo).as_bytes()).unwrap();
    assert_eq!(census.gentxs[0].reach(), Some(Reach::Public));
    assert!(census.gentxs[0].published.as_ref().unwrap().len() <= 16);
    let host = format!("\"{ID}@{}\"", "a".repeat(1 << 20));
    let census = super::census(proto(&host).as_bytes()).unwrap();
    assert_eq!(census.gentxs[0].published.as_ref().unwrap()[0].host.len(), 253);
}

#[test]
fn each_reach_but_none_has_a_consequence() {
    use Reach::{CarrierGrade, Loopback, Name, None, Nowhere, Private, Public};
    assert!(consequence(None).is_none());
    for reach in [Public, Name, CarrierGrade, Private, Loopback, Nowhere] {
        assert!(consequence(reach).is_some_and(|c| !c.attack.is_empty() && !c.fix.is_empty()), "{reach}");
    }
}
