//! `palisade-sentry watch` as a process: what it serves to whom, whom it tells, and what it remembers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const CLASSIC: &str = include_str!("../../examples/fleet-classic.toml");
/// Breaks two rules about the validator.
const OPEN_RPC: &str = "config.rpc.laddr = \"tcp://0.0.0.0:26657\"\nrole = \"validator\"";

/// The daemon, ended with the test.
struct Daemon {
    child: Child,
    at: String,
}

impl Daemon {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_palisade-sentry"))
            .args(["watch", "--config"])
            .arg(dir.join("watch.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let at = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
        Self { child, at }
    }

    fn get(&self, path: &str) -> (u16, String) {
        ask(TcpStream::connect(&self.at).unwrap(), path)
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    fn end(mut self) {
        self.signal("-TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(mut stream: impl Read + Write, path: &str) -> (u16, String) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server that answers each request by its first line and body, and keeps the bodies.
fn server(
    answer: impl Fn(&str, usize) -> (u16, String) + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let bodies = kept.clone();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let (status, text) = answer(&first, count);
            bodies.lock().unwrap().push(format!("{status} {}", String::from_utf8(body).unwrap()));
            let length = text.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (at, kept)
}

/// A sentry's RPC: at this height, with this peer.
fn rpc(id: &str, height: u64, peer: &str) -> String {
    let status = format!(
        r#"{{"result":{{"node_info":{{"id":"{id}"}},"sync_info":{{"latest_block_height":"{height}","catching_up":false}}}}}}"#
    );
    let net = format!(
        r#"{{"result":{{"peers":[{{"node_info":{{"id":"{peer}"}},"is_outbound":false}},{{"node_info":{{"id":"{0}"}},"is_outbound":true}}]}}}}"#,
        "f".repeat(40)
    );
    server(move |first, _| (200, if first.contains("/status") { status.clone() } else { net.clone() })).0
}

fn id_of(host: &str) -> String {
    let at = CLASSIC.find(&format!("name = \"{host}\"")).unwrap();
    let id = at + CLASSIC[at..].find("\nid = \"").unwrap() + 7;
    CLASSIC[id..id + 40].to_owned()
}

fn write_config(dir: &Path, more: &str) {
    let config = format!(
        "fleet = \"fleet.toml\"\nstate_dir = \"state\"\nlisten = \"127.0.0.1:0\"\ndetails_socket = \"details.sock\"\n\
         [schedule]\nevery = \"1h\"\njitter = \"0s\"\n{more}"
    );
    std::fs::write(dir.join("watch.toml"), config).unwrap();
}

fn details(dir: &Path) -> Value {
    let (status, body) = ask(UnixStream::connect(dir.join("details.sock")).unwrap(), "/findings");
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

#[test]
fn found_told_fixed_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let leaking = CLASSIC.replacen("role = \"validator\"", OPEN_RPC, 1);
    std::fs::write(dir.join("fleet.toml"), &leaking).unwrap();
    // The first message is refused: it must come again.
    let (alertmanager, told) = server(|_, count| (if count == 0 { 503 } else { 200 }, String::new()));
    let (good, late) =
        (rpc(&id_of("sentry-1"), 100, &id_of("val-1")), rpc(&id_of("sentry-2"), 50, &id_of("sentry-1")));
    write_config(
        dir,
        &format!(
            "[[node]]\nnode = \"sentry-1\"\nrpc = \"{good}\"\n[[node]]\nnode = \"sentry-2\"\nrpc = \"{late}/\"\n\
             [health]\nevery = \"1s\"\nmax_lag = 20\npatience = \"0s\"\n\
             [alertmanager]\nurls = [\"{alertmanager}\"]\nfrom = \"warn\"\ndetails = false\nlabels = {{ team = \"a\" }}\n"
        ),
    );
    let daemon = Daemon::start(dir);
    until("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    assert_eq!(daemon.get("/livez"), (200, "ok\n".to_owned()));

    let (_, redacted) = daemon.get("/findings");
    assert!(redacted.contains("rpc_not_public_on_validator"), "{redacted}");
    assert!(!redacted.contains("val-1") && !redacted.contains("0.0.0.0"), "{redacted}");
    let whole = details(dir);
    assert_eq!(whole["findings"][0]["subject"]["host"], "val-1");
    let socket = dir.join("details.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let metrics = until("the sentries were asked", || {
        let (_, text) = daemon.get("/metrics");
        text.contains("palisade_sentry_node_up").then_some(text)
    });
    for line in [
        "palisade_sentry_findings{rule=\"rpc_not_public_on_validator\",severity=\"error\"} 1",
        "palisade_sentry_node_behind_blocks{node=\"sentry-2\"} 50",
        "palisade_sentry_node_validator_links_up{node=\"sentry-1\"} 1",
        "palisade_sentry_node_wrong{node=\"sentry-2\",what=\"late\"} 1",
        "palisade_sentry_node_wrong{node=\"sentry-2\",what=\"validator_link\"} 1",
        "palisade_sentry_last_run_success 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
    }
    assert!(!metrics.contains(&id_of("val-1")) && !metrics.contains("val-1"), "{metrics}");

    let alert = until("Alertmanager takes it", || {
        let told = told.lock().unwrap();
        assert!(told.first().is_none_or(|first| first.starts_with("503 ")));
        let taken = |t: &&String| {
            t.starts_with("200 ") && t.contains("rpc_not_public_on_validator") && t.contains("\"late\"")
        };
        told.iter().find(taken).cloned()
    });
    assert!(!alert.contains("val-1") && alert.contains("\"team\":\"a\""), "{alert}");
    let history = std::fs::read_to_string(dir.join("state/history.jsonl")).unwrap();
    assert!(history.lines().all(|l| l.contains("\"turn\":\"opened\"")), "{history}");

    // Started again it knows what it knew, and does not look again before it is due.
    daemon.end();
    let daemon = Daemon::start(dir);
    assert_eq!(daemon.get("/readyz").0, 200);
    assert_eq!(details(dir)["findings"], whole["findings"]);
    assert!(daemon.get("/metrics").1.contains("palisade_sentry_runs_total{result=\"success\"} 0"));

    // Fixed, and asked to look.
    std::fs::write(dir.join("fleet.toml"), CLASSIC).unwrap();
    daemon.signal("-HUP");
    until("it is gone", || details(dir)["findings"][0]["gone"].is_number().then_some(()));
    assert!(daemon.get("/metrics").1.contains("{rule=\"rpc_not_public_on_validator\",severity=\"error\"} 0"));
    until("its end is told", || {
        let told = told.lock().unwrap();
        let last: Value = serde_json::from_str(told.last()?.split_once(' ')?.1).ok()?;
        let of = last.as_array()?.iter().find(|a| a["labels"]["rule"] == "rpc_not_public_on_validator")?;
        let end = OffsetDateTime::parse(of["endsAt"].as_str()?, &Rfc3339).unwrap();
        (end <= OffsetDateTime::now_utc()).then_some(())
    });

    // A fleet that is no fleet is a failed run, and ends nothing.
    std::fs::write(dir.join("fleet.toml"), leaking.replacen("role", "rolle", 1)).unwrap();
    daemon.signal("-HUP");
    until("it is not ready", || (daemon.get("/readyz").0 == 503).then_some(()));
    let (_, redacted) = daemon.get("/findings");
    assert!(redacted.contains("\"ok\": false") && !redacted.contains("rolle"), "{redacted}");
    daemon.end();
}

#[test]
fn what_it_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("fleet.toml"), CLASSIC).unwrap();
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-sentry"));
        let output =
            command.args(["watch", "--config"]).arg(dir.join("watch.toml")).args(more).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&[]).0, Some(2));
    write_config(dir, "");
    assert_eq!(run(&["--check"]).0, Some(0));
    let health = "[health]\nevery = \"1s\"\nmax_lag = 20\npatience = \"0s\"\n";
    for more in [
        "[[node]]\nnode = \"nobody\"\nrpc = \"http://127.0.0.1:1\"\n",
        "[[node]]\nnode = \"val-1\"\nrpc = \"http://127.0.0.1:1\"\n",
        "[[home]]\nnode = \"nobody\"\ndir = \"x\"\n",
    ] {
        write_config(dir, &format!("{more}{health}"));
        for check in [&["--check"][..], &[]] {
            let (code, error) = run(check);
            assert_eq!(code, Some(2), "{more}");
            assert!(error.lines().last().unwrap().starts_with("try: "), "{error}");
        }
    }
    write_config(dir, "");
    let daemon = Daemon::start(dir);
    let (code, error) = run(&[]);
    assert!(code == Some(2) && error.contains("in use by another"), "{error}");
    daemon.end();
}
