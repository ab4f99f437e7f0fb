//! The chain's own book-keeping against the monitor's, validator by validator, after thousands of blocks in which
//! everything goes wrong that the rules know. The devnet counts as a chain does, the monitor from outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use comet::key::Address;
use palisade_devnet::io::{Handle, Options, start};
use palisade_devnet::line::Line;
use palisade_devnet::script::Script;
use palisade_devnet::seats::Origin;
use palisade_devnet::truth::ValidatorTruth;
use palisade_tests::exposition::Exposition;
use palisade_tests::http;
use palisade_tests::monitor_process::Monitor;
use palisade_tests::process::until;
use palisade_tests::scratch::Scratch;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;

const BLOCKS: i64 = 2_200;
/// Where the chain stands still for a look: when the monitor starts, before governance changes the window, after it has
/// made it shorter, and after it has made it longer.
const LOOKS: [(i64, i64); 4] = [(39, 100), (1_599, 100), (1_605, 60), (1_905, 150)];
/// For everything that the monitor needs while the chain stands still; a look at x/staking comes every half a minute.
const SOON: Duration = Duration::from_secs(150);

/// Everything at once.
const SCRIPT: &str = include_str!("../data/rough_sea.toml");
const THOUSAND: &str = include_str!("../data/thousand_seats.toml");

macro_rules! on_each_line {
    ($($name:ident: $line:ident,)*) => {$(
        #[test]
        #[ignore = "needs the built programs: tests/run, two at once"]
        fn $name() {
            agrees_on_every_counter(Line::$line);
        }
    )*};
}

// The rules, the layout of the store, the queries and the events of each line of SDKs.
on_each_line! {
    agrees_on_sdk_039: V039,
    agrees_on_sdk_042: V042,
    agrees_on_sdk_045: V045,
    agrees_on_sdk_046: V046,
    agrees_on_sdk_047: V047,
    agrees_on_sdk_053: V053,
    agrees_on_sdk_055: V055,
}

/// What the monitor is to call the line that it meets.
fn found_as(line: Line) -> &'static str {
    match line {
        Line::V039 => "SDK 0.39",
        Line::V042 => "SDK 0.40-0.42",
        Line::V045 => "SDK 0.43-0.45",
        Line::V046 => "SDK 0.46",
        Line::V047 => "SDK 0.47",
        Line::V053 => "SDK 0.50-0.54",
        Line::V055 => "SDK 0.55",
    }
}

fn agrees_on_every_counter(line: Line) {
    let mut origin = Origin::akashnet_1();
    origin.line = line;
    let blocks = std::env::var("PALISADE_DEVNET_BLOCKS").map_or(BLOCKS, |n| n.parse().unwrap());
    assert!(blocks >= BLOCKS, "the script ends at {BLOCKS}");
    let mut run = Run::start(origin, SCRIPT, blocks, BLOCKS);
    for (height, window) in LOOKS {
        run.to(height, window);
        let view = run.agreement(SOON);
        if height < 1_600 {
            // Up to here the parameters have been the same all the time, so its own arithmetic has to be enough.
            assert_eq!(view["sdk_line"], found_as(line), "{}", view["sdk_evidence"]);
            assert_eq!(view["disagreements"], 0, "the monitor's arithmetic had to be corrected by the chain");
        }
    }

    let (jailings, late_rounds) = run.end();
    assert!(jailings >= 3 && late_rounds >= 50, "the script is too tame");
}

#[test]
#[ignore = "takes minutes: by hand"]
fn agrees_with_a_thousand_validators() {
    let mut origin = Origin::akashnet_1().with_seats(1_000);
    origin.max_validators = 1_000;
    let blocks = std::env::var("PALISADE_DEVNET_BLOCKS_OF_1000").map_or(200, |n| n.parse().unwrap());
    let mut run = Run::start(origin, THOUSAND, blocks, 200);
    run.to(19, 50);
    let (jailings, late_rounds) = run.end();
    assert!(jailings >= 3 && late_rounds >= 1, "the script is too tame");
}

/// A chain, and the monitor that watches it.
struct Run {
    runtime: Runtime,
    chain: Handle,
    /// The height that the chain may make.
    go: watch::Sender<i64>,
    rpc: String,
    monitor: Monitor,
    blocks: i64,
    limit: Duration,
    _dir: Scratch,
}

impl Run {
    /// `blocks` may be more than the script has, which then go on with its random faults.
    fn start(origin: Origin, script: &str, blocks: i64, scripted: i64) -> Self {
        let dir = Scratch::new().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let amino = origin.line.is_amino();
        let script = Script::parse(script, origin.seats.len()).unwrap();
        let (block_time, keep) = (Duration::from_millis(5), 3_000);
        let (go, hold) = watch::channel(1);
        let mut options = Options { origin, script, block_time, keep, ..Options::default() };
        (options.blocks, options.hold) = (Some(blocks), Some(hold));
        let chain = runtime.block_on(start(options)).unwrap();
        let (rpc, grpc) = (chain.rpc_addr().to_string(), chain.grpc_addr().to_string());
        // 0.39 has no gRPC.
        let grpc: Vec<&str> = if amino { Vec::new() } else { vec![&grpc] };
        let monitor =
            Monitor::start(&dir.path().join("monitor"), chain.chain_id(), &[&rpc], &grpc, &[]).unwrap();
        let limit = Duration::from_secs(400) * u32::try_from(blocks / scripted).unwrap();
        Self { runtime, chain, go, rpc, monitor, blocks, limit, _dir: dir }
    }

