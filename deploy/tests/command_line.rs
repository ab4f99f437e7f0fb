//! The command as a process: exit codes, what lands in the directory, what never leaves it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn palisade(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the command starts")
}

fn render(fleet: &str, out: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut args = vec!["render", fleet, "--out", out.to_str().expect("temporary paths are UTF-8")];
    args.extend(more);
    let out = palisade(&args);
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("the directory is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

const CLASSIC: &str = "../examples/fleet-classic.toml";
const SERVED: &str = "../examples/fleet-signer-served.toml";

#[test]
fn render_writes_and_check_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    assert_eq!(render(CLASSIC, &out, &["--check"]).0, Some(1));
    assert!(!out.exists(), "--check writes nothing");
    assert_eq!(render(CLASSIC, &out, &[]).0, Some(0));
    assert_eq!(render(CLASSIC, &out, &["--check"]).0, Some(0));
    let signer = out.join("hosts/signer-1/files/etc/palisade/signer/signer.toml");
    let all = files(&out);
    for there in ["inventory/hosts.yml", "inventory/host_vars/sentry-1.yml", "manifest.json"] {
        assert!(all.contains(&out.join(there)), "{there}");
    }
    // config.toml and app.toml of the validator, its sentries and the node for RPC.
    let nodes = all.iter().filter(|f| f.components().any(|part| part.as_os_str() == "nodes")).count();
    assert!(all.contains(&signer) && nodes >= 8 && nodes.is_multiple_of(2), "{all:?}");

    std::fs::write(&signer, "edited by hand").unwrap();
    let (code, text, _) = render(CLASSIC, &out, &["--check"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("differs ") && text.contains("same "), "{text}");
    assert!(render(CLASSIC, &out, &[]).1.contains("changed "));
    assert_eq!(render(CLASSIC, &out, &["--check"]).0, Some(0));
}

#[test]
fn what_left_the_fleet_leaves_the_directory_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    assert_eq!(render(CLASSIC, &out, &[]).0, Some(0));
    std::fs::write(out.join("hosts/signer-1/notes.txt"), "mine").unwrap();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CLASSIC)).unwrap();
    let smaller = dir.path().join("fleet.toml");
    std::fs::write(&smaller, &text[..text.find("[[host]]\nname = \"monitor-1\"").unwrap()]).unwrap();
    let (code, text, _) = render(smaller.to_str().unwrap(), &out, &[]);
    assert_eq!(code, Some(0));
    assert!(text.contains("removed "), "{text}");
    assert!(!out.join("hosts/monitor-1").exists());
    assert!(out.join("hosts/signer-1/notes.txt").exists());
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let (code, _, error) = render(CLASSIC, dir.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(error.trim_end().lines().last().unwrap().starts_with("try: "), "{error}");

    let evil = "{\"version\":1,\"files\":[{\"path\":\"../x\",\"host\":\"h\",\"part\":\"signer\",\"target\":\"/x\"}],\"key_hosts\":{}}";
    std::fs::write(dir.path().join("manifest.json"), evil).unwrap();
    assert_eq!(render(CLASSIC, dir.path(), &[]).0, Some(2));
}

#[test]
fn a_rejected_fleet_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let (code, text, error) = render("../sentry/tests/fleets/leaking.toml", &out, &[]);
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(error.contains("validator_pex_off") && !out.exists(), "{error}");
    assert_eq!(render("no-such.toml", &out, &[]).0, Some(2));
}

#[test]
fn the_daemons_answer_under_their_short_names() {
    let code = |args: &[&str]| palisade(args).status.code();
    assert_eq!(code(&["sentry", "audit", SERVED]), Some(0));
    assert_eq!(code(&["sentry", "audit", SERVED, "--json", "--fail-on", "info"]), Some(0));
    assert_eq!(code(&["sentry", "nonsense"]), Some(2));
    assert_eq!(code(&["version"]), Some(0));
    assert_eq!(code(&["nonsense"]), Some(2));
    for daemon in DAEMONS {
        let help = String::from_utf8(palisade(&[daemon, "--help"]).stdout).unwrap();
        assert!(help.contains(&format!("Usage: palisade-{daemon}")), "{help}");
    }
}

const DAEMONS: [&str; 4] = ["signer", "monitor", "sentry", "devnet"];
