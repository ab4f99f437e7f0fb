//! The daemon, its channels and their receivers: whatever these do, who is told hears of each beginning and each end.
#![allow(clippy::unwrap_used, reason = "a test may")]

#[allow(dead_code, reason = "this test needs a part of it")]
#[path = "../sources/fake_node.rs"]
mod fake_node;
mod receiver;

use fake_node::{App, Mood, Node};
use receiver::{Does, Receiver, Took, until};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output};

/// An endpoint that is down is an alert at once here, and nothing else is: the quickest beginning and end there is.
const RULES: &str = r#"
rule = [
    { name = "PalisadeSourceDown", for = "0s", clear = "0s" },
    { name = "PalisadeMonitorBlind", enabled = false },
    { name = "PalisadeChainStalled", enabled = false },
    { name = "PalisadeNetworkEvent", enabled = false },
]
"#;

struct Daemon(Child);

impl Daemon {
    fn start(dir: &Path) -> Self {
        Self(program(dir).args(["run", "--config", "monitor.toml"]).spawn().unwrap())
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-monitor"));
    command.current_dir(dir).env("PALISADE_LOG", "warn");
    command
}

fn alert(dir: &Path, args: &[&str]) -> Output {
    program(dir).args(["alert", "--config", "monitor.toml"]).args(args).output().unwrap()
}

/// A port where nobody listens.
fn closed() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn configure(dir: &Path, node: SocketAddr, alerts: &str) {
    std::fs::write(dir.join("key"), "very-secret\n").unwrap();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata_dir = \".\"\n[[chain]]\nid = \"{}\"\nrpc = [\"http://{node}\"]\n[alerts]\n{RULES}\n{alerts}",
        fake_node::CHAIN
    );
    std::fs::write(dir.join("monitor.toml"), text).unwrap();
}

fn channel(name: &str, kind: &str, rest: &str) -> String {
    format!("[[alerts.channel]]\nname = \"{name}\"\ntype = \"{kind}\"\n{rest}\n")
}

/// Starts the node that was down until now, for the rest of the test.
fn bring_up(at: SocketAddr) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(at).await.unwrap();
            let _node = Node::at(listener, 30, Mood::Good, App::KeyValue);
            std::future::pending::<()>().await;
        });
    });
}

fn ids<'a>(took: &'a [Took], action: &str) -> BTreeSet<&'a str> {
    let of = |t: &'a Took| (t.body["event_action"] == action).then(|| t.body["dedup_key"].as_str().unwrap());
    took.iter().filter_map(of).collect()
}

