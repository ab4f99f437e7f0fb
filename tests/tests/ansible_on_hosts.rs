//! The collection alone, with an inventory written by hand, on five real hosts: from nothing to a chain that makes blocks with
//! its key nowhere but in the signer, and then what an operator does to it later.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use palisade_tests::hosts::fleet::{Fleet, HOSTS, inner};
use palisade_tests::process::until;

const STARTED: &[&str] = &["-e", "signer_state=started"];

/// Host and unit to the process that runs it.
type Running = BTreeMap<(String, String), String>;

#[test]
#[ignore = "boots hosts, and plays for minutes: tests/run"]
fn a_fleet_by_hand() {
    let mut fleet = Fleet::boot().unwrap();

    // From nothing. The signer is installed, not started: somebody has to make its key first.
    fleet.play(true, "signers", &[]).unwrap();
    assert!(
        !fleet
            .hosts
            .exec("signer", &["systemctl", "is-active", "-q", "palisade-signer"])
            .unwrap()
            .status
            .success()
    );
    fleet.make_key().unwrap();
    fleet.play(true, "site", STARTED).unwrap();
    blocks(&fleet);
    only_the_signer_has_the_key(&fleet);
    only_what_was_opened_is_open(&fleet);
    everything_is_scraped(&fleet);

    // That a second run with the oldest ansible-core changes nothing is seen in deploy_on_hosts.
    let before = running(&fleet);

    // One setting of one host: check mode sees it and leaves it, then that host's node alone is restarted.
    fleet.add_setting("sentry2", "log_level = \"error\"").unwrap();
    let seen = fleet.play(true, "nodes", &["--check", "--diff"]).unwrap();
    assert_eq!(
        seen.changed.iter().filter(|(_, n)| **n > 0).map(|(h, _)| h.as_str()).collect::<Vec<_>>(),
        ["sentry2"]
    );
    assert!(seen.text.contains("+log_level = \"error\""), "{}", seen.text);
    assert_eq!(running(&fleet), before);
    let done = fleet.play(true, "nodes", &[]).unwrap();
    assert_eq!(
        done.changed.iter().filter(|(_, n)| **n > 0).map(|(h, _)| h.as_str()).collect::<Vec<_>>(),
        ["sentry2"]
    );
    assert_eq!(differences(&before, &running(&fleet)), ["sentry2 palisade-node@local-1"]);

    // A signer's setting: put in place, said, and nothing more until somebody asks.
    let before = running(&fleet);
    fleet.add_setting("signer", "# a new line").unwrap();
    let told = fleet.play(true, "signers", &[]).unwrap();
    assert!(told.text.contains("has not seen /etc/palisade/signer/signer.toml"), "{}", told.text);
    let told = fleet.play(true, "signers", STARTED).unwrap();
    assert!(
        told.text.contains("has not seen /etc/palisade/signer/signer.toml"),
        "it must not be forgotten: {}",
        told.text
    );
    assert_eq!(running(&fleet), before);
    fleet.play(true, "signers", &["-e", "signer_state=restarted"]).unwrap();
    assert_eq!(differences(&before, &running(&fleet)), ["signer palisade-signer"]);
    fleet.play(true, "signers", &["-e", "signer_state=restarted"]).unwrap().nothing_changed().unwrap();
    blocks(&fleet);

    a_host_dies_in_the_middle(&mut fleet);
    a_masked_signer_is_left_alone(&fleet);
}

/// The power of a sentry fails after its new settings were copied and before its node was restarted.
fn a_host_dies_in_the_middle(fleet: &mut Fleet) {
    fleet.add_setting("sentry1", "log_level = \"error\"").unwrap();
    let layer = fleet.hosts.layer("sentry1", "/var/lib/palisade-nodes/local-1/config/config.toml");
    let mut play = fleet.playing(true, "nodes", &[]).unwrap();
    let mut child = play.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the new settings", Duration::from_secs(120), || {
        Ok(std::fs::read_to_string(&layer)?.contains("log_level").then_some(()))
    })
    .unwrap();
    fleet.hosts.kill("sentry1").unwrap();
    assert!(!child.wait().unwrap().success(), "a play whose host died has failed");
    let before = running(fleet);
    fleet.hosts.restart("sentry1").unwrap();
    fleet.play(true, "nodes", &[]).unwrap();
    let changed = differences(&before, &running(fleet));
    assert!(changed.iter().all(|line| line.starts_with("sentry1 ")), "{changed:?}");
    fleet.play(true, "nodes", &[]).unwrap().nothing_changed().unwrap();
    blocks(fleet);
}

