//! The audit log of the real binary: every decision, through rotation, restart and a disk that takes no more.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::fs;

use comet::privval::{PREVOTE, Sum};
use command::{CONFIG, OF, Signer, bad, good, scene};
use node::{Listener, Node, eventually};
use requests::vote;
use tempfile::TempDir;

fn prevote(height: i64, block: u8) -> Sum {
    prevote_at(height, block, 0)
}

fn prevote_at(height: i64, block: u8, seconds: i64) -> Sum {
    let mut request = vote(PREVOTE, height, 0, block, seconds);
    request.chain_id = "akashnet-2".into();
    Sum::SignVoteRequest(request)
}

fn signs(node: &mut Node, height: i64) {
    let Sum::SignedVoteResponse(answer) = node.ask(prevote(height, 1)) else { panic!("no vote") };
    assert_eq!(answer.error, None, "{height}");
}

fn start(audit_log: &str) -> (TempDir, Listener, Signer, Node) {
    let dir = scene();
    let listener = Listener::tcp();
    let (head, _) = CONFIG.split_once("nodes = ").unwrap();
    let nodes = [listener.address()];
    fs::write(
        dir.path().join("signer.toml"),
        format!("audit_log = {audit_log:?}\n{head}nodes = {nodes:?}\n"),
    )
    .unwrap();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let signer = Signer::start(&dir);
    let node = listener.accept();
    (dir, listener, signer, node)
}

#[test]
fn every_decision_is_there_in_order_through_rotation_and_restart() {
    let (dir, listener, signer, mut node) = start("audit.log");
    let path = dir.path().join("audit.log");
    let lines = || fs::read_to_string(&path).unwrap_or_default();
    signs(&mut node, 7);
    // A moment later: what is given is the first signature, and so says the log.
    assert!(
        matches!(node.ask(prevote_at(7, 1, 9)), Sum::SignedVoteResponse(answer) if answer.error.is_none())
    );
    assert_eq!(node.refused(prevote(7, 2)).code, 2);
    node.refused(prevote(0, 1));
    eventually("all four", || lines().lines().count() == 5);
    let seen: Vec<(String, String)> = lines()
        .lines()
        .skip(1)
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (line["chain"].as_str(), line["node"].as_str()),
                (Some("akashnet-2"), Some(listener.address().as_str()))
            );
            (line["verdict"].as_str().unwrap().into(), line["reason"].as_str().unwrap().into())
        })
        .collect();
    let hashes: Vec<serde_json::Value> = lines()
        .lines()
        .skip(1)
        .take(2)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["sign_bytes_sha256"].clone())
        .collect();
    assert_eq!(hashes[0], hashes[1]);
    let expected =
        [("signed", ""), ("repeated", ""), ("refused", "conflicting_block"), ("invalid", "bad_height")];
    assert_eq!(seen, expected.map(|(verdict, reason)| (verdict.into(), reason.into())));

    // Rotated as logrotate does it; the chain goes on in the new file.
    let old = dir.path().join("audit.log.1");
    fs::rename(&path, &old).unwrap();
    good(&dir, "reload --config signer.toml");
    signs(&mut node, 8);
    eventually("in the new file", || lines().lines().count() == 2);
    let shown = good(&dir, "status --config signer.toml");
    let verified = good(&dir, "audit-log verify audit.log.1 audit.log");
    let hash = verified.trim().rsplit(' ').next().unwrap();
    assert!(verified.starts_with("good up to line number 7") && shown.contains(hash), "{verified}{shown}");

    // Killed in the middle of a line: the next start accounts for it.
    drop(signer);
    fs::write(&path, lines() + "{\"seq\":8,\"bef").unwrap();
    bad(&dir, "audit-log verify audit.log", 1, "the last line cannot be read", "all files");
    let _signer = Signer::start(&dir);
    signs(&mut listener.accept(), 9);
    eventually("written", || lines().lines().count() == 5);
    good(&dir, "audit-log verify audit.log.1 audit.log");
    let all = lines();
    fs::write(
        dir.path().join("less.log"),
        all.replacen(all.lines().nth(1).unwrap(), "", 1).replace("\n\n", "\n"),
    )
    .unwrap();
    bad(&dir, "audit-log verify less.log", 1, "the chain is broken", "all files");
}

#[test]
fn a_full_disk_loses_lines_and_no_signature() {
    // /dev/full opens like a file and takes nothing; the start needs a log that works, so it comes with a rotation.
    let (dir, _listener, _signer, mut node) = start("audit.log");
    let path = dir.path().join("audit.log");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    good(&dir, "reload --config signer.toml");
    for height in 7..20 {
        signs(&mut node, height);
    }
    eventually("counted as lost", || good(&dir, "status --config signer.toml").contains(" 13 lost"));
    // Room again: the gap is in the log.
    fs::remove_file(&path).unwrap();
    good(&dir, "reload --config signer.toml");
    signs(&mut node, 20);
    eventually("written again", || fs::read_to_string(&path).unwrap_or_default().lines().count() == 2);
    assert!(fs::read_to_string(&path).unwrap().contains("\"lost\":13"));
    good(&dir, "audit-log verify audit.log");
}
