//! A monitor that is killed again and again while it writes has, in the end, the same history as one that nobody disturbed:
//! every row, counter, hour and day, and after each kill a state that has been.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use comet::key::Address;
use palisade_devnet::dice;
use palisade_devnet::io::{Options, start};
use palisade_devnet::script::Script;
use palisade_devnet::seats::{COIN, Origin};
use palisade_monitor::history::{CHUNK, DAY};
use palisade_monitor::io::history::{History, Reader, portable, read};
use palisade_monitor::tally::Tally;
use palisade_tests::monitor_process::Monitor;
use palisade_tests::scratch::Scratch;
use rand_core::{OsRng, RngCore as _};

/// Enough that the oldest rows are sealed.
const BLOCKS: i64 = 11_000;
const KILLS: i64 = 50;
const VALIDATORS: usize = 16;
/// The chain stands still before this height, until both monitors have seen its first block.
const BEGIN: i64 = 30;

/// Blocks fast, headers half a minute apart: hours and days go by. Everything that a row can hold happens.
const SCRIPT: &str = r#"
[chain]
window = 100
min_signed = "0.5"
jail = "1s"

[random]
seed = 11
miss_per_million = 3000

[[event]]
at = 30
halt = "15s"

[[event]]
at = 5
validator = 9
nil_every = 3

[[event]]
at = 20
late_round_every = 50

[[event]]
at = 300
validator = 12
down = 900

[[event]]
at = 1500
validator = 12
unjail = true

[[event]]
at = 2000
join = 640

[[event]]
at = 3000
validator = 14
leave = true

[[event]]
at = 4000
validator = 10
equivocate = true

[[event]]
at = 5000
rpc_garbage = 40

[[event]]
at = 6000
rpc_unavailable = 40

[[event]]
at = 7000
validator = 13
miss_every = 2
"#;

#[test]
#[ignore = "needs the built programs: tests/run"]
fn a_monitor_that_is_killed_has_the_history_of_one_that_is_not() {
    let seed = std::env::var("PALISADE_SEED").map_or_else(|_| OsRng.next_u64(), |seed| seed.parse().unwrap());
    println!("PALISADE_SEED={seed}");
    let dir = Scratch::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut origin = Origin::akashnet_1().with_seats(VALIDATORS);
    // Alike, so that the few who are away never take a third of the power with them.
    origin.seats.iter_mut().for_each(|seat| seat.tokens = 1_000 * COIN);
    let script = Script::parse(SCRIPT, VALIDATORS).unwrap();
    let options = Options {
        origin,
        script,
        block_time: Duration::from_millis(10),
        pace: Some(Duration::from_secs(30)),
        blocks: Some(BLOCKS),
        keep: usize::try_from(BLOCKS).unwrap(),
        ..Options::default()
    };
    let chain = runtime.block_on(start(options)).unwrap();
    let (rpc, grpc) = (chain.rpc_addr().to_string(), chain.grpc_addr().to_string());
    let begin = |name: &str| {
        Monitor::start(&dir.path().join(name), chain.chain_id(), &[&rpc], &[&grpc], &[]).unwrap()
    };
    let (mut calm, mut killed) = (begin("calm"), begin("killed"));
    for monitor in [&mut calm, &mut killed] {
        monitor.reach(BEGIN - 2, false, Duration::from_secs(60)).unwrap();
    }
    let id = chain.chain_id().to_owned();
    let id = id.as_str();
    let store = |name: &str| dir.path().join(name).join("data");
    let mut heights = Vec::new();
    for kill in 1..=KILLS {
        std::thread::sleep(Duration::from_millis(dice::roll(seed, kill, 0) % 2_500));
        killed.kill().unwrap();
        heights.push(is_whole(&store("killed"), id));
        killed.restart().unwrap();
    }
    let grown = heights.windows(2).filter(|pair| pair[0] < pair[1]).count();
    println!("{KILLS} kills, {grown} of them after something was written, at {heights:?}");
    assert!(grown >= 30, "it was hardly ever killed while it wrote");

    let limit = Duration::from_secs(400);
    runtime
        .block_on(async { tokio::time::timeout(limit, chain.wait_height(BLOCKS)).await })
        .unwrap()
        .unwrap();
    for monitor in [&mut calm, &mut killed] {
        monitor.reach(BLOCKS - 1, false, limit).unwrap();
        monitor.stop().unwrap();
    }
    let truth = chain.truth().unwrap();
    runtime.block_on(chain.stop());

    let (expected, found) = (told(&store("calm"), id), told(&store("killed"), id));
    let lines = |all: &[String]| all.iter().cloned().collect::<BTreeSet<String>>();
    let only = |one: &[String], other: &[String]| {
        let lines: Vec<String> = lines(one).difference(&lines(other)).take(5).cloned().collect();
        lines.iter().map(|line| line.chars().take(160).collect()).collect::<Vec<String>>()
    };
    let (lost, made_up) = (only(&expected, &found), only(&found, &expected));
    assert!(expected == found, "lost: {lost:#?}\nmade up: {made_up:#?}");
    for kind in ["rows", "rollup", "event", "tally", "head"] {
        let count = expected.iter().filter(|line| line.starts_with(&format!("{{\"{kind}\""))).count();
        println!("{count} lines of {kind}");
        assert!(count > 0, "nothing of {kind} was compared");
    }

    // And what both say is what the chain says.
    let reader = Reader::open(&store("killed"), id).unwrap();
    let tallies = read::tallies(reader.connection()).unwrap();
    for of in &truth.validators {
        let tally = tallies[&Address::from_hex(&of.address).unwrap()];
        let expected = (of.signed + of.nil, of.nil, of.missed, of.consecutive_missed);
        let own = (tally.signed, tally.nil, tally.missed, tally.consecutive_missed);
        assert_eq!(own, expected, "{}", of.moniker);
    }
}

