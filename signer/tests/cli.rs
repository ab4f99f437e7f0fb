//! The command line as transcripts: what is typed, what is printed, which exit code.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/command.rs"]
mod command;

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use command::{CONFIG, OF, Signer, bad, good, run, scene};

#[test]
fn the_three_commands_work_as_documented() {
    let dir = scene();
    let out = good(&dir, "key generate keys/akash.json");
    assert!(out.starts_with("wrote keys/akash.json\ntype: ed25519\npublic key: "), "{out}");
    let out = good(&dir, "state init --config signer.toml --chain akashnet-2 --height 0");
    assert_eq!(out, "chain akashnet-2: nothing will be signed at or below height 0, round 0, step none\n");
    let mut signer = Signer::start(&dir);
    assert!(signer.0.try_wait().unwrap().is_none());
    for name in ["keys/akash.json", "state/akashnet-2.mark", "state/link_identity.json"] {
        assert_eq!(
            fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
    // The key file is CometBFT's own.
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("keys/akash.json")).unwrap()).unwrap();
    assert_eq!(json["priv_key"]["type"], "tendermint/PrivKeyEd25519");
}

#[test]
fn missing_things_name_the_command_that_makes_them() {
    let dir = scene();
    let (code, _, err) = run(&dir, "run --config other.toml");
    assert!(code == 2 && err.starts_with("error: other.toml: No such file"), "{err}");
    bad(
        &dir,
        "run --config signer.toml",
        2,
        "keys/akash.json",
        "palisade-signer key generate keys/akash.json",
    );
    good(&dir, "key generate keys/akash.json");
    bad(
        &dir,
        "run --config signer.toml",
        2,
        "no state file state/akashnet-2.mark",
        &format!("palisade-signer state init {OF} --height N"),
    );
    assert!(!dir.path().join("state").exists(), "a refused start leaves nothing behind");
}

#[test]
fn nothing_is_overwritten() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    let before = fs::read(dir.path().join("keys/akash.json")).unwrap();
    bad(&dir, "key generate keys/akash.json", 2, "exists", "another path");
    assert_eq!(fs::read(dir.path().join("keys/akash.json")).unwrap(), before);
    good(&dir, &format!("state init {OF} --height 5"));
    bad(&dir, &format!("state init {OF} --height 9"), 1, "exists already", "palisade-signer state show");
    bad(
        &dir,
        &format!("state init {OF} --height 4 --replace"),
        1,
        "only ever goes up",
        "palisade-signer state show",
    );
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    for mode in [0o640, 0o604, 0o644] {
        let path = dir.path().join("keys/akash.json");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        bad(&dir, "run --config signer.toml", 2, &format!("mode is {mode:04o}"), "chmod 600 keys/akash.json");
    }
}

#[test]
fn damaged_state_is_refused_until_an_operator_decides() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let path = dir.path().join("state/akashnet-2.mark");
    let image = fs::read(&path).unwrap();
    let mut flipped = image.clone();
    flipped[24] ^= 1; // the lowest bit of a height
    for content in [&flipped[..], b"", b"{}", &image[..4096]] {
        fs::write(&path, content).unwrap();
        bad(
            &dir,
            "run --config signer.toml",
            2,
            "cannot be used",
            &format!("palisade-signer state init {OF} --height N --replace"),
        );
        let (code, out, _) = run(&dir, "check --config signer.toml");
        assert!(code == 1 && out.contains("finding: chain akashnet-2") && out.contains("  try: "), "{out}");
    }
    let out = good(&dir, &format!("state init {OF} --height 7 --replace"));
    assert!(out.starts_with("kept the old state as state/akashnet-2.mark.replaced-1\n"), "{out}");
    drop(Signer::start(&dir));
}

#[test]
fn the_state_of_another_key_is_refused() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    fs::remove_file(dir.path().join("keys/akash.json")).unwrap();
    good(&dir, "key generate keys/akash.json");
    bad(&dir, "run --config signer.toml", 2, "belongs to another key", "put the right file back, or");
}