#[test]
fn whatever_receivers_do_each_hears_of_the_beginning_and_the_end() {
    use Does::{Limits, Refuses, Takes, TakesAndBreaks};
    let dir = tempfile::tempdir().unwrap();
    let pager = Receiver::start(vec![Refuses(500), Limits, TakesAndBreaks, Takes, Limits, TakesAndBreaks]);
    let hook = Receiver::start(vec![TakesAndBreaks, Refuses(404), Takes, Refuses(503)]);
    let ntfy = Receiver::start(vec![Refuses(401)]);
    let ops = Receiver::start(vec![Limits]);
    let manager = Receiver::start(vec![Refuses(502)]);
    let chat = Receiver::start(vec![]);
    let (mail, mails) = receiver::mail();
    std::fs::write(dir.path().join("slack"), format!("http://{}/T/secret", chat.address)).unwrap();
    let key = "key = { file = \"key\" }";
    let url = |r: &Receiver, path: &str| format!("url = \"http://{}{path}\"\n", r.address);
    let node = closed();
    configure(
        dir.path(),
        node,
        &[
            channel("pager", "pagerduty", &(url(&pager, "") + key)),
            channel("hook", "webhook", &(url(&hook, "/x") + key)),
            channel("ntfy", "ntfy", &url(&ntfy, "/alerts")),
            channel("ops", "opsgenie", &(url(&ops, "") + key)),
            channel("manager", "alertmanager", &format!("urls = [\"http://{}\"]", manager.address)),
            channel("chat", "slack", "webhook = { file = \"slack\" }"),
            channel(
                "mail",
                "email",
                &format!("smtp = \"smtp://{mail}\"\nfrom = \"m@example.org\"\nto = [\"ops@example.org\"]"),
            ),
        ]
        .concat(),
    );
    let daemon = Daemon::start(dir.path());
    let began = pager.until("began", |t| t.len() >= 2);
    assert_eq!(ids(&began, "trigger").len(), 1, "sent twice, with one key: {began:?}");
    assert_eq!(began[0].body["routing_key"], "very-secret");
    let kind = |t: &[Took], kind: &str| t.iter().any(|t| t.body["kind"] == kind);
    hook.until("hook", |t| kind(t, "fired") && t.len() >= 2);
    assert!(hook.took()[0].headers.contains("authorization: Bearer very-secret"));
    ntfy.until("ntfy", |t| t.iter().any(|t| t.body["topic"] == "alerts"));
    ops.until("ops", |t| t.iter().any(|t| t.path == "/v2/alerts"));
    manager.until("manager", |t| t.iter().any(|t| t.body[0]["labels"]["alertname"] == "PalisadeSourceDown"));
    until("mail", || (mails.lock().unwrap().len() == 1).then_some(()));
    bring_up(node);
    let all = pager.until("over", |t| ids(t, "resolve").len() == 1 && t.len() >= 4);
    assert_eq!(ids(&all, "trigger"), ids(&all, "resolve"));
    let all = hook.until("hook", |t| kind(t, "resolved"));
    let keys: BTreeSet<_> = all.iter().map(|t| t.body["id"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 2, "{all:?}");
    assert!(
        all.iter()
            .all(|t| t.headers.contains(&format!("idempotency-key: {}", t.body["id"].as_str().unwrap())))
    );
    let chats = chat.until("chat", |t| t.len() == 2);
    assert_eq!(chats[0].path, "/T/secret");
    assert!(chats[0].body["text"].as_str().unwrap().starts_with("*[WARNING] "), "{chats:?}");
    assert!(chats[1].body["text"].as_str().unwrap().starts_with("*[RESOLVED] "));
    ops.until("ops", |t| t.iter().any(|t| t.path.ends_with("/close?identifierType=alias")));
    until("mail", || (mails.lock().unwrap().len() == 2).then_some(()));
    let mails = mails.lock().unwrap().clone();
    assert!(
        mails[0].contains("Subject: [WARNING] ") && mails[1].contains("Subject: [RESOLVED] "),
        "{mails:?}"
    );
    assert!(mails[0].contains("\r\ntry: palisade-monitor check"), "{mails:?}");
    let shown = until("all delivered", || {
        let out = alert(dir.path(), &["list"]);
        let shown = String::from_utf8_lossy(&out.stdout).into_owned();
        (out.status.success() && shown.contains("channel pager: 2 delivered, 0 wait")).then_some(shown)
    });
    assert!(shown.contains("nothing fires"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
    daemon.kill();
}

#[test]
fn a_killed_daemon_sends_what_it_had_written() {
    let dir = tempfile::tempdir().unwrap();
    let node = closed();
    // The first is on its way when the daemon dies, again and again.
    let pager = Receiver::start(vec![Does::TakesAndHangs; 3]);
    let url = format!("url = \"http://{}\"\nkey = {{ file = \"key\" }}", pager.address);
    configure(dir.path(), node, &channel("pager", "pagerduty", &url));
    for taken in 1..=3 {
        let daemon = Daemon::start(dir.path());
        pager.until("on its way", |t| t.len() == taken);
        daemon.kill();
    }
    let daemon = Daemon::start(dir.path());
    let took = pager.until("taken", |t| t.len() >= 4);
    assert_eq!(ids(&took, "trigger").len(), 1, "one incident over four lives: {took:?}");
    let out = alert(dir.path(), &["ack", "--rule", "PalisadeSourceDown", "--by", "ann"]);
    assert!(out.status.success(), "{out:?}");
    daemon.kill();
    // It is over while the monitor is away.
    bring_up(node);
    let daemon = Daemon::start(dir.path());
    let took = pager.until("over", |t| ids(t, "resolve").len() == 1);
    assert_eq!(ids(&took, "trigger"), ids(&took, "resolve"));
    daemon.kill();
}

#[test]
fn orders_are_kept_and_a_test_says_what_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let node = closed();
    let hook = Receiver::start(vec![]);
    let dead = Receiver::start(vec![]);
    std::fs::write(dir.path().join("dead"), format!("http://{}/ping/secret", dead.address)).unwrap();
    let channels = channel("hook", "webhook", &format!("url = \"http://{}/\"\n", hook.address));
    configure(dir.path(), node, &("dead_man = { file = \"dead\" }\n".to_owned() + &channels));
    let away = alert(dir.path(), &["list"]);
    assert!(!away.status.success() && String::from_utf8_lossy(&away.stderr).contains("\ntry: "), "{away:?}");
    let daemon = Daemon::start(dir.path());
    hook.until("began", |t| t.len() == 1);
    let list = alert(dir.path(), &["list", "--json"]);
    assert_eq!(list.status.code(), Some(1), "something fires");
    let out = alert(dir.path(), &["test", "hook"]);
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).starts_with("202 so"), "{out:?}");
    assert_eq!(hook.took()[1].body["kind"], "test");
    for refused in [
        &["test", "nobody"][..],
        &["ack", "--rule", "PalisadeJailNear"],
        &["silence", "--for", "1h"],
        &["silence", "--chain", "x", "--for", "400d"],
        &["unsilence", "7"],
    ] {
        let out = alert(dir.path(), refused);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(1) && said.contains("\ntry: "), "{refused:?}: {out:?}");
    }
    for order in [
        &["ack", "--chain", fake_node::CHAIN][..],
        &["maintenance", "--chain", "x", "--for", "1h", "--note", "disk"],
    ] {
        let out = alert(dir.path(), order);
        assert!(out.status.success(), "{order:?}: {out:?}");
    }
    daemon.kill();
    let daemon = Daemon::start(dir.path());
    let shown = until("kept", || {
        let out = alert(dir.path(), &["list"]);
        Some(String::from_utf8_lossy(&out.stdout).into_owned()).filter(|s| s.contains("taken by operator"))
    });
    assert!(
        shown.contains("maintenance ") && shown.contains(" of x until ") && shown.contains("disk"),
        "{shown}"
    );
    assert!(dead.took().is_empty(), "no life sign without fresh data");
    bring_up(node);
    assert_eq!(dead.until("alive", |t| t.len() == 1)[0].path, "/ping/secret");
    daemon.kill();
}
