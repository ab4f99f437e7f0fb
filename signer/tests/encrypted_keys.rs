//! Key files under a passphrase, against the real `age` (`PALISADE_AGE`, or the one in the path), which asks on a terminal and
//! gets one; and the real signer with such keys and with systemd's credentials.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use comet::privval::{PREVOTE, Sum};
use command::{CONFIG, OF, Signer, bad, good, run, scene};
use node::{Listener, Node};
use rand_core::OsRng;
use requests::vote;
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery staple";

/// Runs a program on a terminal of its own, types one answer at each question; exit code and all that was shown.
const TYPIST: &str = r#"
import os, pty, sys
answers = sys.argv[1].split("|")
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = since = b""
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    shown, since = shown + data, since + data
    if since.endswith(b": ") and answers:
        os.write(terminal, answers.pop(0).encode() + b"\n")
        since = b""
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

fn typed(dir: &TempDir, answers: &[&str], program: &str, line: &str) -> (i32, String) {
    let out = Command::new("python3")
        .args(["-c", TYPIST, &answers.join("|"), program])
        .args(line.split_whitespace())
        .current_dir(dir.path())
        .output()
        .expect("these tests need python3");
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    (out.status.code().unwrap(), String::from_utf8_lossy(&out.stdout).into_owned())
}

fn age() -> String {
    let age = std::env::var("PALISADE_AGE").unwrap_or("age".into());
    let there = Command::new(&age).arg("--version").output().is_ok_and(|out| out.status.success());
    assert!(there, "no age: set PALISADE_AGE to it, or apt-get install age; tests/run does");
    age
}

fn write(dir: &TempDir, name: &str, content: impl AsRef<[u8]>, mode: u32) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn read(dir: &TempDir, name: &str) -> Vec<u8> {
    let path = dir.path().join(name);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    fs::read(path).unwrap()
}

/// A key, and `keys/akash.age` of it at little work.
fn sealed_scene() -> TempDir {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    let sealed =
        comet::age::encrypt(&read(&dir, "keys/akash.json"), PASSPHRASE.as_bytes(), 4, &mut OsRng).unwrap();
    write(&dir, "keys/akash.age", sealed, 0o600);
    write(&dir, "pass", format!("{PASSPHRASE}\n"), 0o600);
    dir
}

#[test]
fn age_reads_what_we_write_and_we_read_what_age_writes() {
    let age = age();
    let dir = scene();
    write(&dir, "pass", format!("{PASSPHRASE}\n"), 0o600);
    for key_type in ["ed25519", "ml_dsa_65"] {
        let said = good(&dir, &format!("key generate --type {key_type} {key_type}.json"));
        let (_, public) = said.split_once('\n').unwrap();
        let plain = read(&dir, &format!("{key_type}.json"));

        let (code, out, err) =
            run(&dir, &format!("key encrypt {key_type}.json {key_type}.ours --passphrase-file pass"));
        assert!(code == 0 && out.ends_with(public), "{out}{err}");
        assert!(err.starts_with("warning: ") && err.contains("still there, in the clear"), "{err}");
        let ours = read(&dir, &format!("{key_type}.ours"));
        assert!(ours.starts_with(b"age-encryption.org/v1\n-> scrypt "));
        let line = format!("-d -o {key_type}.theirs {key_type}.ours");
        assert_eq!(typed(&dir, &[PASSPHRASE], &age, &line).0, 0);
        assert_eq!(fs::read(dir.path().join(format!("{key_type}.theirs"))).unwrap(), plain);

        for armor in ["", "-a"] {
            let line = format!("-p {armor} -o {key_type}{armor}.age {key_type}.json");
            assert_eq!(typed(&dir, &[PASSPHRASE, PASSPHRASE], &age, &line).0, 0);
            let line =
                format!("key decrypt {key_type}{armor}.age {key_type}{armor}.back --passphrase-file pass");
            assert!(good(&dir, &line).ends_with(public));
            assert_eq!(read(&dir, &format!("{key_type}{armor}.back")), plain);
        }
    }
    // What age encrypts to a key of its own is no passphrase's, and says so.
    let line = "-r age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p -o x25519.age ed25519.json";
    assert!(Command::new(age).args(line.split(' ')).current_dir(dir.path()).status().unwrap().success());
    bad(
        &dir,
        "key decrypt x25519.age out.json --passphrase-file pass",
        2,
        "recipient of type X25519, not to a passphrase",
        "age -d with the identity",
    );
}

