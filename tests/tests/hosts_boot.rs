//! The hosts that deployment is tested on are machines: systemd, sshd with keys that are checked, disks that survive a power cut.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use palisade_tests::hosts::Hosts;

#[test]
#[ignore = "boots hosts: tests/run"]
fn hosts_are_machines() {
    let mut hosts = Hosts::boot(&["one", "two"]).unwrap();
    for name in ["one", "two"] {
        assert_eq!(hosts.run(name, &["hostname"]).unwrap().trim(), name);
        let failed = hosts.run(name, &["systemctl", "--failed", "--no-legend", "--plain"]).unwrap();
        assert_eq!(failed.trim(), "", "{name}");
        assert_eq!(hosts.run(name, &["cat", "/proc/1/comm"]).unwrap().trim(), "systemd");
    }
    // They see each other, and not each other's processes, files or host names.
    hosts.run("one", &["systemd-run", "--unit=own", "sleep", "1000"]).unwrap();
    assert!(!hosts.exec("two", &["systemctl", "is-active", "-q", "own"]).unwrap().status.success());
    let two = hosts.address("two").unwrap().to_owned();
    hosts
        .run("one", &["python3", "-c", &format!("import socket; socket.create_connection(('{two}', 22), 5)")])
        .unwrap();
    // The kernel of this machine is not theirs to change, their network is.
    assert!(!hosts.exec("one", &["sysctl", "-w", "kernel.sysrq=0"]).unwrap().status.success());
    hosts.run("one", &["sysctl", "-w", "net.ipv4.conf.all.send_redirects=0"]).unwrap();

    hosts.run("one", &["sh", "-c", "echo kept > /var/lib/kept && sync"]).unwrap();
    hosts.kill("one").unwrap();
    assert!(!hosts.answers("one").unwrap());
    assert!(hosts.answers("two").unwrap());
    hosts.restart("one").unwrap();
    assert_eq!(hosts.run("one", &["cat", "/var/lib/kept"]).unwrap().trim(), "kept");
    assert!(!hosts.exec("one", &["systemctl", "is-active", "-q", "own"]).unwrap().status.success());
}