#[test]
fn a_second_process_is_refused() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 0"));
    let signer = Signer::start(&dir);
    let (code, _, err) = run(&dir, "run --config signer.toml");
    assert_eq!(code, 2);
    assert!(
        err.contains("state/akashnet-2.mark is in use by another process\ntry: stop the other process"),
        "{err}"
    );
    // Looking is allowed, changing is not.
    assert!(good(&dir, "state show --config signer.toml").contains("last signed height 0"));
    good(&dir, "check --config signer.toml");
    bad(
        &dir,
        &format!("state init {OF} --height 5 --replace"),
        2,
        "in use by another process",
        "stop the other process",
    );
    drop(signer);
    // SIGKILL gives the lock back.
    drop(Signer::start(&dir));
}

#[test]
fn it_leaves_no_core_dump() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 0"));
    let signer = Signer::start(&dir);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", signer.0.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}

#[test]
fn sigterm_and_sigint_end_it_with_0() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 0"));
    for signal in ["TERM", "INT"] {
        let mut signer = Signer::start(&dir);
        let sent = Command::new("kill").args(["-s", signal, &signer.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(signer.0.wait().unwrap().code(), Some(0), "SIG{signal}");
    }
}

#[test]
fn state_is_shown_for_people_and_machines() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 361402 --round 2 --step prevote"));
    assert_eq!(
        good(&dir, "state show --config signer.toml"),
        "chain akashnet-2: last signed height 361402, round 2, step prevote (floor, sign-bytes unknown)\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&good(&dir, &format!("state show {OF} --json"))).unwrap();
    assert_eq!(
        (json["height"].as_i64(), json["round"].as_i64(), json["step"].as_str(), json["floor"].as_bool()),
        (Some(361_402), Some(2), Some("prevote"), Some(true))
    );
    let (code, _, err) = run(&dir, "state show --config signer.toml --chain other-1");
    assert_eq!((code, err.as_str()), (2, "error: the configuration has no chain \"other-1\"\n"));
}

#[test]
fn configuration_mistakes_name_themselves() {
    let dir = scene();
    for (from, to, says) in [
        ("listen", "listne", "unknown field `listne`"),
        ("\"softsign\"", "\"ledger\"", "unknown variant `ledger`"),
        ("key = \"akash\"", "key = \"other\"", "uses key \"other\""),
        ("unix:///nowhere/privval.sock", "tcp://127.0.0.1:1", "node \"tcp://127.0.0.1:1\" is there twice"),
        ("tcp://127.0.0.1:1", "tcp://abcdef@127.0.0.1:1", "no id can be checked"),
        ("tcp://127.0.0.1:1", "http://127.0.0.1:1", "must be tcp://HOST:PORT, noise://"),
        ("id = \"akashnet-2\"", "id = \"../x\"", "chain id"),
        ("nodes = [", "nodes = [] # [", "has no nodes"),
    ] {
        fs::write(dir.path().join("signer.toml"), CONFIG.replacen(from, to, 1)).unwrap();
        for verb in ["run", "check"] {
            let (code, _, err) = run(&dir, &format!("{verb} --config signer.toml"));
            assert!(
                code == 2 && err.starts_with("error: signer.toml: ") && err.contains(says),
                "{says}\n{err}"
            );
        }
    }
}

#[test]
fn usage() {
    let dir = scene();
    assert_eq!(good(&dir, "version"), format!("palisade-signer {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(run(&dir, "").0, 2);
    assert_eq!(run(&dir, "--help").0, 0);
    let (code, _, err) = run(&dir, &format!("state init {OF} --height -1"));
    assert!(code == 2 && err.contains("-1"), "{err}");
    let (code, _, err) = run(&dir, &format!("state init {OF} --height 1 --step 4"));
    assert!(code == 2 && err.contains("none, propose, prevote or precommit"), "{err}");
}
#[test]
fn a_second_process_hears_of_the_lock_before_the_port() {
    let dir = scene();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = CONFIG.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    fs::write(dir.path().join("signer.toml"), config).unwrap();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 0"));
    let signer = Signer::start(&dir);
    bad(&dir, "run --config signer.toml", 2, "in use by another process", "stop the other process");
    drop(signer);
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (code, _, err) = run(&dir, "run --config signer.toml");
    assert!(code == 2 && err.contains("error: cannot listen on 127.0.0.1"), "{err}");
    assert!(err.ends_with("try: another address for listen in the configuration\n"), "{err}");
}
