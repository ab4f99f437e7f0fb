//! The simulator of the YubiHSM 2, judged by Yubico's own client.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use palisade_tests::binaries;
use palisade_yubihsm_sim::{Config, start};
use std::process::Command;

const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/yubihsm-sim/oracle.py");

#[test]
#[ignore = "needs python-yubihsm: tests/run"]
fn the_vendors_client_finds_a_yubihsm_in_the_simulator() {
    let first = start(Config::default()).unwrap();
    let second = start(Config { serial: 42, ..Config::default() }).unwrap();
    let output = Command::new(binaries::python_yubihsm().unwrap())
        .args([ORACLE, &first.url(), &second.url()])
        .output()
        .unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{wrong}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 14, "{said}");
}
