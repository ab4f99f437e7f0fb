//! The real program behind mutual TLS and tokens: whom it lets in over the wire, and whose orders it takes.

use super::orders::SILENCE;
use super::{ADMIN, Door, Mutual, TOKENS, VIEW, bearer};
use palisade_monitor::alert::Alert;
use palisade_monitor::alert::board::Board;
use palisade_monitor::io::http::Http;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RULE: &str = "PalisadeSourceDown";
const ACK: &str = r#"{"ack":{"matcher":{"rule":"PalisadeSourceDown"},"by":"ops","note":"on it"}}"#;
/// For the program to try an endpoint and to look at its rules.
const LIMIT: Duration = Duration::from_secs(300);

struct Program {
    child: Child,
    door: Door,
}

impl Program {
    /// Its log goes to `log` in `dir`.
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_palisade-monitor"))
            .args(["run", "--config", "monitor.toml"])
            .current_dir(dir)
            .env("PALISADE_LOG", "debug")
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (scheme, rest) = line.trim_end().split_once("://").unwrap();
        let address = rest.trim_end_matches('/').parse().unwrap();
        Self { child, door: Door { address, scheme: scheme.into() } }
    }

    /// The alert of the rule, while it fires.
    async fn alert(&self, http: &Http, token: &str) -> Option<Alert> {
        let board = self.door.ask(http, "/api/alerts", &[("authorization", token)]).await.unwrap();
        let board: Board = serde_json::from_slice(&board.body).unwrap();
        board.alerts.into_iter().find(|a| a.key.rule == RULE && a.fires_since().is_some())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_real_program_obeys_whoever_has_both_the_certificate_and_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let Mutual { page, friend, strangers } = Mutual::new(dir.path());
    std::fs::write(dir.path().join("admin"), ADMIN).unwrap();
    std::fs::write(dir.path().join("view"), VIEW).unwrap();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[page]\n{TOKENS}{page}\n[[chain]]\nid = \"c-1\"\n\
         rpc = [\"http://127.0.0.1:1\"]\n[[alerts.rule]]\nname = \"{RULE}\"\nfor = \"0s\"\n"
    );
    std::fs::write(dir.path().join("monitor.toml"), text).unwrap();
    let program = Program::start(dir.path());
    let (view, admin, wrong) = (bearer(VIEW), bearer(ADMIN), bearer("no-token-of-32-characters-------"));
    assert_eq!(program.door.scheme, "https");

    for nobody in &strangers {
        assert!(program.door.ask(nobody, "/livez", &[]).await.is_err(), "without our certificate");
        let own = [("authorization", admin.as_str())];
        let sent = program.door.send(nobody, "POST", "/api/alerts/order", &own, SILENCE).await;
        assert!(sent.is_err(), "a good token does not make up for a wrong certificate");
    }
    // The certificate alone is enough to look.
    for headers in [vec![], vec![("authorization", view.as_str())], vec![("authorization", admin.as_str())]] {
        for path in ["/api/chains", "/metrics"] {
            assert_eq!(program.door.status(&friend, path, &headers).await, 200, "{path} {headers:?}");
        }
    }

    let begin = Instant::now();
    while program.alert(&friend, &view).await.is_none() {
        assert!(begin.elapsed() < LIMIT, "nothing fires");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let own = ("x-palisade", "1");
    for (headers, status, silences) in [
        (vec![own], 401, 0),
        (vec![("authorization", view.as_str()), own], 401, 0),
        (vec![("authorization", wrong.as_str()), own], 401, 0),
        (vec![("authorization", admin.as_str())], 200, 1),
    ] {
        assert_eq!(program.door.order(&friend, &headers, SILENCE).await, (status, silences), "{headers:?}");
        assert_eq!(program.door.order(&friend, &headers, ACK).await.0, status, "{headers:?}");
        let ack = program.alert(&friend, &view).await.unwrap().ack.map(|ack| ack.by);
        assert_eq!(ack, (status == 200).then(|| "ops".to_owned()), "{headers:?}");
    }
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    for secret in [ADMIN, VIEW, "no-token-of-32"] {
        assert!(!log.contains(secret), "a token in the log");
    }
}
