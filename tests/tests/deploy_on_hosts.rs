//! `palisade` deploys on machines: from nothing to a chain that our validator signs with its key nowhere but in the signer, inside
//! WireGuard and over a jump host; then nothing is left to do, for `palisade` and for the collection alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use palisade_tests::deployed_fleet::{CHAIN, DeployedFleet};
use palisade_tests::process::until;
use serde_json::{Value, json};

/// Waits end as soon as they can; this is for a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(300);
const SITE: &str = "palisade.kit.site";

/// Host and unit to the process that runs it.
type Running = BTreeMap<(String, String), String>;

#[test]
#[ignore = "boots hosts, and deploys for minutes: tests/run"]
fn a_fleet_from_nothing() {
    let mut fleet = DeployedFleet::boot(&["sentry1", "val1", "signer1", "mon1"]).unwrap();
    fleet.dig_tunnels().unwrap();
    fleet.write_fleet("signer1").unwrap();

    step("plan and apply on hosts that have nothing");
    let text = plan(&fleet, 1);
    for line in [
        "val1 (validator)",
        "fresh ",
        "new       /etc/palisade/signer/signer.toml",
        "order: sentry1, then val1, then mon1, then signer1",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let text = apply(&fleet, 0, &["--new-chain"]);
    assert!(text.contains("waits for its signer on signer1"), "{text}");
    assert!(text.contains("sentry1: audit from outside"), "{text}");
    assert!(!active(&fleet, "signer1", "palisade-signer"), "somebody has to make its key first");

    step("key and mark are made on the signer's host, and only there");
    let height = fleet.height().unwrap();
    fleet.give_key("signer1").unwrap();
    fleet.make_mark("signer1").unwrap();
    plan(&fleet, 0);
    apply(&fleet, 0, &["--start-signer", "signer1"]);
    fleet.signs_above(height, LIMIT).unwrap();
    only_the_signer_has_the_key(&fleet);
    only_what_was_opened_is_open(&fleet);
    everything_is_scraped(&fleet);

    step("a second plan is empty, and the table says that all is well");
    let text = plan(&fleet, 0);
    assert!(text.contains("nothing to do"), "{text}");
    status(&fleet);

    the_collection_alone_agrees(&fleet);
    fleet.nothing_signed_twice().unwrap();
}

/// Without `palisade`, with the oldest Ansible, on the inventory that was rendered: what Jinja2 makes of the templates is byte for byte what
/// `palisade` made of them, so nothing is left to do but what a vault brings.
fn the_collection_alone_agrees(fleet: &DeployedFleet) {
    step("the collection alone: check mode changes nothing");
    let secret = "not to be seen by anybody";
    let variables = json!({ "monitor_secret_files": [{ "name": "pager", "content": secret }] });
    let vault = fleet.vault(&variables).unwrap();
    let before = running(fleet);
    let check = [&vault[..], &["--limit", "mon1", "--check", "--diff"]].concat();
    let seen = fleet.play("palisade.kit.monitors", &check).unwrap();
    assert!(seen.changed["mon1"] > 0, "{}", seen.text);
    assert!(!seen.text.contains(secret), "{}", seen.text);
    let path = "/etc/palisade/monitor/secrets/pager";
    assert!(!fleet.hosts.exec("mon1", &["test", "-e", path]).unwrap().status.success());
    assert_eq!(running(fleet), before);

    step("the collection alone: every host is as it should be");
    let done = fleet.play(SITE, &[&vault[..], &["--diff"]].concat()).unwrap();
    let changed: Vec<&str> = done.changed.iter().filter(|(_, n)| **n > 0).map(|(h, _)| h.as_str()).collect();
    assert_eq!(changed, ["mon1"], "{}", done.text);
    assert!(!done.text.contains(secret), "{}", done.text);
    assert_eq!(fleet.hosts.run("mon1", &["cat", path]).unwrap(), secret);
    assert_eq!(differences(&before, &running(fleet)), ["mon1 palisade-monitor"]);
    let text = plan(fleet, 0);
    assert!(text.contains("nothing to do"), "{text}");
}

/// `palisade status`, as a table and for machines.
fn status(fleet: &DeployedFleet) {
    let ssh = fleet.ssh_config();
    // A node between two blocks may be behind the others for a moment.
    until("a fleet that is well", LIMIT, || {
        let out = fleet.palisade(&["status", "fleet.toml", "--ssh-config", &ssh])?;
        Ok(out.status.success().then_some(()))
    })
    .unwrap();
    let out = fleet.palisade(&["status", "fleet.toml", "--json", "--ssh-config", &ssh]).unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    let what: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["host"].as_str().unwrap(), row["what"].as_str().unwrap()))
        .collect();
    for row in [
        &format!("sentry1 sentry {CHAIN}"),
        &format!("val1 validator {CHAIN}"),
        "signer1 signer",
        "mon1 palisade-monitor",
        "mon1 prometheus",
    ] {
        assert!(what.iter().any(|line| line == row), "{row} is not in {what:?}");
    }
    for row in rows.iter().filter(|row| row["host"] != "mon1") {
        assert!(row["height"].as_i64().unwrap() > 0, "{row}");
    }
}

