//! `palisade` deploys on machines: from nothing to a chain that our validator signs with the key only in the signer, a second plan that
//! is empty, one setting that restarts one host, and a host that loses its power in the middle.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use palisade_tests::deployed_fleet::{CHAIN, DeployedFleet, NAMES};

const LIMIT: Duration = Duration::from_secs(90);

fn plan(fleet: &DeployedFleet, code: i32) -> String {
    fleet
        .must(
            code,
            &["plan", "fleet.toml", "--out", "plan.json", "--diff", "--ssh-config", &fleet.ssh_config()],
        )
        .unwrap()
}

fn apply(fleet: &DeployedFleet, code: i32, more: &[&str]) -> String {
    let (ssh, collections) = (fleet.ssh_config(), fleet.collections().unwrap());
    let ansible = palisade_tests::binaries::ansible_playbook(true).unwrap().canonicalize().unwrap();
    let ansible = ansible.to_str().unwrap().to_owned();
    let mut args = vec![
        "apply",
        "plan.json",
        "--ssh-config",
        &ssh,
        "--collections",
        &collections,
        "--ansible",
        &ansible,
    ];
    args.extend(["--no-live-audit", "--gate-seconds", "90", "--min-peers", "1"]);
    args.extend(more);
    fleet.must(code, &args).unwrap()
}

fn started(fleet: &DeployedFleet, host: &str, unit: &str) -> String {
    fleet
        .hosts
        .run(host, &["systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "--value", unit])
        .unwrap()
}

fn step(what: &str) {
    eprintln!("--- {what}");
}

#[test]
#[ignore = "boots hosts: tests/run"]
fn a_fleet_from_nothing() {
    let mut fleet = DeployedFleet::boot().unwrap();
    fleet.write_fleet("signer1", "").unwrap();
    let node = format!("palisade-node@{CHAIN}.service");

    step("plan and apply on hosts that have nothing");
    let text = plan(&fleet, 1);
    for line in [
        "val1 (validator)",
        "fresh ",
        "new       /etc/palisade/signer/signer.toml",
        "order: sentry1, then sentry2, then val1",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let text = apply(&fleet, 0, &["--new-chain"]);
    assert!(text.contains("waits for its signer on signer1"), "{text}");
    assert!(
        !fleet
            .hosts
            .exec("signer1", &["systemctl", "is-active", "-q", "palisade-signer"])
            .unwrap()
            .status
            .success()
    );

    step("key and mark are made on the signer's host, and only there");
    let height = fleet.height().unwrap();
    fleet.give_key("signer1").unwrap();
    fleet.make_mark("signer1").unwrap();
    plan(&fleet, 0);
    apply(&fleet, 0, &["--start-signer", "signer1"]);
    fleet.signs_above(height, LIMIT).unwrap();

    step("a second plan is empty");
    let text = plan(&fleet, 0);
    assert!(text.contains("nothing to do"), "{text}");

    step("a plan that is not true any more is refused");
    fleet.write_fleet("signer1", "monitor_memory_max = \"1G\"\n").unwrap();
    plan(&fleet, 1);
    fleet.hosts.run("mon1", &["sh", "-c", "echo '# by hand' >> /etc/palisade/monitor/monitor.toml"]).unwrap();
    let text = apply(&fleet, 2, &[]);
    assert!(text.contains("mon1 does not look as it did"), "{text}");

    step("one setting: one host restarts, and no other");
    let text = plan(&fleet, 1);
    assert!(text.contains("-# by hand") && text.contains("restarts  palisade-monitor.service"), "{text}");
    assert!(text.contains("order: mon1\n") && text.contains("expected missed blocks: none"), "{text}");
    let units = [
        ("sentry1", &*node),
        ("sentry2", &node),
        ("val1", &node),
        ("signer1", "palisade-signer"),
        ("mon1", "palisade-monitor"),
    ];
    let before: Vec<String> = units.iter().map(|(host, unit)| started(&fleet, host, unit)).collect();
    apply(&fleet, 0, &[]);
    let after: Vec<String> = units.iter().map(|(host, unit)| started(&fleet, host, unit)).collect();
    assert_eq!(before[..4], after[..4]);
    assert_ne!(before[4], after[4]);
    plan(&fleet, 0);

    step("a host loses its power in the middle; the same command goes on");
    fleet.write_fleet("signer1", "monitor_memory_max = \"1500M\"\nhost_journald_max_use = \"1G\"\n").unwrap();
    plan(&fleet, 1);
    fleet.hosts.kill("sentry2").unwrap();
    let text = apply(&fleet, 2, &[]);
    assert!(text.contains("sentry2"), "{text}");
    fleet.hosts.restart("sentry2").unwrap();
    let came_back = plan(&fleet, 1);
    assert!(!came_back.contains("UNKNOWN"), "{came_back}");
    apply(&fleet, 0, &[]);
    plan(&fleet, 0);

    step("from outside only what the plan says can be reached");
    for name in NAMES {
        let address = fleet.hosts.address(name).unwrap().to_owned();
        let scan = "import socket,sys\nfrom concurrent.futures import ThreadPoolExecutor\ndef ask(port):\n  s=socket.socket(); s.settimeout(1)\n  \
                    open_=s.connect_ex((sys.argv[1],port))==0; s.close(); return open_\nports=list(range(1,1024))+list(range(9000,9500))+list(range(26600,26700))\n\
                    with ThreadPoolExecutor(200) as pool:\n  print(*[p for p,o in zip(ports,pool.map(ask,ports)) if o])";
        let open = fleet.hosts.run("world", &["python3", "-c", scan, &address]).unwrap();
        // ssh is for the operator's address alone.
        let wanted = if name.starts_with("sentry") { "26656" } else { "" };
        assert_eq!(open.trim(), wanted, "{name}");
    }
}
