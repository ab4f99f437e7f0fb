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

#[test]
fn render_shows_the_difference_and_writes_it() {
    let (dir, fleet) = (tempfile::tempdir().unwrap(), "../examples/fleet-classic.toml");
    let home = dir.path().to_str().unwrap();
    let config = dir.path().join("config/config.toml");
    std::fs::create_dir(dir.path().join("config")).unwrap();
    let old = "fast_sync = true\n[p2p]\npex = true # said here\n";
    std::fs::write(&config, old).unwrap();
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let out = sentry(&["render", fleet, "--node", "val-1", "--home", home]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("-pex = true # said here\n+pex = false # said here\n"), "{text}");
    assert!(text.contains("# config/config.toml: the node ignores fast_sync: "), "{text}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), old, "nothing was written");
    assert_eq!(code(&["render", fleet, "--node", "val-1", "--home", home, "--write"]), Some(0));
    assert!(std::fs::read_to_string(&config).unwrap().contains("pex = false # said here"));
    assert_eq!(std::fs::read_to_string(dir.path().join("config/config.toml.bak")).unwrap(), old);
    for file in ["config/config.toml", "config/config.toml.bak"] {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(dir.path().join(file)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o640, "{file}");
    }
    assert_eq!(code(&["render", fleet, "--node", "val-1", "--home", home]), Some(0));
    std::fs::write(&config, "[p2p]\nbootstrap-peers = \"\"\n").unwrap();
    let refused = sentry(&["render", fleet, "--node", "val-1", "--home", home]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("Tendermint 0.35") && text.contains("\ntry: "), "{text}");
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(code(&["render", fleet, "--node", "val-9"]), Some(2));
    assert_eq!(code(&["render", fleet, "--node", "val-1"]), Some(0));
}
