//! The monitor's windows against x/slashing itself: a real Cosmos SDK 0.53 chain of 64 validators, with misses to order
//! and a jailing. At every moment looked at, both must say the same of all 64.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use comet::bech32;
use comet::key::Address;
use palisade_tests::hub::{Hub, Plan};
use palisade_tests::monitor_process::Monitor;
use palisade_tests::process::until;
use palisade_tests::scratch::Scratch;
use palisade_tests::sdk_record::{self, Record};
use palisade_tests::sdk_truth::{self, Truth};
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

/// Long and fast: misses all over the set, one jailing after the other, and nothing of it may be off by one, at any height
/// and for any of the 64.
#[test]
#[ignore = "needs real nodes: tests/run"]
fn every_counter_of_500_blocks_with_jailings_is_the_chains() {
    const BLOCKS: i64 = 500;
    let dir = Scratch::new().unwrap();
    let plan = Plan {
        chain_id: CHAIN,
        validators: VALIDATORS,
        window: 100,
        min_signed: "0.5",
        timeout_commit: "40ms",
    };
    let mut hub = Hub::start(dir.path(), &plan).unwrap();
    hub.reach(3, PATIENCE).unwrap();
    let mut monitor =
        Monitor::start(&dir.path().join("monitor"), CHAIN, &[&hub.rpc], &[&hub.grpc], &[]).unwrap();
    let record = Record::start(&monitor.listen);
    let first = monitor.reach(4, true, PATIENCE).unwrap()["height"].as_i64().unwrap();

    // Who goes down for ever, and when; the others miss a few heights now and then, by a sequence without a pattern. One
    // order a height, or too many would miss the same one and the chain would stand.
    let mut down = vec![(120, 12), (125, 40), (200, 33), (260, 7), (265, 8)];
    let (mut dice, mut ordered, begun) = (1usize, 0, Instant::now());
    while ordered < first + BLOCKS + 10 {
        assert!(begun.elapsed() < 3 * PATIENCE, "the chain is at {ordered} only");
        let height = i64::try_from(hub.height().unwrap()).unwrap();
        if height > ordered {
            ordered = height;
            dice = dice * 1_103_515_245 % 2_147_483_647;
            match down.iter().position(|(from, _)| *from <= height) {
                Some(at) => hub.order("down", down.remove(at).1, 1).unwrap(),
                None => hub.order("miss", dice % VALIDATORS, u64::try_from(dice / 64 % 6).unwrap()).unwrap(),
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let view = monitor.reach(first + BLOCKS + 5, true, PATIENCE).unwrap();
    assert_eq!(view["disagreements"], 0, "its arithmetic had to be corrected by the chain");

    let views = record.taken();
    let heights = *views.keys().next().unwrap()..=*views.keys().last().unwrap();
    let truths: BTreeMap<i64, Truth> = (heights.start() - 1..=*heights.end())
        .map(|height| (height, sdk_truth::over_rest(&hub.rest, height).unwrap()))
        .collect();
    let differences = sdk_record::differences(&views, &truths).unwrap();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    let jailings = sdk_record::jailings(&truths);
    let forecasts: usize = jailings
        .iter()
        .map(|(height, who)| sdk_record::check_forecasts(&hub.rpc, &views, who, 0, *height).unwrap())
        .sum();
    println!(
        "{} of the heights {heights:?} compared, {} validators each; jailed in {:?}; {forecasts} forecasts of it",
        views.len(),
        VALIDATORS,
        jailings.iter().map(|(height, _)| height).collect::<Vec<_>>()
    );
    assert!(i64::try_from(views.len()).unwrap() > BLOCKS * 3 / 4, "only {} heights were shown", views.len());
    assert!(jailings.len() >= 5 && forecasts > 150, "{} jailings, {forecasts} forecasts", jailings.len());
    monitor.stop().unwrap();
}
