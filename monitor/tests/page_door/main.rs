//! Who gets to the page, over real sockets: tokens, sessions, guessing, TLS, client certificates, their renewal, and
//! strangers who only hold connections open.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod orders;
mod past;
mod program;

use base64::Engine as _;
use http::Request;
use http_body_util::Full;
use palisade_monitor::config::Config;
use palisade_monitor::io::http::{Answer, Http, HttpFailure, Tls};
use palisade_monitor::io::run;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

const ADMIN: &str = "an-admin-token-of-32-characters-";
const VIEW: &str = "a-viewer-token-of-32-characters-";
const TOKENS: &str = "admin_token = { file = \"admin\" }\nview_token = { file = \"view\" }\n";

/// Where a daemon listens.
struct Door {
    address: SocketAddr,
    scheme: String,
}

/// The daemon with one chain that nobody serves: only its door is of interest.
struct Daemon {
    door: Door,
    reload: mpsc::Sender<Config>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), run::RunError>>,
}

fn config(dir: &Path, page: &str) -> Config {
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[page]\n{page}\n[[chain]]\nid = \"c-1\"\nrpc = [\"http://127.0.0.1:1\"]"
    );
    Config::parse(&text, &dir.join("monitor.toml")).unwrap()
}

impl Daemon {
    async fn start(dir: &Path, page: &str) -> Self {
        std::fs::write(dir.join("admin"), ADMIN).unwrap();
        std::fs::write(dir.join("view"), VIEW).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, at) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let (reload, reloads) = mpsc::channel(1);
        let bound = move |scheme: &str, address| bound.send((scheme.to_owned(), address)).unwrap();
        let task = tokio::spawn(run::run(config(dir, page), reloads, bound, stopped));
        let (scheme, address) = at.await.unwrap();
        Self { door: Door { address, scheme }, reload, stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

impl std::ops::Deref for Daemon {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Door {
    async fn ask(&self, client: &Http, path: &str, headers: &[(&str, &str)]) -> Result<Answer, HttpFailure> {
        self.send(client, "GET", path, headers, "").await
    }

    async fn send(
        &self,
        client: &Http,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, HttpFailure> {
        let url = format!("{}://127.0.0.1:{}{path}", self.scheme, self.address.port());
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(body.to_owned().into());
        client.send(request.body(body).unwrap(), Duration::from_secs(60), 1 << 20).await
    }

    async fn status(&self, client: &Http, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.ask(client, path, headers).await.unwrap().status
    }

    /// Whether the asker may look, and change.
    async fn may(&self, client: &Http, headers: &[(&str, &str)]) -> (bool, bool) {
        let answer = self.ask(client, "/api/session", headers).await.unwrap();
        assert_eq!(answer.status, 200);
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        (said["may_look"].as_bool().unwrap(), said["may_change"].as_bool().unwrap())
    }

    /// Opens a session: the whole line that sets the cookie, and what a browser sends back of it.
    async fn sign_in(&self, client: &Http, token: &str) -> (String, String) {
        let body = format!("{{\"token\":\"{token}\"}}");
        let answer = self.send(client, "POST", "/api/session", &[], &body).await.unwrap();
        assert_eq!(answer.status, 204);
        let line = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        let cookie = line.split(';').next().unwrap().to_owned();
        (line, cookie)
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn client(tls: &Tls) -> Http {
    Http::new(tls).unwrap()
}

#[tokio::test]
async fn whoever_has_no_token_sees_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), TOKENS).await;
    let http = client(&Tls::default());
    for path in ["/api/overview", "/api/chains", "/api/chains/c-1", "/api/events", "/metrics"] {
        let answer = daemon.ask(&http, path, &[]).await.unwrap();
        assert_eq!(
            (answer.status, answer.headers["www-authenticate"].to_str().unwrap()),
            (401, "Bearer"),
            "{path}"
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("c-1"), "{path}");
    }
    // The page itself, with the form to sign in; and whoever restarts containers.
    for path in ["/", "/page.js", "/livez"] {
        assert_eq!(daemon.status(&http, path, &[]).await, 200, "{path}");
    }
    let (view, admin) = (bearer(VIEW), bearer(ADMIN));
    assert_eq!(daemon.status(&http, "/metrics", &[("authorization", &view)]).await, 200);
    assert_eq!(daemon.may(&http, &[]).await, (false, false));
    assert_eq!(daemon.may(&http, &[("authorization", &view)]).await, (true, false));
    assert_eq!(daemon.may(&http, &[("authorization", &admin)]).await, (true, true));
    let metrics = daemon.ask(&http, "/metrics", &[("authorization", &admin)]).await.unwrap();
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("palisade_monitor") && !text.contains("token-of-32"), "no secret is served");
    for path in ["/", "/api/overview", "/nothing-here"] {
        let answer = daemon.ask(&http, path, &[]).await.unwrap();
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_session_is_as_good_as_its_token_and_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), TOKENS).await;
    let http = client(&Tls::default());
    let (line, cookie) = daemon.sign_in(&http, ADMIN).await;
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Secure"), "it would not come back over plain HTTP: {line}");
    assert_eq!(daemon.may(&http, &[("cookie", &cookie)]).await, (true, true));
    assert_eq!(daemon.may(&http, &[("cookie", &format!("{cookie}0"))]).await, (false, false));
    let (_, viewer) = daemon.sign_in(&http, VIEW).await;
    assert_eq!(daemon.may(&http, &[("cookie", &viewer)]).await, (true, false));

    // Signing out ends it for everybody who may have copied it.
    let answer = daemon.send(&http, "DELETE", "/api/session", &[("cookie", &cookie)], "").await.unwrap();
    assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(daemon.may(&http, &[("cookie", &cookie)]).await, (false, false));

    // A token that is changed takes its sessions along; the other's go on.
    let (_, cookie) = daemon.sign_in(&http, ADMIN).await;
    std::fs::write(dir.path().join("admin"), "another-token-of-32-characters--").unwrap();
    daemon.reload.send(config(dir.path(), TOKENS)).await.unwrap();
    let mut ended = false;
    for _ in 0..200 {
        ended = daemon.may(&http, &[("cookie", &cookie)]).await == (false, false);
        if ended {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ended, "the session outlived its token");
    assert_eq!(daemon.may(&http, &[("cookie", &viewer)]).await, (true, false));
    daemon.stop().await;
}

#[tokio::test]
async fn guessing_ends_and_disturbs_no_session() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), TOKENS).await;
    let http = client(&Tls::default());
    let (_, cookie) = daemon.sign_in(&http, ADMIN).await;
    let mut statuses = Vec::new();
    for guess in 0..4 {
        let wrong = bearer(&format!("{ADMIN}{guess}"));
        statuses.push(daemon.status(&http, "/api/overview", &[("authorization", &wrong)]).await);
    }
    for body in ["{\"token\":\"wrong\"}", "{\"token\":\"wrong again\"}", "{\"token\":\"and again\"}"] {
        statuses.push(daemon.send(&http, "POST", "/api/session", &[], body).await.unwrap().status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    let refused = daemon.ask(&http, "/api/overview", &[("authorization", &bearer(ADMIN))]).await.unwrap();
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(refused.status == 429 && (1..=61).contains(&wait));
    assert_eq!(daemon.may(&http, &[("cookie", &cookie)]).await, (true, true));
    let (long, junk) = (format!("{{\"token\":\"{}\"}}", "x".repeat(10_000)), "[".to_owned());
    for (body, status) in [(long, 413), (junk, 400)] {
        assert_eq!(daemon.send(&http, "POST", "/api/session", &[], &body).await.unwrap().status, status);
    }
    daemon.stop().await;
}

/// An authority with its certificate at `dir/<name>.pem`.
struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

fn pem(path: &Path, kind: &str, der: &[u8]) {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let text = format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"));
    std::fs::write(path, text).unwrap();
}

impl Authority {
    fn new(dir: &Path, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        pem(&dir.join(format!("{name}.pem")), "CERTIFICATE", params.self_signed(&key).unwrap().der());
        Self { dir: dir.to_owned(), issuer: Issuer::new(params, key) }
    }

    /// Certificate and key for 127.0.0.1 at `<name>.crt` and `<name>.key`.
    fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = (self.dir.join(format!("{name}.crt")), self.dir.join(format!("{name}.key")));
        pem(&paths.0, "CERTIFICATE", certificate.der());
        pem(&paths.1, "PRIVATE KEY", &key.serialize_der());
        paths
    }
}

