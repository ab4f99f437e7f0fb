//! What both daemons expose, read by Prometheus' own checker.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use palisade_devnet::io::{Options, Remote, start};
use palisade_tests::monitor_process::Monitor;
use palisade_tests::scratch::Scratch;
use palisade_tests::signer_process::Signer;
use palisade_tests::{binaries, http};

/// The rules and their own tests.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/prometheus");

#[test]
#[ignore = "needs promtool: tests/run"]
fn promtool_has_nothing_to_say() {
    let dir = Scratch::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options = Options {
        block_time: Duration::from_millis(50),
        remote: Some(Remote { seat: 0, addresses: vec!["tcp://127.0.0.1:0".into()], key: None }),
        ..Options::default()
    };
    let chain = runtime.block_on(start(options)).unwrap();
    let mut signer =
        Signer::make(&dir.path().join("signer"), chain.chain_id(), chain.privval_addrs()).unwrap();
    let (rpc, grpc) = (chain.rpc_addr().to_string(), chain.grpc_addr().to_string());
    // With a guard, because its metric is there only then. Nobody has to answer it at once: this is about names.
    signer
        .configure(&format!(
            "rpc = [\"http://{rpc}\"]\ndoppelganger_blocks = 1\ndoppelganger_max_wait = \"1s\"\n"
        ))
        .unwrap();
    signer.start().unwrap();
    let mut monitor =
        Monitor::start(&dir.path().join("monitor"), chain.chain_id(), &[&rpc], &[&grpc], &[]).unwrap();
    monitor.reach(20, true, Duration::from_secs(30)).unwrap();
    let mut all = String::new();
    for (daemon, address) in [("signer", &signer.listen), ("monitor", &monitor.listen)] {
        let metrics = http::get(address, "/metrics").unwrap();
        assert!(metrics.lines().filter(|line| line.starts_with("palisade_")).count() > 20, "{metrics}");
        check(daemon, &metrics);
        all += &metrics;
    }
    for name in metrics_of_the_rules() {
        assert!(all.contains(&format!("# TYPE {name} ")), "the rules ask for {name}, which nobody exposes");
    }
    monitor.stop().unwrap();
    signer.stop().unwrap();
    runtime.block_on(chain.stop());
}

#[test]
#[ignore = "needs promtool: tests/run"]
fn the_shipped_rules_do_what_their_tests_say() {
    for arguments in [
        ["check", "rules", "palisade.rules.yml"],
        ["check", "rules", "palisade-monitor.rules.yml"],
        ["test", "rules", "palisade.rules.test.yml"],
        ["test", "rules", "palisade-monitor.rules.test.yml"],
    ] {
        let out =
            Command::new(binaries::promtool().unwrap()).args(arguments).current_dir(RULES).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{arguments:?}: {said}");
    }
}

fn metrics_of_the_rules() -> Vec<String> {
    // Those of the monitor are made from its own table, whose test compares them with its metrics.
    let rules = std::fs::read_to_string(format!("{RULES}/palisade.rules.yml")).unwrap();
    let names: Vec<String> = rules
        .lines()
        .filter(|line| line.contains("palisade_"))
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with("palisade_"))
        // Those of marks in etcd are there only with an etcd, and those of threshold keys only with one: signer_etcd.rs and
        // signer_on_frost.rs look at them.
        .filter(|word| {
            !["signer_etcd_", "peer_conflicts_", "signer_frost_"].iter().any(|part| word.contains(part))
        })
        .map(String::from)
        .collect();
    assert!(names.len() > 5, "{names:?}");
    names
}

fn check(daemon: &str, metrics: &str) {
    let mut promtool = Command::new(binaries::promtool().unwrap());
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.trim().is_empty(), "{daemon}: {said}");
}