/// What `palisade signer move` leaves on the old host stays as it is.
fn a_masked_signer_is_left_alone(fleet: &Fleet) {
    for verb in ["stop", "disable", "mask"] {
        fleet.hosts.run("signer", &["systemctl", verb, "palisade-signer"]).unwrap();
    }
    let refused = fleet.play(true, "signers", STARTED).unwrap_err();
    assert!(format!("{refused:#}").contains("palisade-signer is masked on signer"), "{refused:#}");
    let state = fleet.hosts.exec("signer", &["systemctl", "is-enabled", "palisade-signer"]).unwrap();
    assert_eq!(String::from_utf8_lossy(&state.stdout).trim(), "masked");
}

fn blocks(fleet: &Fleet) {
    for host in ["val", "sentry1", "sentry2"] {
        let now = until("a height", Duration::from_secs(60), || fleet.height(host).map(Some)).unwrap();
        until(&format!("{host} past {now}"), Duration::from_secs(90), || {
            Ok((fleet.height(host)? > now + 2).then_some(()))
        })
        .unwrap();
    }
}

fn only_the_signer_has_the_key(fleet: &Fleet) {
    let secret = fleet.secret().unwrap();
    for host in HOSTS {
        let found = fleet
            .hosts
            .exec(host, &["grep", "-rlF", &secret, "/etc", "/var", "/opt", "/root", "/tmp"])
            .unwrap();
        let found = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        assert_eq!(
            found,
            if host == "signer" { "/etc/palisade/signer/keys/local.json" } else { "" },
            "{host}"
        );
    }
}

/// From the operator's place, which is on no host's list, every port of every host is tried.
fn only_what_was_opened_is_open(fleet: &Fleet) {
    let scan = "import socket, sys\n\
        for port in [22, 26656, 26657, 26658, 26659, 26660, 26661, 9090, 9093, 9464]:\n    \
            s = socket.socket(); s.settimeout(0.4)\n    \
            if s.connect_ex((sys.argv[1], port)) == 0: print(port)\n";
    for host in HOSTS {
        let address = fleet.hosts.address(host).unwrap();
        let out = fleet.hosts.command("python3".as_ref()).args(["-c", scan, address]).output().unwrap();
        let open = String::from_utf8_lossy(&out.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(open, if host.starts_with("sentry") { "22 26656" } else { "22" }, "{host}");
    }
    // And the validator calls nobody but its own: 198.18.0.1 is the world here.
    let call = "import socket; socket.create_connection(('198.18.0.2', 26656), 3)";
    assert!(
        !fleet.hosts.exec("val", &["python3", "-c", call]).unwrap().status.success(),
        "egress of the validator is open"
    );
    assert!(
        fleet.hosts.exec("sentry2", &["python3", "-c", call]).unwrap().status.success(),
        "a sentry may dial"
    );
}

fn everything_is_scraped(fleet: &Fleet) {
    until("six targets that are up", Duration::from_secs(60), || {
        let answer = fleet
            .hosts
            .run("monitor", &["curl", "-sf", "http://127.0.0.1:9090/api/v1/query?query=sum(up)"])?;
        Ok(answer.contains("\"6\"").then_some(()))
    })
    .unwrap();
    // What the dashboards ask of nodes is there, under the one name that they know.
    let names =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../ansible/tests/exported/node.txt"))
            .unwrap();
    let metrics =
        fleet.hosts.run("val", &["curl", "-sf", &format!("http://{}:26660/metrics", inner("val"))]).unwrap();
    for name in names.lines().filter(|line| !line.starts_with('#')) {
        assert!(metrics.contains(&format!("# TYPE cometbft_{name} ")), "no node exports {name}");
    }
}

fn running(fleet: &Fleet) -> Running {
    let mut all = Running::new();
    for host in HOSTS {
        for unit in [
            "palisade-node@local-1",
            "palisade-signer",
            "palisade-monitor",
            "prometheus",
            "prometheus-alertmanager",
        ] {
            let Ok(out) =
                fleet.hosts.exec(host, &["systemctl", "show", "--value", "--property", "MainPID", unit])
            else {
                continue;
            };
            let pid = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            if pid != "0" {
                all.insert((host.to_owned(), unit.to_owned()), pid);
            }
        }
    }
    all
}

fn differences(before: &Running, after: &Running) -> Vec<String> {
    let changed = after.iter().filter(|(who, pid)| before.get(*who) != Some(*pid));
    changed.map(|((host, unit), _)| format!("{host} {unit}")).collect()
}