/// What a kill has left must be a state that has been: all heights up to the head, and counters of just these. The newest
/// height.
fn is_whole(store: &Path, chain_id: &str) -> i64 {
    let reader = Reader::open(store, chain_id).unwrap();
    let mut counted: BTreeMap<Address, Tally> = BTreeMap::new();
    let mut newest = 0;
    read::rows(reader.connection(), 0..=i64::MAX - CHUNK, None, |rows| {
        for row in rows {
            assert_eq!(row.height, newest + 1, "a height is missing or twice");
            newest = row.height;
            for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
                counted.entry(member.address).or_default().count(*flag, row.proposer == Some(index));
            }
        }
    })
    .unwrap();
    assert_eq!(read::tallies(reader.connection()).unwrap(), counted, "at {newest}");
    assert_eq!(read::head(reader.connection()).unwrap().unwrap().height, newest + 1);
    newest
}

/// All that a history tells, once its hours are folded and its chunks sealed. Not names, and not jailings: those are seen
/// by looking at the chain's state now and then, which whoever is killed does at other moments.
fn told(store: &Path, chain_id: &str) -> Vec<String> {
    let mut history = History::open(store, chain_id).unwrap();
    while history.maintain().unwrap() {}
    let bounds = read::bounds(history.connection()).unwrap().unwrap();
    assert_eq!((bounds, read::gaps(history.connection()).unwrap()), (1..=BLOCKS - 1, Vec::new()));
    let sealed = "SELECT count(*) FROM chunk";
    let sealed: i64 = history.connection().query_row(sealed, [], |row| row.get(0)).unwrap();
    let days = read::rollups(history.connection(), DAY, 0..=i64::MAX, None).unwrap().len();
    assert!(sealed > 0 && days > VALIDATORS, "{sealed} chunks, {days} days");
    let mut file = Vec::new();
    portable::export(&Reader::open(store, chain_id).unwrap(), chain_id, &mut file).unwrap();
    let lines = String::from_utf8(file).unwrap();
    let seen_at_a_look = ["{\"name\"", "{\"sha256\""];
    let jailing = |line: &str| line.starts_with("{\"event\"") && line.contains("jailed\"");
    let kept = |line: &&str| !seen_at_a_look.iter().any(|start| line.starts_with(start)) && !jailing(line);
    lines.lines().filter(kept).map(str::to_owned).collect()
}
