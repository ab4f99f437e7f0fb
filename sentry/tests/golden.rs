//! What people and machines read, compared with files. `PALISADE_BLESS=1 cargo test -p palisade-sentry` rewrites them.

use std::path::{Path, PathBuf};

use comet::p2p::{NetAddress, NodeInfo, Versions};
use palisade_sentry::addrbook::{Book, Wanted};
use palisade_sentry::census::Census;
use palisade_sentry::io::{fleet_file::load, genesis_file, kept_file};
use palisade_sentry::live::{Answer, Hidden, Live, Node, P2p, Page, Pex, Service, State, plan};
use palisade_sentry::rules::Evidence;
use palisade_sentry::{NodeId, audit, examine, report};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[track_caller]
fn same(golden: &str, text: &str) {
    let path = root().join("tests/golden").join(golden);
    if std::env::var_os("PALISADE_BLESS").is_some() {
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; PALISADE_BLESS=1 accepts it", path.display());
}

fn fleet(path: &str) -> palisade_sentry::Fleet {
    load(&root().join(path)).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn examples_are_clean() {
    for example in ["fleet-classic", "fleet-signer-served", "fleet-etcd"] {
        let fleet = fleet(&format!("../examples/{example}.toml"));
        let report = audit(&fleet);
        assert_eq!(report.findings, [], "{example}");
        same(&format!("{example}.audit.txt"), &report::text(&report, "fleet.toml"));
        same(&format!("{example}.show.txt"), &report::show(&fleet));
    }
}

#[test]
fn two_chains() {
    let fleet = fleet("tests/fleets/two-chains.toml");
    assert_eq!(audit(&fleet).findings, []);
    same("two-chains.show.txt", &report::show(&fleet));
}

#[test]
fn leaking_fleet() {
    let report = audit(&fleet("tests/fleets/leaking.toml"));
    same("leaking.audit.txt", &report::text(&report, "fleet.toml"));
    same("leaking.audit.json", &report::json(&report, "fleet.toml"));
}

#[test]
fn what_the_world_sees() {
    let fleet = fleet("../examples/fleet-classic.toml");
    let live = seen_of(&fleet);
    let report = examine(&Evidence { live: Some(&live), ..Evidence::default() });
    same("live.audit.txt", &report::text(&report, "fleet.toml"));
    same("live.audit.json", &report::json(&report, "fleet.toml"));
    same("live.audit.sarif.json", &report::sarif(&report, "fleet.toml"));
}

/// The classic fleet as a probe might meet it: one sentry that leaks everything, and silence of every kind.
fn seen_of(fleet: &palisade_sentry::Fleet) -> Live {
    let hidden = Hidden::of(fleet);
    let validator = hidden
        .iter()
        .find(|h| h.name.contains("val-1"))
        .and_then(|h| h.id.clone())
        .expect("it has an id")
        .to_string();
    let mut targets = plan(fleet);
    targets
        .retain(|t| ["val-1", "sentry-1", "sentry-2"].contains(&t.subject.host.as_deref().expect("a host")));
    targets.retain(|t| t.ip.is_ipv4());
    for target in &mut targets {
        target.ports.retain(|port| !matches!(port.service, Service::Privval | Service::Ssh | Service::Https));
        let host = target.subject.host.clone().expect("a host");
        for port in &mut target.ports {
            (port.state, port.answer) = match (host.as_str(), port.service) {
                ("val-1", _) => (State::NoRoute, None),
                ("sentry-1", Service::P2p) => {
                    (State::Open, Some(Answer::P2p(leaky(target.id.clone(), &validator))))
                }
                ("sentry-1", Service::Rpc) => {
                    let body = format!("{{\"result\":{{\"peers\":[{{\"id\":\"{validator}\"}}]}}}}");
                    let page = Page::new("/net_info", 200, false, body.as_bytes(), &hidden);
                    (State::Open, Some(Answer::Pages(vec![page])))
                }
                ("sentry-2", Service::P2p) => (State::Open, Some(Answer::P2p(P2p::Silent))),
                ("sentry-2", _) => (State::Filtered, None),
                _ => (State::Closed, None),
            };
        }
    }
    Live { hidden, targets }
}

fn leaky(id: Option<NodeId>, validator: &str) -> P2p {
    let id = id.expect("a node has an id");
    let mut census = Census::default();
    census.add(&[NetAddress::new(validator, "10.66.0.10", 26656).expect("an address")], 0);
    let info = NodeInfo {
        versions: Versions { p2p: 8, block: 11, app: 0 },
        id: comet::key::NodeId::from_hex(&id.to_string()).expect("an id"),
        listen_addr: "tcp://203.0.113.21:26656".into(),
        // A stranger's text must not move the cursor of a terminal.
        network: "akashnet-2\u{1b}[2J".into(),
        version: "0.38.25".into(),
        channels: vec![0],
        moniker: "sentry".into(),
        tx_index: "on".into(),
        rpc_address: "tcp://10.66.0.21:26657".into(),
    };
    P2p::Node(Box::new(Node { id, info, amino: false, pex: Pex::Read(census, None) }))
}

#[test]
fn what_a_genesis_publishes() {
    for form in ["amino", "proto"] {
        let census = genesis_file::load(&root().join(format!("tests/genesis/{form}.json"))).unwrap();
        same(&format!("genesis-{form}.txt"), &report::genesis_text(&census, "genesis.json"));
        same(&format!("genesis-{form}.json"), &report::genesis_json(&census, "genesis.json"));
    }
}

#[test]
fn traces_in_an_address_book() {
    let file = kept_file::read(&root().join("tests/addrbook/leaking.json"), "config/addrbook.json").unwrap();
    let wanted = Wanted {
        ids: vec!["b62e867fa2f33afe62d5d6b1642e1621d5433078".parse().unwrap()],
        ips: vec!["10.66.0.10".parse().unwrap()],
    };
    let book = Book::parse(file.text()).unwrap();
    let audit = book.audit(&wanted);
    same("addrbook.audit.txt", &report::addrbook_text(&audit, "addrbook.json"));
    same("addrbook.audit.json", &report::addrbook_json(&audit, "addrbook.json"));
    same("addrbook.scrub.txt", &report::scrub_text(&audit, "addrbook.json", Some("addrbook.json")));
    same("addrbook.scrub.json", &report::scrub_json(&audit, "addrbook.json", Some("addrbook.json")));
    same("addrbook.scrubbed.json", &book.scrubbed(&audit).unwrap());
    let unclear = r#"{"key":"k","addrs":[{"addr":7}]}"#;
    let audit = Book::parse(unclear).unwrap().audit(&wanted);
    same("addrbook.unclear.txt", &report::addrbook_text(&audit, "addrbook.json"));
}

#[test]
fn rules_are_named_after_their_files() {
    let mut files: Vec<String> = std::fs::read_dir(root().join("src/rules"))
        .unwrap()
        .map(|f| f.unwrap().file_name().to_string_lossy().replace(".rs", ""))
        .filter(|name| name != "example")
        .collect();
    files.sort();
    let names: Vec<&str> = palisade_sentry::rules::ALL.iter().map(|rule| rule.name).collect();
    assert_eq!(names, files);
}
