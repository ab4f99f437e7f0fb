//! The one command that a visitor types: it shows a page soon, judges itself at the end, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use palisade_tests::process::{Process, until};
use palisade_tests::scratch::Scratch;
use palisade_tests::{binaries, http};
use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::Value;

/// The limit for the page; cold debug binaries included.
const SOON: Duration = Duration::from_secs(10);

#[test]
#[ignore = "needs the built programs: tests/run"]
fn the_demo_judges_itself() {
    let scratch = Scratch::new().unwrap();
    let mut command = Command::new(binaries::own("palisade").unwrap());
    command.args(["demo", "--blocks", "40", "--block-time", "250ms", "--json"]).current_dir(scratch.path());
    let out = command.output().unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    let text = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{text}{errors}");
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["good"], true, "{summary}");
    assert_eq!(summary["double_signs"], 0);
    assert_eq!(summary["validators"], 64);
    assert_eq!(summary["signed"], summary["signed_height"], "our validator signed all of its blocks");
    assert!(summary["blocks"].as_i64() >= Some(40), "{summary}");
    assert!(
        std::fs::read_dir(scratch.path()).unwrap().next().is_none(),
        "it left files where it was started"
    );
}

#[test]
#[ignore = "needs the built programs: tests/run"]
fn the_demo_shows_a_page_and_leaves_nothing() {
    let scratch = Scratch::new().unwrap();
    let mut command = Command::new(binaries::own("palisade").unwrap());
    command.arg("demo").current_dir(scratch.path());
    let mut demo = Process::start("palisade demo", &mut command, &scratch.path().join("demo.log")).unwrap();

    let page = until("the page", SOON, || {
        demo.still_runs()?;
        let address =
            after(&demo.output()?, "page ").and_then(|url| url.strip_prefix("http://").map(String::from));
        let Some(address) = address else { return Ok(None) };
        http::get(&address, "/").map(|page| Some((address, page)))
    });
    let (address, page) = page.unwrap();
    assert!(page.contains("<html"), "{page:.200}");
    until("64 validators in the metrics", SOON, || {
        let metrics = http::get(&address, "/metrics")?;
        let count =
            metrics.lines().filter(|line| line.starts_with("palisade_monitor_validator_bonded{")).count();
        anyhow::ensure!(count == 64, "{count}");
        Ok(Some(()))
    })
    .unwrap();

    let said = demo.output().unwrap();
    let files = after(&said, "files ").unwrap();
    let children = ["signer ", "monitor "].map(|part| {
        let words = after(&said, part).unwrap();
        assert_eq!(words, "process");
        let pid =
            said.lines().find(|line| line.starts_with(part)).unwrap().split_whitespace().nth(2).unwrap();
        Pid::from_raw(pid.trim_end_matches(',').parse().unwrap()).unwrap()
    });
    assert!(Path::new(&files).is_dir());
    for child in children {
        assert!(test_kill_process(child).is_ok(), "a process that it names runs");
    }

    demo.signal(Signal::INT).unwrap();
    let status = demo.wait(Duration::from_secs(15)).unwrap();
    assert_eq!(status.code(), Some(0), "{}", demo.tail());
    for child in children {
        assert!(test_kill_process(child).is_err(), "a process was left behind");
    }
    assert!(!Path::new(&files).exists(), "files were left behind");
}

/// The first word after `head` on the line that begins with it.
fn after(text: &str, head: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(head))?;
    line[head.len()..].split_whitespace().next().map(String::from)
}