#[test]
fn a_person_is_asked_and_what_is_typed_is_not_shown() {
    let dir = sealed_scene();
    let us = env!("CARGO_BIN_EXE_palisade-signer");
    let line = "key encrypt keys/akash.json typed.age";
    let (code, shown) = typed(&dir, &["one", "two"], us, line);
    assert!(code == 2 && shown.contains("two different passphrases"), "{shown}");
    assert!(!dir.path().join("typed.age").exists());
    let (code, shown) = typed(&dir, &["mellon", "mellon"], us, line);
    assert!(code == 0 && shown.contains("passphrase of typed.age: ") && !shown.contains("mellon"), "{shown}");
    let (code, shown) = typed(&dir, &["melon"], us, "key show typed.age");
    assert!(code == 2 && shown.contains("typed.age: the passphrase is wrong\r\ntry: "), "{shown}");
    let (code, shown) = typed(&dir, &["mellon"], us, "key show typed.age --prefix akash");
    assert!(code == 0 && shown.contains("valcons: akashvalcons1"), "{shown}");

    // Nobody there: a session without a terminal.
    let out = Command::new("setsid")
        .args(["--wait", us, "key", "show", "typed.age"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2));
    assert!(err.contains("no terminal") && err.contains("try: --passphrase-file FILE"), "{err}");
}

#[test]
fn what_is_wrong_with_an_encrypted_file_is_said() {
    let dir = sealed_scene();
    let sealed = read(&dir, "keys/akash.age");
    write(&dir, "cut.age", &sealed[..sealed.len() - 9], 0o600);
    write(&dir, "header.age", &sealed[..90], 0o600);
    write(&dir, "long.age", vec![b'a'; 70_000], 0o600);
    let heavy = String::from_utf8_lossy(&sealed[..60]).replacen(" 4\n", " 30\n", 1).into_bytes();
    write(&dir, "heavy.age", [heavy, sealed[60..].to_vec()].concat(), 0o600);
    write(&dir, "wrong", "battery", 0o600);
    write(&dir, "lines", "a\nb\n", 0o600);
    write(&dir, "empty", "\n", 0o600);
    write(&dir, "open", PASSPHRASE, 0o644);
    for (file, pass, says, tries) in [
        ("keys/akash.age", "wrong", "keys/akash.age: the passphrase is wrong", "the passphrase that"),
        ("cut.age", "pass", "damaged or cut short within chunk 1", "a copy of the file that is whole"),
        ("header.age", "pass", "cut short: it ends within the header", "a copy of the file that is whole"),
        ("heavy.age", "pass", "work factor is 2^30, at most 2^20 is done", "age -d, then"),
        ("keys/akash.age", "open", "open: mode is 0644", "chmod 600 open"),
    ] {
        bad(&dir, &format!("key decrypt {file} out.json --passphrase-file {pass}"), 2, says, tries);
    }
    for (line, says) in [
        ("key decrypt keys/akash.json out.json --passphrase-file pass", "is not encrypted with age"),
        ("key encrypt keys/akash.age out.age --passphrase-file pass", "is encrypted already"),
        ("key decrypt long.age out.json --passphrase-file pass", "at most 65536 bytes"),
        ("key decrypt keys/akash.age out.json --passphrase-file lines", "one line of text"),
        ("key decrypt keys/akash.age out.json --passphrase-file empty", "one line of text"),
        ("key encrypt pass out.age --passphrase-file pass", "not a key file"),
    ] {
        let (code, out, err) = run(&dir, line);
        assert!(code == 2 && out.is_empty() && err.contains(says), "{line}\n{out}{err}");
        assert!(!err.contains(PASSPHRASE), "{err}");
    }
    assert!(!dir.path().join("out.json").exists() && !dir.path().join("out.age").exists());
    bad(
        &dir,
        "key decrypt keys/akash.age keys/akash.json --passphrase-file pass",
        2,
        "exists",
        "another path",
    );
}

/// A configuration with these lines about where the key is.
fn configure(dir: &TempDir, key: &str, node: &str) {
    let config = CONFIG
        .replace("path = \"keys/akash.json\"            # 0600, or refused", key)
        .replace("\"tcp://127.0.0.1:1\", \"unix:///nowhere/privval.sock\"", &format!("{node:?}"));
    assert!(config.contains(key) && config.contains(node));
    fs::write(dir.path().join("signer.toml"), config).unwrap();
}

