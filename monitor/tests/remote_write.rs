//! Metrics pushed to a real Prometheus, and to receivers that fail in every way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use palisade_monitor::config::{Config, RemoteWrite, SecretSource};
use palisade_monitor::io::follow::Published;
use palisade_monitor::io::http::{Http, Tls};
use palisade_monitor::io::pool::Pool;
use palisade_monitor::io::reach::Clients;
use palisade_monitor::io::remote_write;
use palisade_monitor::io::server::Served;
use palisade_monitor::metrics::Pushed;
use palisade_monitor::view::{ChainView, ValidatorView};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// One chain with one validator that has missed 7 blocks.
fn chains() -> (watch::Sender<Published>, watch::Receiver<Vec<Served>>) {
    let validator = ValidatorView {
        valoper: "xvaloper1a".into(),
        moniker: "<\"x\"\n>".into(),
        missed: 7,
        ..ValidatorView::default()
    };
    let view = ChainView {
        chain_id: "c-1".into(),
        height: Some(42),
        validators: vec![validator],
        ..ChainView::default()
    };
    let published = Published { view: Arc::new(view), feed: None, received: None, history: None };
    let (sender, published) = watch::channel(published);
    let text =
        "listen = \"127.0.0.1:0\"\ndata_dir = \".\"\n[[chain]]\nid = \"c-1\"\nrpc = [\"http://127.0.0.1:1\"]";
    let config = Config::parse(text, Path::new("m.toml")).unwrap();
    let pool = Arc::new(Pool::new(&config.chains[0], &mut Clients::default()).unwrap());
    let (ask, _) = tokio::sync::mpsc::channel(1);
    let (compat, directory) = (BTreeSet::new(), PathBuf::new());
    let served = Served { published, pool, ask, started: Instant::now(), compat, directory };
    (sender, watch::channel(vec![served]).1)
}

fn config(port: u16) -> RemoteWrite {
    RemoteWrite {
        url: format!("http://127.0.0.1:{port}/api/v1/write"),
        token: None,
        tenant: Some("team".into()),
        ca: None,
        interval: Duration::from_secs(1),
        labels: vec![("monitor".into(), "a".into())],
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "needs Prometheus: tests/run"]
async fn a_real_prometheus_has_every_series() {
    let program = std::env::var_os("PALISADE_PROMETHEUS").expect("PALISADE_PROMETHEUS; try: tests/run e2e");
    let dir = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (_published, served) = chains();
    let board = Arc::new(watch::channel(Vec::<Pushed>::new()).0);
    let service = tokio::spawn(remote_write::run(vec![config(port)], served, board.clone()));
    // Nobody listens at first: nothing is lost by that.
    let mut seen = board.subscribe();
    seen.wait_for(|all| all.iter().any(|p| p.failed > 0)).await.unwrap();
    std::fs::write(dir.path().join("prometheus.yml"), "global: {}\n").unwrap();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let _prometheus = Killed(
        Command::new(program)
            .current_dir(dir.path())
            .args([
                "--config.file=prometheus.yml",
                "--web.enable-remote-write-receiver",
                "--storage.tsdb.path=data",
            ])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap(),
    );
    let taken = seen.wait_for(|all| all.iter().any(|p| p.sent > 0));
    tokio::time::timeout(Duration::from_secs(60), taken).await.expect("nothing was taken").unwrap();
    let query = "palisade_monitor_validator_missed_blocks_total%7Bmonitor%3D%22a%22%7D";
    let request = http::Request::get(format!("http://127.0.0.1:{port}/api/v1/query?query={query}"));
    let request = request.body(http_body_util::Full::default()).unwrap();
    let http = Http::new(&Tls::default()).unwrap();
    let answer = http.send(request, Duration::from_secs(10), 1 << 20).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let result = &answer["data"]["result"][0];
    assert_eq!(result["value"][1], "7", "{answer}");
    assert_eq!(result["metric"]["moniker"], "<\"x\"\n>", "{answer}");
    assert_eq!(result["metric"]["chain_id"], "c-1");
    service.abort();
}

/// Answers requests one after the other; what it was sent, heads only.
fn receiver(answers: &'static [&'static str]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let noted = heads.clone();
    std::thread::spawn(move || {
        for (stream, answer) in
            listener.incoming().zip(answers.iter().chain(std::iter::repeat(&"204 No Content")))
        {
            let Ok(mut stream) = stream else { return };
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            let complete = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).to_lowercase();
                let (head, _) = text.split_once("\r\n\r\n")?;
                let length =
                    head.lines().find_map(|l| l.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
                let start = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
                (bytes.len() >= start + length).then(|| head.to_owned())
            };
            let head = loop {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break None,
                    Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                }
                if let Some(head) = complete(&bytes) {
                    break Some(head);
                }
            };
            noted.lock().unwrap().extend(head);
            let _ = write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (port, heads)
}

#[tokio::test]
async fn failures_are_repeated_and_refusals_are_not() {
    let answers = &["503 Busy", "429 Too Many\r\nretry-after: 1", "400 Bad Request", "200 OK"];
    let (port, heads) = receiver(answers);
    let (_published, served) = chains();
    let board = Arc::new(watch::channel(Vec::<Pushed>::new()).0);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "hunter2\n").unwrap();
    let token = Some(SecretSource::File(dir.path().join("token")));
    let config = RemoteWrite { token, ..config(port) };
    let service = tokio::spawn(remote_write::run(vec![config], served, board.clone()));
    let mut seen = board.subscribe();
    let taken = seen.wait_for(|all| all.iter().any(|p| p.sent > 0));
    let all = tokio::time::timeout(Duration::from_secs(60), taken).await.unwrap().unwrap().clone();
    service.abort();
    assert_eq!((all.len(), all[0].failed), (1, 2), "{all:?}");
    assert!(all[0].dropped > 0 && all[0].target == format!("127.0.0.1:{port}"), "{all:?}");
    let heads = heads.lock().unwrap();
    for wanted in [
        "content-encoding: snappy",
        "content-type: application/x-protobuf",
        "x-scope-orgid: team",
        "authorization: bearer hunter2",
    ] {
        assert!(heads[0].contains(wanted), "{wanted} is not in {}", heads[0]);
    }
}
