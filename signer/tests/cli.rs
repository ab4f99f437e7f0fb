//! The command line as transcripts: what is typed, what is printed, which exit code.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{key::PrivateKey, key_file};
use tempfile::TempDir;

/// The configuration of the documentation, with a free port and nodes that are not there.
const CONFIG: &str = r#"
state_dir = "state"                 # relative paths are relative to this file
listen = "127.0.0.1:0"              # /metrics /livez /readyz

[[key]]
name = "akash"
backend = "softsign"
path = "keys/akash.json"            # 0600, or refused

[[chain]]
id = "akashnet-2"
key = "akash"
nodes = ["tcp://127.0.0.1:1", "unix:///nowhere/privval.sock"]
"#;

const OF: &str = "--config signer.toml --chain akashnet-2";

fn scene() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("signer.toml"), CONFIG).unwrap();
    dir
}

fn command(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-signer"));
    command.current_dir(dir).args(line.split_whitespace()).env_remove("RUST_LOG");
    command
}

/// Runs a line; exit code, standard output, standard error.
fn run(dir: &TempDir, line: &str) -> (i32, String, String) {
    let output = command(dir.path(), line).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn good(dir: &TempDir, line: &str) -> String {
    let (code, out, err) = run(dir, line);
    assert_eq!((code, err.as_str()), (0, ""), "{line}\n{out}");
    out
}

/// Runs a line that must fail with this code, these words, and this as its last line.
fn bad(dir: &TempDir, line: &str, code: i32, says: &str, tries: &str) {
    let (seen, out, err) = run(dir, line);
    assert_eq!((seen, out.as_str()), (code, ""), "{line}\n{err}");
    assert!(err.starts_with("error: ") && err.contains(says), "{line}\n{err}");
    assert!(err.lines().last().unwrap().starts_with(&format!("try: {tries}")), "{line}\n{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
}

/// A signer at work, killed when dropped.
struct Signer(Child);

impl Signer {
    fn start(dir: &TempDir) -> Self {
        let mut child =
            command(dir.path(), "run --config signer.toml").stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("signer started")), "it did not start");
        // Logs that nobody reads must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_three_commands_work_as_documented() {
    let dir = scene();
    let out = good(&dir, "key generate keys/akash.json");
    assert!(out.starts_with("wrote keys/akash.json\npublic key: "), "{out}");
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
fn states_are_imported_and_only_raise() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    let import = |rest: &str| format!("state import {OF} {rest}");
    let write = |content: &str| fs::write(dir.path().join("old.json"), content).unwrap();
    write(r#"{"height":"100","round":"1","step":1,"block_id":null}"#);
    bad(
        &dir,
        &import("old.json"),
        1,
        "double sign",
        "stop and disable the old signer, then add --i-stopped-the-old-signer",
    );
    let out = good(&dir, &import("old.json --i-stopped-the-old-signer"));
    assert_eq!(
        out,
        "read tmkms state (steps counted from 0)\nchain akashnet-2: last signed height 100, round 1, step prevote\n"
    );
    bad(
        &dir,
        &import("old.json --i-stopped-the-old-signer"),
        1,
        "only ever goes up",
        "palisade-signer state show",
    );
    good(&dir, &import("old.json --i-stopped-the-old-signer --bump-to-precommit"));
    assert!(good(&dir, "state show --config signer.toml").contains("height 100, round 1, step precommit"));
    write(r#"{"height":"99","round":0,"step":3}"#);
    bad(
        &dir,
        &import("old.json --i-stopped-the-old-signer"),
        1,
        "only ever goes up",
        "palisade-signer state show",
    );
    write(r#"{"height":"0","round":"0","step":0}"#);
    bad(
        &dir,
        &import("old.json --i-stopped-the-old-signer"),
        1,
        "never signed",
        "on a chain that has not started, add --new-chain",
    );
    write("{}");
    let (code, _, err) = run(&dir, &import("old.json --i-stopped-the-old-signer"));
    assert!(code == 2 && err.contains("old.json: not a last-sign state"), "{err}");
}

#[test]
fn a_fresh_state_starts_a_new_chain_when_told() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    fs::write(dir.path().join("old.json"), r#"{"height":"0","round":0,"step":0}"#).unwrap();
    let out = good(&dir, &format!("state import {OF} old.json --i-stopped-the-old-signer --new-chain"));
    assert_eq!(out, "chain akashnet-2: last signed height 0, round 0, step none\n");
}

#[test]
fn keys_of_tmkms_are_imported_and_shown() {
    let dir = scene();
    let key = PrivateKey::from_seed(&[0x42; 32]);
    let valcons = comet::bech32::encode("akashvalcons", &key.public().address().0).unwrap();
    let mut yubihsm = key.to_expanded().to_vec();
    yubihsm[..32].reverse();
    yubihsm.extend(key.public().as_bytes());
    for (n, bytes) in
        [vec![0x42; 32], key.to_seed_and_public().unwrap().to_vec(), key.to_expanded().to_vec(), yubihsm]
            .into_iter()
            .enumerate()
    {
        fs::write(dir.path().join("old.key"), BASE64_STANDARD.encode(bytes) + "\n").unwrap();
        let out = good(&dir, &format!("key import old.key new{n}.json --prefix akash --expect {valcons}"));
        assert!(out.contains(&format!("public key: {} ", key.public())), "{out}");
        assert!(
            out.ends_with(&format!("address: {}\nvalcons: {valcons}\n", key.public().address())),
            "{out}"
        );
        let shown = good(&dir, &format!("key show new{n}.json --json --prefix akash"));
        let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            (json["valcons"].as_str(), json["address"].as_str().map(str::len)),
            (Some(valcons.as_str()), Some(40))
        );
        let text = fs::read_to_string(dir.path().join(format!("new{n}.json"))).unwrap();
        assert_eq!(key_file::read_priv_validator_key(&text).unwrap().sign(b"x"), key.sign(b"x"));
        assert_eq!(text.contains("palisade/PrivKeyEd25519Expanded"), n >= 2, "{text}");
    }
    fs::write(dir.path().join("old.key"), BASE64_STANDARD.encode([0x43; 32])).unwrap();
    let (code, _, err) = run(&dir, &format!("key import old.key other.json --expect {valcons}"));
    assert!(
        code == 2 && err.contains(&format!("not {valcons}")) && !dir.path().join("other.json").exists(),
        "{err}"
    );
}

#[test]
fn no_secret_is_ever_printed() {
    let dir = scene();
    let seed = BASE64_STANDARD.encode([0x42; 32]);
    fs::write(dir.path().join("old.key"), &seed).unwrap();
    fs::create_dir(dir.path().join("keys")).unwrap();
    let mut seen = good(&dir, "key import old.key keys/akash.json");
    seen += &good(&dir, "key show keys/akash.json");
    // Also not by an error about the file's content.
    let text = fs::read_to_string(dir.path().join("keys/akash.json")).unwrap();
    fs::write(dir.path().join("keys/akash.json"), text.replace("\"priv_key\"", "\"priv_kez\"")).unwrap();
    seen += &run(&dir, "key show keys/akash.json").2;
    fs::write(dir.path().join("keys/akash.json"), text.replace("PrivKeyEd25519", "PrivKeySecp256k1"))
        .unwrap();
    seen += &run(&dir, "check --config signer.toml").1;
    // The seed in base64 up to where the public key begins, and in hex.
    for secret in [&seed[..40], &"42".repeat(16)] {
        assert!(!seen.contains(secret), "{seen}");
    }
}

#[test]
fn configuration_mistakes_name_themselves() {
    let dir = scene();
    for (from, to, says) in [
        ("listen", "listne", "unknown field `listne`"),
        ("\"softsign\"", "\"yubihsm\"", "unknown variant `yubihsm`"),
        ("key = \"akash\"", "key = \"other\"", "uses key \"other\""),
        ("unix:///nowhere/privval.sock", "tcp://127.0.0.1:1", "node \"tcp://127.0.0.1:1\" is there twice"),
        ("tcp://127.0.0.1:1", "tcp://abcdef@127.0.0.1:1", "no id can be checked"),
        ("tcp://127.0.0.1:1", "http://127.0.0.1:1", "must be tcp://HOST:PORT or unix:///PATH"),
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
