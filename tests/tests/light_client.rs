//! CometBFT's own light client believes the devnet: every header, commit and validator set, through a change of the set
//! that leaves less than a third of the trusted power, through failed rounds and nil votes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use palisade_devnet::io::{Options, start};
use palisade_devnet::script::Script;
use palisade_devnet::seats::Origin;
use palisade_tests::process::{Process, until};
use palisade_tests::scratch::Scratch;
use palisade_tests::{binaries, http, ports};

const BLOCKS: i64 = 40;

/// At 12 a newcomer gets more power than all the others together had.
const SCRIPT: &str = r#"
[random]
seed = 3
miss_per_million = 20000

[[event]]
at = 5
validator = 7
nil_every = 2

[[event]]
at = 6
late_round_every = 9

[[event]]
at = 10
validator = 9
leave = true

[[event]]
at = 12
join = 1000000
moniker = "heavy"

[[event]]
at = 20
validator = 11
power = 70000
"#;

#[test]
#[ignore = "needs real nodes: tests/run"]
fn cometbfts_light_client_accepts_the_devnet() {
    let dir = Scratch::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let origin = Origin::akashnet_1();
    let script = Script::parse(SCRIPT, origin.seats.len()).unwrap();
    let options = Options {
        origin,
        script,
        block_time: Duration::from_millis(20),
        blocks: Some(BLOCKS),
        ..Options::default()
    };
    let chain = runtime.block_on(start(options)).unwrap();
    let rpc = chain.rpc_addr().to_string();
    let limit = Duration::from_secs(60);
    runtime
        .block_on(async { tokio::time::timeout(limit, chain.wait_height(BLOCKS)).await })
        .unwrap()
        .unwrap();
    let hash = |height: i64| {
        let commit = http::rpc(&rpc, &format!("/commit?height={height}")).unwrap();
        commit["signed_header"]["commit"]["block_id"]["hash"].as_str().unwrap().to_owned()
    };
    let sets: Vec<String> = [1, BLOCKS - 2]
        .iter()
        .map(|height| {
            let block = http::rpc(&rpc, &format!("/block?height={height}")).unwrap();
            block["block"]["header"]["validators_hash"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_ne!(sets[0], sets[1], "the set was to change");

    // Skipping: the far header first, then bisection across the change of the set.
    let skipping = LightClient::start(&dir.path().join("skipping"), chain.chain_id(), &rpc, &hash(1), &[]);
    let far = skipping.verified_hash(BLOCKS - 2).unwrap();
    assert_eq!(far, hash(BLOCKS - 2));
    drop(skipping);

    // Sequential: every single header from the first.
    let all =
        LightClient::start(&dir.path().join("all"), chain.chain_id(), &rpc, &hash(1), &["--sequential"]);
    for height in 2..BLOCKS - 1 {
        assert_eq!(all.verified_hash(height).unwrap(), hash(height), "height {height}");
        // Blocks: header, data, evidence and last commit hash to what the verified header says.
        http::rpc(&all.address, &format!("/block?height={height}")).unwrap();
        http::rpc(&all.address, &format!("/validators?height={height}&per_page=100")).unwrap();
    }
    drop(all);

    // And it can say no: the hash of another block is not believed.
    let deceived = LightClient::start(&dir.path().join("deceived"), chain.chain_id(), &rpc, &hash(2), &[]);
    assert!(deceived.verified_hash(BLOCKS - 2).is_err(), "a wrong trusted hash was accepted");
    drop(deceived);
    runtime.block_on(chain.stop());
}

/// A light client proxy: what it passes on, it has verified from the trusted hash of height 1.
struct LightClient {
    address: String,
    process: std::cell::RefCell<Process>,
}

impl LightClient {
    fn start(home: &Path, chain_id: &str, rpc: &str, hash: &str, flags: &[&str]) -> Self {
        std::fs::create_dir_all(home).unwrap();
        let address = ports::address();
        let mut command = Command::new(binaries::cometbft().unwrap());
        command
            .args(["light", chain_id, "--height", "1", "--hash", hash])
            .args(["--primary", &format!("http://{rpc}"), "--witnesses", &format!("http://{rpc}")])
            .args(["--laddr", &format!("tcp://{address}"), "--verbose"])
            .args(flags)
            .arg("--home-dir")
            .arg(home);
        let process = Process::start("cometbft light", &mut command, &home.join("light.log")).unwrap();
        Self { address, process: process.into() }
    }

    fn verified_hash(&self, height: i64) -> anyhow::Result<String> {
        until("the light client", Duration::from_secs(10), || {
            // Its end is an answer as well: then there is nothing to wait for.
            if self.process.borrow_mut().ended()?.is_some() {
                return Ok(Some(Err(anyhow::anyhow!("it gave up:\n{}", self.process.borrow().tail()))));
            }
            let commit = http::rpc(&self.address, &format!("/commit?height={height}"))?;
            Ok(commit["signed_header"]["commit"]["block_id"]["hash"].as_str().map(|hash| Ok(hash.to_owned())))
        })?
    }
}
