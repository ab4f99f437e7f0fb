//! `palisade-sentry addrbook` as a process: exit codes, what is written, and what is left alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";
const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffff";

/// A copy of the leaking book in a directory of its own.
fn book() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("addrbook.json");
    let leaking = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/addrbook/leaking.json");
    std::fs::copy(leaking, &path).unwrap();
    (dir, path)
}

fn addrbook(verb: &str, path: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_palisade-sentry"))
        .args(["addrbook", verb])
        .arg(path)
        .args(more)
        .output()
        .expect("the command starts");
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn entries(path: &Path) -> Vec<serde_json::Value> {
    let book: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    book["addrs"].as_array().unwrap().clone()
}

#[test]
fn found_scrubbed_clean() {
    let (dir, path) = book();
    let before = entries(&path);
    assert_eq!(addrbook("audit", &path, &["--id", ID]).0, Some(1));
    let search = ["--id", ID, OTHER, "--ip", "10.66.0.10"];
    let (code, text, _) = addrbook("scrub", &path, &search);
    assert_eq!(code, Some(0));
    assert!(text.contains("the node must be stopped"), "{text}");
    assert!(text.contains("3 entries removed, 2 left"), "{text}");
    assert_eq!(entries(&path), [before[0].clone(), before[2].clone()]);
    assert_eq!(addrbook("audit", &path, &search).0, Some(0));
    let (code, text, _) = addrbook("scrub", &path, &search);
    assert_eq!(code, Some(0));
    assert!(text.ends_with("clean (2 entries), nothing written\n"), "{text}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn out_leaves_the_book_as_it_is() {
    let (dir, path) = book();
    let (before, out) = (std::fs::read(&path).unwrap(), dir.path().join("clean.json"));
    let (code, text, _) = addrbook("scrub", &path, &["--id", ID, "--out", out.to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(0));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["removed"].as_array().unwrap().len(), 2);
    assert_eq!(document["written"], out.to_str().unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(entries(&out).len(), 3);
    assert_eq!(addrbook("audit", &out, &["--id", ID, "--json"]).0, Some(0));
}

#[test]
fn errors_leave_the_book_alone_and_say_what_to_try() {
    let (dir, path) = book();
    for text in ["", "{}", "{\"key\":\"k\",\"addrs\":[", "{\"key\":\"k\",\"addrs\":[{}]}"] {
        std::fs::write(&path, text).unwrap();
        let (code, out, error) = addrbook("scrub", &path, &["--id", ID]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{text}");
        assert!(error.lines().last().unwrap().starts_with("try: "), "{error}");
        assert_eq!(addrbook("audit", &path, &["--id", ID]).0, Some(2), "{text}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(addrbook("audit", dir.path(), &["--id", ID]).0, Some(2));
    assert_eq!(addrbook("audit", &path, &[]).0, Some(2));
    assert_eq!(addrbook("audit", &path, &["--id", &ID.to_uppercase()]).0, Some(2));
    assert_eq!(addrbook("audit", &path, &["--id", ID, "--ip", "val.example"]).0, Some(2));
    assert_eq!(addrbook("scrub", &dir.path().join("none"), &["--id", ID]).0, Some(2));
}
