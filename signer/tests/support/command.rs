//! The real binary in a directory of its own.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// The configuration of the documentation, with a free port and nodes that are not there.
pub const CONFIG: &str = r#"
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

pub const OF: &str = "--config signer.toml --chain akashnet-2";

pub fn scene() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("signer.toml"), CONFIG).unwrap();
    dir
}

pub fn command(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-signer"));
    command.current_dir(dir).args(line.split_whitespace()).env_remove("RUST_LOG");
    command
}

/// Runs a line; exit code, standard output, standard error.
pub fn run(dir: &TempDir, line: &str) -> (i32, String, String) {
    let output = command(dir.path(), line).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

pub fn good(dir: &TempDir, line: &str) -> String {
    let (code, out, err) = run(dir, line);
    assert_eq!((code, err.as_str()), (0, ""), "{line}\n{out}");
    out
}

/// Runs a line that must fail with this code, these words, and this as its last line.
pub fn bad(dir: &TempDir, line: &str, code: i32, says: &str, tries: &str) {
    let (seen, out, err) = run(dir, line);
    assert_eq!((seen, out.as_str()), (code, ""), "{line}\n{err}");
    assert!(err.starts_with("error: ") && err.contains(says), "{line}\n{err}");
    assert!(err.lines().last().unwrap().starts_with(&format!("try: {tries}")), "{line}\n{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
}

/// A signer at work, killed when dropped.
pub struct Signer(pub Child);

impl Signer {
    pub fn start(dir: &TempDir) -> Self {
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