fn only_the_signer_has_the_key(fleet: &DeployedFleet) {
    let key: Value = serde_json::from_str(&fs::read_to_string(fleet.dir.join("ours.json")).unwrap()).unwrap();
    let secret = key["priv_key"]["value"].as_str().unwrap();
    for host in &fleet.names {
        let places = ["/etc", "/var", "/opt", "/root", "/tmp", "/srv", "/home"];
        let search = [&["grep", "-rlF", secret][..], &places].concat();
        let found = fleet.hosts.exec(host, &search).unwrap();
        let found = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        let wanted = if *host == "signer1" { "/etc/palisade/signer/keys/ours.json" } else { "" };
        assert_eq!(found, wanted, "{host}");
    }
}

/// From somebody else's machine every host is asked at every port that could matter, and many that could not.
fn only_what_was_opened_is_open(fleet: &DeployedFleet) {
    let scan = "import socket,sys\nfrom concurrent.futures import ThreadPoolExecutor\ndef ask(port):\n  s=socket.socket(); s.settimeout(1)\n  \
                open_=s.connect_ex((sys.argv[1],port))==0; s.close(); return open_\nports=list(range(1,1024))+list(range(9000,9500))+list(range(26600,26700))\n\
                with ThreadPoolExecutor(400) as pool:\n  print(*[p for p,o in zip(ports,pool.map(ask,ports)) if o])";
    for name in &fleet.names {
        let address = fleet.hosts.address(name).unwrap().to_owned();
        let open = fleet.hosts.run("world", &["python3", "-c", scan, &address]).unwrap();
        // ssh is for the operator's address alone.
        assert_eq!(open.trim(), if name.starts_with("sentry") { "26656" } else { "" }, "{name}");
    }
    // And the validator calls nobody but its own.
    let call = format!("import socket; socket.create_connection(('{}', 26656), 3)", fleet.world_address());
    let calls = |host| fleet.hosts.exec(host, &["python3", "-c", &call]).unwrap().status.success();
    assert!(!calls("val1"), "egress of the validator is open");
    assert!(calls("sentry1"), "a sentry may dial");
}

fn everything_is_scraped(fleet: &DeployedFleet) {
    until("every target is up", LIMIT, || {
        let ask = |query: &str| -> anyhow::Result<Option<String>> {
            let url = format!("http://127.0.0.1:9091/api/v1/query?query={query}");
            let text = fleet.hosts.run("mon1", &["curl", "-sf", &url])?;
            let answer: Value = serde_json::from_str(&text)?;
            Ok(answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned))
        };
        let (up, all) = (ask("sum(up)")?, ask("count(up)")?);
        // Signer, monitor, and Prometheus itself.
        Ok((up == all && up.is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n >= 3))).then_some(()))
    })
    .unwrap();
}

fn plan(fleet: &DeployedFleet, code: i32) -> String {
    let ssh = fleet.ssh_config();
    fleet.must(code, &["plan", "fleet.toml", "--out", "plan.json", "--diff", "--ssh-config", &ssh]).unwrap()
}

fn apply(fleet: &DeployedFleet, code: i32, more: &[&str]) -> String {
    fleet.must(code, &strings(&apply_args(fleet, more))).unwrap()
}

fn apply_args(fleet: &DeployedFleet, more: &[&str]) -> Vec<String> {
    let own = ["apply", "plan.json", "--gate-seconds", "300", "--min-peers", "1"];
    let own = own.iter().chain(more).map(|arg| (*arg).to_owned());
    own.chain(fleet.apply_args().unwrap()).collect()
}

fn strings(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn active(fleet: &DeployedFleet, host: &str, unit: &str) -> bool {
    fleet.hosts.exec(host, &["systemctl", "is-active", "-q", unit]).unwrap().status.success()
}

fn running(fleet: &DeployedFleet) -> Running {
    let node = format!("palisade-node@{CHAIN}");
    let mut all = Running::new();
    for host in &fleet.names {
        for unit in [&node, "palisade-signer", "palisade-monitor", "prometheus", "prometheus-alertmanager"] {
            let ask = ["systemctl", "show", "--value", "--property", "MainPID", unit];
            // A host without power runs nothing.
            let Ok(out) = fleet.hosts.exec(host, &ask) else { continue };
            let pid = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            if !["", "0"].contains(&pid.as_str()) {
                all.insert(((*host).to_owned(), unit.to_owned()), pid);
            }
        }
    }
    all
}

fn differences(before: &Running, after: &Running) -> Vec<String> {
    let changed = after.iter().filter(|(who, pid)| before.get(*who) != Some(*pid));
    changed.map(|((host, unit), _)| format!("{host} {unit}")).collect()
}

fn step(what: &str) {
    eprintln!("--- {what}");
}
