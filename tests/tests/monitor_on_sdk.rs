//! The monitor's windows against x/slashing itself: a real Cosmos SDK 0.53 chain of 64 validators, with misses to order
//! and a jailing. At every moment looked at, both must say the same of all 64.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use comet::bech32;
use comet::key::Address;
use palisade_tests::hub::{Hub, Plan};
use palisade_tests::monitor_process::Monitor;
use palisade_tests::process::until;
use palisade_tests::scratch::Scratch;
use serde_json::Value;

const CHAIN: &str = "palisade-window";
const VALIDATORS: usize = 64;
const WINDOW: u64 = 60;
/// min_signed 0.5 of 60.
const LIMIT: i64 = 30;
/// Near it, with room for votes that really come late on a busy machine.
const NEAR_LIMIT: u64 = 22;
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
#[ignore = "needs real nodes: tests/run"]
fn the_monitors_windows_are_those_of_the_chain() {
    let dir = Scratch::new().unwrap();
    let plan = Plan {
        chain_id: CHAIN,
        validators: VALIDATORS,
        window: WINDOW,
        min_signed: "0.5",
        timeout_commit: "100ms",
    };
    let mut hub = Hub::start(dir.path(), &plan).unwrap();
    hub.reach(3, PATIENCE).unwrap();
    let mut monitor =
        Monitor::start(&dir.path().join("monitor"), CHAIN, &[&hub.rpc], &[&hub.grpc], &[]).unwrap();
    monitor.reach(5, true, PATIENCE).unwrap();
    assert_agreement(&mut monitor, &hub, "at the start");

    hub.order("miss", 3, 4).unwrap();
    hub.order("miss", 7, 10).unwrap();
    hub.order("miss", 9, NEAR_LIMIT).unwrap();
    hub.order("down", 12, 1).unwrap();
    let height = hub.reach(25, PATIENCE).unwrap();
    monitor.reach(i64::try_from(height).unwrap(), true, PATIENCE).unwrap();
    assert_agreement(&mut monitor, &hub, "in the first window");

    // The window is full at 60 or later; then validator 12 goes to jail, and 9, near its limit, does not.
    let addresses = hub.addresses().unwrap();
    until("the jailing of validator 12", PATIENCE, || {
        let view = monitor.view()?;
        ensure!(of(&view, &addresses[12])["jailed"] == true, "height {}", view["height"]);
        Ok(Some(()))
    })
    .unwrap();
    let view = assert_agreement(&mut monitor, &hub, "after the jailing");
    assert_eq!(of(&view, &addresses[12])["window_missed"], 0, "the window of a jailed validator starts anew");
    assert_eq!(of(&view, &addresses[9])["jailed"], false, "near its limit and not beyond");

    // What was missed leaves the window again.
    hub.order("miss", 5, 2).unwrap();
    let height = hub.reach(3 * WINDOW, PATIENCE).unwrap();
    monitor.reach(i64::try_from(height).unwrap(), true, PATIENCE).unwrap();
    let view = assert_agreement(&mut monitor, &hub, "two windows later");
    assert_eq!(view["disagreements"], 0, "its arithmetic had to be corrected by the chain");
    let missed = of(&view, &addresses[9])["window_missed"].as_i64().unwrap();
    assert!(missed < LIMIT / 2, "{missed} misses never left the window");
    monitor.stop().unwrap();
}

/// A double signature is punished by the chain in the block that carries the evidence, with no miss and no window.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn a_tombstone_is_seen() {
    let dir = Scratch::new().unwrap();
    let plan =
        Plan { chain_id: CHAIN, validators: 8, window: WINDOW, min_signed: "0.5", timeout_commit: "100ms" };
    let mut hub = Hub::start(dir.path(), &plan).unwrap();
    hub.reach(3, PATIENCE).unwrap();
    let mut monitor =
        Monitor::start(&dir.path().join("monitor"), CHAIN, &[&hub.rpc], &[&hub.grpc], &[]).unwrap();
    monitor.reach(5, true, PATIENCE).unwrap();
    hub.order("equivocate", 2, 1).unwrap();
    let address = hub.addresses().unwrap().remove(2);
    let view = until("the tombstone", Duration::from_secs(20), || {
        let view = monitor.view()?;
        let seen = of(&view, &address);
        ensure!(seen["tombstoned"] == true && seen["jailed"] == true, "{seen}");
        Ok(Some(view))
    })
    .unwrap();
    assert_eq!(view["disagreements"], 0, "its arithmetic had to be corrected by the chain");
    monitor.stop().unwrap();
}

fn of<'a>(view: &'a Value, address: &str) -> &'a Value {
    let all = view["validators"].as_array().unwrap();
    all.iter().find(|validator| validator["address"] == *address).expect("the monitor shows every validator")
}

/// Takes the monitor's view at some height, asks the chain for the state after exactly that height, and compares all.
fn assert_agreement(monitor: &mut Monitor, hub: &Hub, when: &str) -> Value {
    let view = monitor.view().unwrap();
    let height = view["height"].as_u64().unwrap();
    let infos = until("the chain's own state", PATIENCE, || hub.signing_infos(height).map(Some)).unwrap();
    let jailed: BTreeMap<Vec<u8>, bool> = hub
        .validators(height)
        .unwrap()
        .into_iter()
        .map(|(valoper, (_, jailed))| (bech32::decode(&valoper).unwrap().1, jailed))
        .collect();
    assert_eq!(infos.len(), view["validators"].as_array().unwrap().len());
    let mut differences = Vec::new();
    for (valcons, info) in &infos {
        // The hub's operators have the bytes of their consensus addresses.
        let bytes = bech32::decode(valcons).unwrap().1;
        let address = Address::from_bytes(&bytes).unwrap().to_string();
        let seen = of(&view, &address);
        for (field, expected) in [
            ("window_missed", Value::from(info.missed)),
            ("window_limit", LIMIT.into()),
            ("jailed", jailed[&bytes].into()),
            ("tombstoned", info.tombstoned.into()),
        ] {
            if seen[field] != expected {
                differences
                    .push(format!("{} {field}: chain {expected}, monitor {}", seen["moniker"], seen[field]));
            }
        }
    }
    println!(
        "{when}: height {height}, {} of {} counters are not 0",
        infos.values().filter(|i| i.missed > 0).count(),
        infos.len()
    );
    assert!(differences.is_empty(), "{when}, height {height}:\n{}", differences.join("\n"));
    view
}