    /// Lets the chain go on to this height, where it stands still, and the monitor follow and read that the window is this long.
    fn to(&mut self, height: i64, window: i64) {
        self.go.send_replace(height);
        let made = async { tokio::time::timeout(self.limit, self.chain.wait_height(height)).await };
        self.runtime.block_on(made).unwrap().unwrap();
        self.monitor.reach(height - 1, true, self.limit).unwrap();
        until("the monitor knows the window", SOON, || {
            let blocks = self.monitor.view()?["window"]["blocks"].clone();
            ensure!(blocks == window, "it says {blocks}");
            Ok(Some(()))
        })
        .unwrap();
    }

    /// Compares everything when the chain has stopped. How many were jailed, and how many rounds were late.
    fn end(mut self) -> (usize, u64) {
        let Self { runtime, chain, go, blocks, limit, .. } = &self;
        go.send_replace(i64::MAX);
        runtime
            .block_on(async { tokio::time::timeout(*limit, chain.wait_height(*blocks)).await })
            .unwrap()
            .unwrap();
        self.monitor.reach(self.blocks - 1, true, self.limit).unwrap();
        let truth = self.chain.truth().unwrap();
        let jailed = truth.validators.iter().filter(|v| v.jailed).count();
        let jailings = truth.validators.iter().filter(|v| v.jailed_until > 0).count();
        let (height, late) = (truth.height, truth.late_rounds);
        println!("{height} blocks, {late} late rounds, {jailings} were jailed, {jailed} are");

        // Names, and jail of those outside the set, come with the next look at x/staking.
        let view = self.agreement(SOON);
        assert_eq!(view["unknown_heights"], 0);
        assert_metrics_are_the_view(&self.monitor.metrics().unwrap(), &view);
        self.monitor.stop().unwrap();
        self.runtime.block_on(self.chain.stop());
        (jailings, late)
    }

    fn agreement(&mut self, limit: Duration) -> Value {
        agreement(&self.chain, &mut self.monitor, &self.rpc, limit)
    }
}

/// Compares everything until nothing differs; the chain stands still meanwhile. The view that agrees.
fn agreement(chain: &Handle, monitor: &mut Monitor, rpc: &str, limit: Duration) -> Value {
    let truth = chain.truth().unwrap();
    let block = http::rpc(rpc, &format!("/block?height={}", truth.height)).unwrap();
    let proposer = block["block"]["header"]["proposer_address"].as_str().unwrap();
    until("agreement", limit, || {
        let view = monitor.view()?;
        let differences = compare(chain, &truth.validators, proposer, &view);
        let height = truth.height;
        ensure!(
            differences.is_empty(),
            "at {height} {} differ:\n{}",
            differences.len(),
            differences.join("\n")
        );
        Ok(Some(view))
    })
    .unwrap()
}

/// Every number of every validator that was ever in the set.
fn compare(chain: &Handle, truth: &[ValidatorTruth], last_proposer: &str, view: &Value) -> Vec<String> {
    let shown: BTreeMap<&str, &Value> = view["validators"]
        .as_array()
        .unwrap()
        .iter()
        .map(|validator| (validator["address"].as_str().unwrap(), validator))
        .collect();
    let mut differences = Vec::new();
    for own in truth {
        let Some(seen) = shown.get(own.address.as_str()) else {
            differences.push(format!("seat {} ({}) is not shown", own.seat, own.moniker));
            continue;
        };
        // The truth counts the proposer of the last block, the monitor only that of counted heights.
        let proposed = own.proposed - u64::from(own.address == last_proposer);
        let mut pairs = vec![
            ("valoper", Value::from(own.valoper.as_str())),
            ("moniker", own.moniker.as_str().into()),
            ("signed", (own.signed + own.nil).into()),
            ("nil", own.nil.into()),
            ("missed", own.missed.into()),
            ("consecutive_missed", own.consecutive_missed.into()),
            ("proposed", proposed.into()),
            ("window_missed", own.window_missed.into()),
            ("window_limit", own.window_limit.into()),
            ("jailed", own.jailed.into()),
            ("tombstoned", own.tombstoned.into()),
        ];
        if seen["exact"] == true && seen["in_set"] == true && own.bonded {
            let address = Address::from_hex(&own.address).unwrap();
            pairs.push(("blocks_to_jail", chain.blocks_to_jail(&address).into()));
        }
        for (field, expected) in pairs {
            if seen[field] != expected {
                let (seat, moniker) = (own.seat, &own.moniker);
                differences.push(format!(
                    "seat {seat} ({moniker}) {field}: chain {expected}, monitor {}",
                    seen[field]
                ));
            }
        }
    }
    differences
}

/// The exposition says what the page says.
fn assert_metrics_are_the_view(metrics: &Exposition, view: &Value) {
    let chain_id = view["chain_id"].as_str().unwrap();
    for validator in view["validators"].as_array().unwrap() {
        let labels = [("chain_id", chain_id), ("valoper", validator["valoper"].as_str().unwrap())];
        for (metric, field) in [
            ("signed_blocks_total", "signed"),
            ("missed_blocks_total", "missed"),
            ("consecutive_missed_blocks", "consecutive_missed"),
            ("window_missed_blocks", "window_missed"),
            ("window_limit_blocks", "window_limit"),
            ("blocks_to_jail", "blocks_to_jail"),
            ("uptime_ratio", "uptime_ratio"),
        ] {
            let shown = metrics.value(&format!("palisade_monitor_validator_{metric}"), &labels);
            let expected = validator[field].as_f64();
            let same = match (shown, expected) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-9,
                (a, b) => a == b,
            };
            assert!(same, "{metric} of {labels:?}: page {expected:?}, metric {shown:?}");
        }
        let jailed = validator["jailed"].as_bool().map(|jailed| f64::from(u8::from(jailed)));
        assert_eq!(metrics.value("palisade_monitor_validator_jailed", &labels), jailed);
    }
}
