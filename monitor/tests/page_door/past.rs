//! The past that the page draws, out of a history that was there before.

use super::{Daemon, TOKENS, VIEW, bearer, client};
use comet::key::Address;
use palisade_monitor::chain::Head;
use palisade_monitor::flag::Flag;
use palisade_monitor::io::history::{History, Written};
use palisade_monitor::io::http::Tls;
use palisade_monitor::row::Row;
use palisade_monitor::set::{Member, Set};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A history of a block a minute for 200 minutes from the beginning of an hour on; of its two validators the first has
/// missed every tenth.
fn write_history(dir: &Path) -> Address {
    let address = |n: u8| Address([n; 20]);
    let member = |n: u8| Member { address: address(n), power: 10, key: vec![n; 32] };
    let set = Arc::new(Set::new("AA".into(), vec![member(7), member(8)]));
    let time = |height: i64| (1_700_006_400 + (height - 1) * 60) * 1_000_000_000;
    let row = |height: i64| {
        let flag = if height % 10 == 0 { Flag::Absent } else { Flag::Commit };
        let (time, set) = (time(height), set.clone());
        Arc::new(Row { height, time, round: 0, proposer: Some(1), set, flags: vec![flag, Flag::Commit] })
    };
    let rows: Vec<_> = (1..=200).map(row).collect();
    let head = Head { height: 201, time: time(201), set_hash: "AA".into(), proposer: None };
    let mut history = History::open(&dir.join("data"), "c-1").unwrap();
    let written = Written { rows: &rows, head: Some(&head), head_set: Some(&set), ..Written::default() };
    history.record(written, |_| None).unwrap();
    while history.maintain().unwrap() {}
    address(7)
}

#[tokio::test]
async fn the_past_is_told_in_whole_hours_to_whoever_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let who = write_history(dir.path());
    let daemon = Daemon::start(dir.path(), TOKENS).await;
    let (http, view) = (client(&Tls::default()), bearer(VIEW));
    let path = format!("/api/chains/c-1/validators/{who}/history");
    assert_eq!(daemon.status(&http, &path, &[]).await, 401);
    let answer = daemon.ask(&http, &path, &[("authorization", &view)]).await.unwrap();
    let past: Value = serde_json::from_slice(&answer.body).unwrap();
    let hour = |start: i64| serde_json::json!({ "start": start, "signed": 54, "missed": 6, "nil": 0, "proposed": 0, "longest_missed": 1 });
    let hours: Vec<_> = (0..3).map(|n| hour(1_700_006_400 + n * 3_600)).collect();
    assert_eq!(
        past,
        serde_json::json!({ "hours": hours, "days": [] }),
        "neither the fourth hour nor the day is over"
    );
    let nobody = path.replace(&who.to_string(), "nobody");
    assert_eq!(daemon.status(&http, &nobody, &[("authorization", &view)]).await, 404);
    daemon.stop().await;
}
