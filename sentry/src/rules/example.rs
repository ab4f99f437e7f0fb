//! The example fleets, small edits that break them, and small sights from outside, for the tests of the rules.

use comet::p2p::{NetAddress, NodeInfo, Versions};

use crate::census::Census;
use crate::finding::{Finding, Subject};
use crate::home::Home;
use crate::live::{Answer, Hidden, Live, Node, P2p, Page, Part, Pex, Port, Service, State, Target};
use crate::node_config::read;
use crate::node_line::NodeLine;
use crate::resolve::resolve;
use crate::rules::{Evidence, Rule};

pub(crate) const CLASSIC: &str = include_str!("../../tests/fleets/classic.toml");
pub(crate) const SERVED: &str = include_str!("../../../examples/fleet-signer-served.toml");

pub(crate) const SHARED: &str = include_str!("../../../examples/fleet-etcd.toml");

/// What one rule finds.
pub(crate) fn findings(rule: &Rule, fleet: &str) -> Vec<Finding> {
    let fleet = resolve(fleet).unwrap_or_else(|e| panic!("{e}\n{fleet}"));
    rule.look(&Evidence { planned: Some(&fleet), ..Evidence::default() })
        .expect("a rule about planned fleets")
}

/// The hosts of the findings.
pub(crate) fn hosts(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.subject.host.as_deref().unwrap_or("-")).collect()
}

/// Adds a line to the node of a host; `VAL_1` in it becomes the id of val-1.
pub(crate) fn give(fleet: &str, host: &str, line: &str) -> String {
    let line =
        if line.contains("VAL_1") { line.replace("VAL_1", &id(fleet, "val-1")) } else { line.to_owned() };
    let at = line_of(fleet, host, "role = ");
    fleet[..at].to_owned() + &line + "\n" + &fleet[at..]
}

/// Removes the line of the node of a host that starts with `key`.
pub(crate) fn take(fleet: &str, host: &str, key: &str) -> String {
    let at = line_of(fleet, host, key);
    let end = at + fleet[at..].find('\n').expect("a line ends") + 1;
    fleet[..at].to_owned() + &fleet[end..]
}

/// The node id on a host.
pub(crate) fn id(fleet: &str, host: &str) -> String {
    let at = line_of(fleet, host, "id = \"");
    fleet[at + 6..at + 46].to_owned()
}

fn line_of(fleet: &str, host: &str, key: &str) -> usize {
    let start = fleet.find(&format!("name = \"{host}\"")).expect("the host is there");
    let node = start + fleet[start..].find("[[host.node]]").expect("it has a node");
    node + fleet[node..].find(&format!("\n{key}")).expect("the node has the key") + 1
}

/// The id of the hidden node in [`found`].
pub(crate) const HIDDEN_ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";
/// The id of the node in [`node`].
const SENTRY_ID: &str = "50b48f11c54a786f19c2065f080ca6de98beb89e";

/// What one rule finds in what was seen, where the validator `HIDDEN_ID` at 10.66.0.10 must not be.
pub(crate) fn found(rule: &Rule, mut live: Live) -> Vec<Finding> {
    live.hidden = hidden();
    rule.look(&Evidence { live: Some(&live), ..Evidence::default() }).expect("a rule about what is seen")
}

fn hidden() -> Vec<Hidden> {
    vec![Hidden {
        name: "validator val-1".into(),
        id: Some(HIDDEN_ID.parse().expect("an id")),
        ips: ["10.66.0.10".parse().expect("an address")].into(),
    }]
}

/// One port of one address.
pub(crate) fn port(part: Part, service: Service, state: State, answer: Option<Answer>) -> Live {
    let number = match service {
        Service::P2p | Service::Quic => 26656,
        Service::Rpc => 26657,
        Service::Privval => 26659,
        Service::Metrics => 26660,
        Service::Pprof => 6060,
        Service::Grpc => 9090,
        Service::Rest => 1317,
        Service::Evm => 8545,
        Service::Https => 443,
        Service::Ssh => 22,
    };
    let target = Target {
        subject: Subject::host("host-1"),
        part,
        signs: part == Part::Validator,
        id: Some(SENTRY_ID.parse().expect("an id")),
        ip: "203.0.113.21".parse().expect("an address"),
        public: true,
        ports: vec![Port { number, service, state, answer }],
    };
    Live { hidden: vec![], targets: vec![target] }
}

/// One HTTP answer.
pub(crate) fn page(part: Part, service: Service, path: &'static str, status: u16, body: &str) -> Live {
    let page = Page::new(path, status, false, body.as_bytes(), &hidden());
    port(part, service, State::Open, Some(Answer::Pages(vec![page])))
}

/// A node whose address book was asked for.
pub(crate) fn node(part: Part, pex: Pex) -> Live {
    let info = NodeInfo {
        versions: Versions { p2p: 8, block: 11, app: 0 },
        id: comet::key::NodeId::from_hex(SENTRY_ID).expect("an id"),
        listen_addr: "tcp://203.0.113.21:26656".into(),
        network: "test-1".into(),
        version: "0.38.25".into(),
        channels: vec![0],
        moniker: "moniker".into(),
        tx_index: "off".into(),
        rpc_address: "tcp://127.0.0.1:26657".into(),
    };
    let node = Node { id: SENTRY_ID.parse().expect("an id"), info, amino: false, pex };
    port(part, Service::P2p, State::Open, Some(Answer::P2p(P2p::Node(Box::new(node)))))
}

/// One PEX answer of these ids and addresses.
pub(crate) fn with_pex(entries: &[(&str, &str)]) -> Pex {
    let entries: Vec<NetAddress> =
        entries.iter().map(|(id, ip)| NetAddress::new(id, ip, 26656).expect("an address")).collect();
    let mut census = Census::default();
    census.add(&entries, 0);
    Pex::Read(census, None)
}

/// What one rule finds in the home of a node of [`CLASSIC`], which runs line 0.38, with this `config.toml`.
pub(crate) fn in_home(rule: &Rule, host: &str, config: &str, change: impl FnOnce(&mut Home)) -> Vec<Finding> {
    let fleet = resolve(CLASSIC).expect("the example resolves");
    let view = fleet.views().find(|v| v.host.name == host).expect("the host is there");
    let read = read(config, None, Some(NodeLine::V0_38), Some(view.settings));
    let settings = read.settings.clone().expect("settings, because there is a plan");
    let mut home = Home {
        subject: (&view.node.name).into(),
        of: Some((
            view.node.name.clone(),
            fleet.with_settings(vec![(view.node.name.clone(), settings)]).into(),
        )),
        config: read,
        node_key: Some(Ok(view.node.id.clone())),
        validator_key: None,
        book: None,
        genesis: None,
        files: vec![],
    };
    change(&mut home);
    rule.look(&Evidence { home: Some(&home), ..Evidence::default() }).expect("a rule about homes")
}
