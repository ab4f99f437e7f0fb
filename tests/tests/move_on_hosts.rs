//! `palisade signer move` on machines: a key changes its host while the chain runs, with what goes wrong at night going wrong here. Both
//! signers write down every signature; no place has two.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use palisade_tests::deployed_fleet::DeployedFleet;
use palisade_tests::process::until;

const LIMIT: Duration = Duration::from_secs(90);

fn step(what: &str) {
    eprintln!("--- {what}");
}

fn enabled(fleet: &DeployedFleet, host: &str) -> Vec<u8> {
    fleet.hosts.exec(host, &["systemctl", "is-enabled", "palisade-signer"]).unwrap().stdout
}

fn active(fleet: &DeployedFleet, host: &str) -> bool {
    fleet.hosts.exec(host, &["systemctl", "is-active", "-q", "palisade-signer"]).unwrap().status.success()
}

#[test]
#[ignore = "boots hosts: tests/run"]
fn a_key_moves_between_hosts() {
    let fleet = DeployedFleet::boot(&["sentry1", "val1", "signer1", "signer2"]).unwrap();
    fleet.write_fleet("signer1").unwrap();
    fleet.install_by_hand().unwrap();
    fleet.signs_above(0, LIMIT).unwrap();

    step("the key moves while the chain runs");
    let ssh = fleet.ssh_config();
    let moves = ["signer", "move", "signer1", "signer2", "--ssh-config", &ssh, "--yes"];
    // The old host cannot be reached: nothing happens, whatever is said.
    fleet.hosts.run("signer1", &["nft", "add table inet cut; add chain inet cut i { type filter hook input priority -10; }; add rule inet cut i tcp dport 22 drop"]).unwrap();
    let text = fleet.must(1, &moves).unwrap();
    assert!(
        text.contains("given up: the old host does not answer") && text.contains("there is no way round it"),
        "{text}"
    );
    fleet.hosts.run("signer1", &["nft", "delete", "table", "inet", "cut"]).unwrap();
    let height = fleet.height().unwrap();
    fleet.signs_above(height, LIMIT).unwrap();

    // A disk that is full is seen before anything is stopped.
    fleet
        .hosts
        .run(
            "signer2",
            &["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", "/var/lib/palisade-signer"],
        )
        .unwrap();
    fleet
        .hosts
        .run("signer2", &["sh", "-c", "head -c 4096 /dev/zero > /var/lib/palisade-signer/full; true"])
        .unwrap();
    let text = fleet.must(1, &moves).unwrap();
    assert!(text.contains("nothing can be written") && text.contains("nothing was changed"), "{text}");
    fleet.hosts.run("signer2", &["umount", "/var/lib/palisade-signer"]).unwrap();

    step("the old host says that it has stopped, and a process goes on there");
    let dropin = "mkdir -p /etc/systemd/system/palisade-signer.service.d && \
        printf '[Service]\\nKillMode=none\\nExecStop=/bin/true\\nTimeoutStopSec=2\\nRestart=no\\n' >/etc/systemd/system/palisade-signer.service.d/stays.conf && \
        systemctl daemon-reload";
    fleet.hosts.run("signer1", &["sh", "-ec", dropin]).unwrap();
    let text = fleet.must(1, &moves).unwrap();
    assert!(text.contains("given up: the old host is not down: "), "{text}");
    assert!(text.contains("end what still runs there"), "{text}");
    assert_eq!(enabled(&fleet, "signer1"), b"masked\n");
    assert!(!active(&fleet, "signer2"), "nothing is started beside a signer that may be alive");
    fleet
        .hosts
        .run(
            "signer1",
            &[
                "sh",
                "-ec",
                "pkill -KILL -x palisade-signer; rm -r /etc/systemd/system/palisade-signer.service.d",
            ],
        )
        .unwrap();
    fleet.hosts.run("signer1", &["systemctl", "daemon-reload"]).unwrap();

    step("that process is ended, and the same command goes on");
    let height = fleet.height().unwrap();
    let text = fleet.must(0, &moves).unwrap();
    assert!(text.contains("moved: signer2 signs, signer1 is stopped and masked"), "{text}");
    fleet.signs_above(height, LIMIT).unwrap();
    assert_eq!(enabled(&fleet, "signer1"), b"masked\n");
    assert!(
        !fleet.hosts.exec("signer1", &["systemctl", "start", "palisade-signer"]).unwrap().status.success()
    );
    let signatures = fleet.nothing_signed_twice().unwrap();
    assert!(signatures > 20, "{signatures} signatures");

    step("what was there before is refused now");
    let text = fleet.must(1, &moves).unwrap();
    assert!(text.contains("given up"), "{text}");
    let height = fleet.height().unwrap();
    fleet.signs_above(height, LIMIT).unwrap();

    step("and back, cut in the middle: the same command goes on");
    let back = ["signer", "move", "signer2", "signer1", "--ssh-config", &ssh, "--yes"];
    let mut cut = fleet.spawn(&back).unwrap();
    until("the old host is masked", LIMIT, || Ok((enabled(&fleet, "signer2") == b"masked\n").then_some(())))
        .unwrap();
    cut.kill().unwrap();
    cut.wait().unwrap();
    let running = ["signer1", "signer2"].map(|host| active(&fleet, host));
    assert!(!(running[0] && running[1]), "one at most");
    let height = fleet.height().unwrap();
    let text = fleet.must(0, &back).unwrap();
    assert!(text.contains("moved: signer1 signs"), "{text}");
    fleet.signs_above(height, LIMIT).unwrap();
    fleet.nothing_signed_twice().unwrap();
}
