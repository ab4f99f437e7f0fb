//! Four real validators, one of them behind palisade-signer: its outage is in the blocks, and the monitor shows it at
//! the right heights, as it happens and after.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use comet::key::{Address, PrivateKey};
use palisade_tests::comet_node::{CometNode, Plan, Validator, network};
use palisade_tests::monitor_process::Monitor;
use palisade_tests::node_line::Line;
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use palisade_tests::{http, ports};
use rand_core::OsRng;
use serde_json::Value;

const CHAIN: &str = "palisade-four";
const LIMIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs real nodes: tests/run"]
fn the_monitor_shows_a_stopped_signer_at_the_right_heights() {
    let dir = Scratch::new().unwrap();
    let laddr = format!("tcp://{}", ports::address());
    let mut signer = Signer::make(&dir.path().join("signer"), CHAIN, std::slice::from_ref(&laddr)).unwrap();
    let own = signer.key.address();
    let plan = Plan {
        line: Line::V0_38,
        chain_id: CHAIN,
        proxy_app: "kvstore",
        vote_extensions: false,
        timeout_commit: "100ms",
        timeout_propose: Duration::from_millis(600),
    };
    let mut validators = vec![Validator::Remote(signer.key.clone(), laddr)];
    validators.extend((0..3).map(|_| Validator::Local(PrivateKey::generate(&mut OsRng))));
    let mut nodes = network(dir.path(), &plan, &validators).unwrap();
    signer.start().unwrap();
    for node in &mut nodes {
        node.start().unwrap();
    }
    nodes[1].reach(5, LIMIT).unwrap();
    let rpc = [nodes[1].rpc.clone(), nodes[2].rpc.clone()];
    let watch = own.to_string();
    let mut monitor =
        Monitor::start(&dir.path().join("monitor"), CHAIN, &[&rpc[0], &rpc[1]], &[], &[&watch]).unwrap();
    let before = monitor.reach(8, false, LIMIT).unwrap();
    assert_eq!(of(&before, &own)["consecutive_missed"], 0);

    signer.kill().unwrap();
    let down = nodes[1].height().unwrap();
    nodes[1].reach(down + 25, LIMIT).unwrap();
    let during = monitor.reach(down + 22, false, LIMIT).unwrap();
    let counted = during["counted_height"].as_i64().unwrap();
    let misses = (1..=counted).rev().take_while(|height| flag(&nodes[1], *height, &own) == 1).count();
    assert!(misses >= 18, "only {misses} misses in a row in the blocks up to {counted}");
    assert_eq!(of(&during, &own)["consecutive_missed"], misses, "while it is down");
    assert_heights(&nodes[1], &during, &own);

    signer.start().unwrap();
    let up = nodes[1].height().unwrap();
    nodes[1].reach(up + 25, LIMIT).unwrap();
    let after = monitor.reach(up + 22, false, LIMIT).unwrap();
    assert_eq!(of(&after, &own)["consecutive_missed"], 0, "after it came back");
    assert_heights(&nodes[1], &after, &own);
    assert_counters(&nodes[1], &after, &own);

    // The same as Prometheus gets it, at whatever height the chain is by now.
    let (low, metrics, high) = (monitor.view().unwrap(), monitor.metrics().unwrap(), monitor.view().unwrap());
    let name = "palisade_monitor_validator_missed_blocks_total";
    let shown = metrics.value(name, &[("chain_id", CHAIN), ("valoper", &watch)]).unwrap();
    let missed = |view: &Value| of(view, &own)["missed"].as_f64().unwrap();
    assert!(missed(&low) <= shown && shown <= missed(&high), "{shown} is not the page's number");

    for node in &mut nodes {
        node.stop().unwrap();
    }
    signer.stop().unwrap();
    monitor.stop().unwrap();
}

/// Our row on the monitor's page.
fn of<'a>(view: &'a Value, address: &Address) -> &'a Value {
    let address = address.to_string();
    let all = view["validators"].as_array().unwrap();
    all.iter().find(|validator| validator["address"] == *address).expect("the monitor shows our validator")
}

/// `block_id_flag` of `address` in the commit for `height`: 1 absent, 2 commit, 3 nil. Absent entries have no
/// address, so the index comes from the validator set.
fn flag(node: &CometNode, height: i64, address: &Address) -> i64 {
    let set = http::rpc(&node.rpc, &format!("/validators?height={height}&per_page=100")).unwrap();
    let address = address.to_string();
    let set = set["validators"].as_array().unwrap();
    let index = set.iter().position(|validator| validator["address"] == *address).unwrap();
    node.last_commit(height).unwrap()[index]["block_id_flag"].as_i64().unwrap()
}

/// Each height of the monitor's grid has the letter that the block says.
fn assert_heights(node: &CometNode, view: &Value, own: &Address) {
    let to = view["grid_to"].as_i64().unwrap();
    let letters = of(view, own)["flags"].as_str().unwrap();
    let mut shown = BTreeMap::new();
    for (height, letter) in (1..=to).rev().zip(letters.chars().rev()) {
        let expected = match flag(node, height, own) {
            1 => 'm',
            2 => 's',
            _ => 'n',
        };
        if letter.to_ascii_lowercase() != expected {
            shown.insert(height, (expected, letter));
        }
    }
    assert!(shown.is_empty(), "height: (block, monitor): {shown:?}\nall: {letters}");
}

/// The totals are those of all blocks: the monitor came before there were more than it reads back.
fn assert_counters(node: &CometNode, view: &Value, own: &Address) {
    let mut count = BTreeMap::from([(1, 0_u64), (2, 0), (3, 0)]);
    for height in 1..=view["counted_height"].as_i64().unwrap() {
        *count.entry(flag(node, height, own)).or_default() += 1;
    }
    let row = of(view, own);
    assert_eq!(row["missed"], count[&1]);
    assert_eq!(row["nil"], count[&3]);
    assert_eq!(row["signed"], count[&2] + count[&3]);
}