#[test]
fn encrypted_or_not_is_as_configured_or_refused() {
    let dir = sealed_scene();
    for (key, code, says) in [
        ("path = \"keys/akash.age\"\nencryption = \"age\"\npassphrase_file = \"pass\"", 0, "ok: key akash"),
        ("path = \"keys/akash.age\"", 1, "nothing says with what to open it\n  try: encryption = \"age\""),
        (
            "path = \"keys/akash.json\"\nencryption = \"age\"\npassphrase_file = \"pass\"",
            1,
            "akash.json: it is not encrypted\n  try: palisade-signer key encrypt keys/akash.json",
        ),
        (
            "path = \"keys/akash.age\"\nencryption = \"age\"\npassphrase_file = \"nowhere\"",
            1,
            "passphrase: nowhere: No such file",
        ),
        (
            "path = \"keys/akash.age\"\nencryption = \"age\"\npassphrase_credential = \"pass\"",
            1,
            "pass: systemd gave this process no credentials",
        ),
    ] {
        configure(&dir, key, "tcp://127.0.0.1:1");
        good_state(&dir);
        let (seen, out, err) = run(&dir, "check --config signer.toml");
        assert!(seen == code && out.contains(says), "{key}: {seen}\n{out}{err}");
        assert!(!out.contains("key generate"), "a passphrase is no key: {out}");
    }
}

/// `state init` opens the key, so it is done while the configuration still has the plain one.
fn good_state(dir: &TempDir) {
    if !dir.path().join("state").exists() {
        good(dir, &format!("state init {OF} --height 5"));
    }
}

fn signs(node: &mut Node, height: i64) {
    let mut request = vote(PREVOTE, height, 0, 1, 0);
    request.chain_id = "akashnet-2".into();
    let Sum::SignedVoteResponse(answer) = node.ask(Sum::SignVoteRequest(request)) else { panic!("no vote") };
    assert_eq!(answer.error, None, "{height}");
}

#[test]
fn a_signer_signs_with_an_encrypted_key() {
    let dir = sealed_scene();
    let listener = Listener::tcp();
    configure(
        &dir,
        "path = \"keys/akash.age\"\nencryption = \"age\"\npassphrase_file = \"pass\"",
        &listener.address(),
    );
    fs::remove_file(dir.path().join("keys/akash.json")).unwrap();
    good_state(&dir);
    let mut signer = Signer::start(&dir);
    let mut node = listener.accept();
    signs(&mut node, 7);
    good(&dir, "reload --config signer.toml");
    signs(&mut node, 8);
    good(&dir, "drain --config signer.toml");
    assert!(signer.0.wait().unwrap().success());
}

/// As systemd gives them: a directory of files that only this process sees, with mode bits of systemd's choice.
#[test]
fn a_signer_signs_with_a_key_and_a_passphrase_from_credentials() {
    for (file, key) in [
        ("keys/akash.json", "credential = \"akash\""),
        ("keys/akash.age", "credential = \"akash\"\nencryption = \"age\"\npassphrase_credential = \"pass\""),
    ] {
        let dir = sealed_scene();
        let listener = Listener::tcp();
        good_state(&dir);
        configure(&dir, key, &listener.address());
        write(&dir, "credentials/akash", read(&dir, file), 0o440);
        write(&dir, "credentials/pass", PASSPHRASE, 0o440);
        fs::remove_dir_all(dir.path().join("keys")).unwrap();
        bad_without_credentials(&dir);

        let mut child = command::command(dir.path(), "run --config signer.toml")
            .env("CREDENTIALS_DIRECTORY", dir.path().join("credentials"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("signer started")), "it did not start");
        std::thread::spawn(move || lines.for_each(drop));
        let mut signer = Signer(child);
        let mut node = listener.accept();
        signs(&mut node, 7);
        good(&dir, "reload --config signer.toml");
        signs(&mut node, 8);
        good(&dir, "drain --config signer.toml");
        assert!(signer.0.wait().unwrap().success());
    }
}

fn bad_without_credentials(dir: &TempDir) {
    let (code, _, err) = run(dir, "run --config signer.toml");
    assert!(code == 2 && err.contains("systemd gave this process no credentials"), "{err}");
    assert!(err.contains("LoadCredential="), "{err}");
}