/// A page that asks for certificates of an authority, somebody who has one, and somebody who has one of another.
struct Mutual {
    page: &'static str,
    friend: Http,
    strangers: [Http; 2],
}

impl Mutual {
    fn new(dir: &Path) -> Self {
        let (good, other) = (Authority::new(dir, "good"), Authority::new(dir, "other"));
        good.issue("page");
        let (friend, stranger) = (good.issue("friend"), other.issue("stranger"));
        Self {
            page: "tls = { cert = \"page.crt\", key = \"page.key\", client_ca = \"good.pem\" }\n",
            friend: trusting(dir, "good", Some(friend)),
            strangers: [trusting(dir, "good", None), trusting(dir, "good", Some(stranger))],
        }
    }
}

fn trusting(dir: &Path, authority: &str, identity: Option<(PathBuf, PathBuf)>) -> Http {
    client(&Tls { ca: Some(dir.join(format!("{authority}.pem"))), identity })
}

#[tokio::test]
async fn tls_keeps_strangers_out_and_renews_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let (good, other) = (Authority::new(dir.path(), "good"), Authority::new(dir.path(), "other"));
    good.issue("page");
    let page = format!("{TOKENS}tls = {{ cert = \"page.crt\", key = \"page.key\" }}\n");
    let daemon = Daemon::start(dir.path(), &page).await;
    assert_eq!(daemon.scheme, "https");
    let http = trusting(dir.path(), "good", None);
    assert_eq!(daemon.may(&http, &[]).await, (false, false));
    let (line, cookie) = daemon.sign_in(&http, ADMIN).await;
    assert!(line.ends_with("; Secure"), "{line}");
    assert_eq!(daemon.may(&http, &[("cookie", &cookie)]).await, (true, true));
    let distrusting = trusting(dir.path(), "other", None);
    assert!(daemon.ask(&distrusting, "/livez", &[]).await.is_err());
    let mut plain = TcpStream::connect(daemon.address).await.unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "an answer without TLS");

    other.issue("page");
    daemon.reload.send(config(dir.path(), &page)).await.unwrap();
    let mut renewed = false;
    for _ in 0..200 {
        renewed = daemon.ask(&trusting(dir.path(), "other", None), "/livez", &[]).await.is_ok();
        if renewed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(renewed, "the new certificate was not read");
    assert!(daemon.ask(&trusting(dir.path(), "good", None), "/livez", &[]).await.is_err());

    // One that cannot be read changes nothing.
    std::fs::write(dir.path().join("page.crt"), "no certificate").unwrap();
    daemon.reload.send(config(dir.path(), &page)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(daemon.status(&trusting(dir.path(), "other", None), "/livez", &[]).await, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn a_client_certificate_is_asked_for_at_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let Mutual { page: tls, friend, strangers } = Mutual::new(dir.path());
    for (page, friend_may) in [(tls.to_owned(), (true, true)), (format!("{TOKENS}{tls}"), (true, false))] {
        let daemon = Daemon::start(dir.path(), &page).await;
        for nobody in &strangers {
            assert!(daemon.ask(nobody, "/livez", &[]).await.is_err(), "{page}");
        }
        assert_eq!(daemon.may(&friend, &[]).await, friend_may, "{page}");
        daemon.stop().await;
    }
}

#[tokio::test]
async fn silent_strangers_keep_nobody_out_for_long() {
    let dir = tempfile::tempdir().unwrap();
    Authority::new(dir.path(), "good").issue("page");
    let tls = "tls = { cert = \"page.crt\", key = \"page.key\" }\n";
    for (page, http) in [("", client(&Tls::default())), (tls, trusting(dir.path(), "good", None))] {
        let daemon = Daemon::start(dir.path(), page).await;
        let mut silent = Vec::new();
        for i in 0..600 {
            let mut stranger = TcpStream::connect(daemon.address).await.unwrap();
            if i % 2 == 0 && page.is_empty() {
                stranger.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
            }
            silent.push(stranger);
        }
        // The client gives up after a minute.
        assert_eq!(daemon.status(&http, "/livez", &[]).await, 200, "{page}");
        daemon.stop().await;
    }
}
