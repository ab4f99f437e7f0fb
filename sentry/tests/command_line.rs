//! The command as a process: exit codes, streams, and errors that say what to try.

use std::path::Path;
use std::process::{Command, Output};

fn sentry(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palisade-sentry"))
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("the command starts")
}

fn code(args: &[&str]) -> Option<i32> {
    sentry(args).status.code()
}

#[test]
fn exit_codes() {
    let (clean, leaking) = ("../examples/fleet-classic.toml", "tests/fleets/leaking.toml");
    assert_eq!(code(&["audit", clean]), Some(0));
    assert_eq!(code(&["audit", clean, "--fail-on", "info"]), Some(0));
    assert_eq!(code(&["audit", leaking]), Some(1));
    assert_eq!(code(&["audit", leaking, "--json", "--fail-on", "error"]), Some(1));
    assert_eq!(code(&["audit", "no-such-file.toml"]), Some(2));
    assert_eq!(code(&["audit"]), Some(2));
    assert_eq!(code(&["audit", clean, "--fail-on", "doom"]), Some(2));
    assert_eq!(code(&["show", clean]), Some(0));
    assert_eq!(code(&["genesis", "tests/genesis/amino.json"]), Some(1));
    assert_eq!(code(&["genesis", "tests/genesis/proto.json", "--json"]), Some(1));
    assert_eq!(code(&["genesis", "no-such-genesis.json"]), Some(2));
    assert_eq!(code(&["genesis", "tests"]), Some(2));
    assert_eq!(code(&["genesis", clean]), Some(2));
    assert_eq!(code(&["rules"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["--help"]), Some(0));
}

#[test]
fn warnings_alone_pass_when_only_errors_fail() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fleet.toml");
    let text = std::fs::read_to_string("../examples/fleet-classic.toml").unwrap();
    std::fs::write(&path, text.replace("[host.monitor]", "[host.monitor]\nlisten = \":9464\"")).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(code(&["audit", path]), Some(1));
    assert_eq!(code(&["audit", path, "--fail-on", "error"]), Some(0));
}

#[test]
fn errors_go_to_stderr_and_end_with_a_try_line() {
    let out = sentry(&["audit", "no-such-file.toml"]);
    assert!(out.stdout.is_empty());
    let text = String::from_utf8(out.stderr).unwrap();
    assert!(text.starts_with("error: no-such-file.toml: "), "{text}");
    assert!(text.lines().last().unwrap().starts_with("try: "), "{text}");
}

#[test]
fn json_is_json() {
    let out = sentry(&["audit", "tests/fleets/leaking.toml", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert!(document["counts"]["error"].as_u64().unwrap() > 0);
}
