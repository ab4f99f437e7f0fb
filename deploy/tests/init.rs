//! `palisade init`: flags, questions on a terminal, and that a draft is one that the audit and a render accept.

use std::path::Path;
use std::process::Command;

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

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");

fn ran(dir: &Path, program: &str, args: &[&str]) -> (i32, String) {
    let out = Command::new(program).args(args).current_dir(dir).output().expect("it starts");
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.code().expect("it ends"), text)
}

fn good(dir: &Path, args: &[&str]) -> String {
    let (code, text) = ran(dir, PALISADE, args);
    assert_eq!(code, 0, "{args:?}: {text}");
    text
}

fn sentries() -> [String; 2] {
    [format!("sentry-1={:040x}@203.0.113.1", 1), format!("sentry-2={:040x}@198.51.100.2", 2)]
}

#[test]
fn flags_make_a_fleet_that_is_audited_and_rendered() {
    let dir = tempfile::tempdir().unwrap();
    let (validator, [one, two]) = (format!("val-1={:040x}", 9), sentries());
    let flags = [
        "init",
        "--chain",
        "c-1",
        "--node-line",
        "0.38",
        "--sentry",
        &one,
        "--sentry",
        &two,
        "--monitor",
        "mon-1",
    ];
    good(dir.path(), &[&flags[..], &["--validator", &validator]].concat());
    let draft = std::fs::read_to_string(dir.path().join("fleet.toml")).unwrap();
    let comments = draft.lines().filter(|line| line.contains('#')).count();
    assert!(comments > 10, "a draft explains itself:\n{draft}");
    good(dir.path(), &["sentry", "audit", "fleet.toml"]);
    good(dir.path(), &["render", "fleet.toml", "--out", "tree"]);
    for file in
        ["signer-1/files/etc/palisade/signer/signer.toml", "mon-1/files/etc/palisade/monitor/monitor.toml"]
    {
        assert!(dir.path().join("tree/hosts").join(file).is_file(), "{file}");
    }
    // Without a validator's node the signer serves the sentries.
    good(dir.path(), &[&flags[..], &["--out", "served.toml"]].concat());
    good(dir.path(), &["render", "served.toml", "--out", "served"]);
    let signer = dir.path().join("served/hosts/signer-1/files/etc/palisade/signer/signer.toml");
    assert!(std::fs::read_to_string(signer).unwrap().matches("tcp://").count() >= 2);
}

#[test]
fn what_no_flag_says_is_asked_on_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two] = sentries();
    let answers = ["c-2", "0.37", &one, &two].join("|");
    let (code, shown) = ran(dir.path(), "python3", &["-c", TYPIST, &answers, PALISADE, "init"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("chain id: ") && shown.contains("wrote fleet.toml"), "{shown}");
    let draft = std::fs::read_to_string(dir.path().join("fleet.toml")).unwrap();
    assert!(draft.contains("id = \"c-2\"") && draft.contains("node_line = \"0.37\""), "{draft}");
    good(dir.path(), &["sentry", "audit", "fleet.toml"]);
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let [one, _] = sentries();
    for (args, says) in [
        (vec!["init"], "nobody is there to be asked for: chain id\ntry: --chain"),
        (vec!["init", "--chain", "c-1", "--node-line", "0.38", "--sentry", &one], "try: --sentry"),
        (
            vec!["init", "--chain", "c-1", "--node-line", "0.38", "--sentry", "sentry-1"],
            "HOST=NODE_ID@PUBLIC_IP is expected",
        ),
        (
            vec!["init", "--chain", "c-1", "--node-line", "7", "--sentry", &one, "--sentry", &one],
            "the draft: ",
        ),
        (vec!["init", "--from-tmkms", "no.toml"], "no.toml"),
    ] {
        let (code, text) = ran(dir.path(), PALISADE, &args);
        assert!(code == 2 && text.contains(says), "{args:?}: {text}");
        assert!(!dir.path().join("fleet.toml").exists(), "{args:?}");
    }
}
