//! What the real binary tells systemd, and when: readiness after everything is open, reloads, life, the end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;

use std::{
    fs,
    os::unix::net::UnixDatagram,
    process::Stdio,
    time::{Duration, Instant},
};

use command::{CONFIG, OF, Signer, command, good, scene};
use rustix::process::{Pid, Signal, kill_process};

/// What came until a message with this in it.
fn until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let (mut seen, start) = (Vec::new(), Instant::now());
    while start.elapsed() < Duration::from_secs(15) {
        let mut buffer = [0; 4096];
        if let Ok(got) = socket.recv(&mut buffer) {
            seen.push(String::from_utf8(buffer[..got].to_vec()).unwrap());
            if seen.last().unwrap().contains(wanted) {
                return seen;
            }
        }
    }
    panic!("no {wanted}: {seen:?}");
}

#[test]
fn systemd_hears_readiness_life_reloads_and_the_end() {
    let dir = scene();
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let child = command(dir.path(), "run --config signer.toml")
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .env("WATCHDOG_USEC", "900000")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    let mut signer = Signer(child);
    until(&socket, "READY=1");
    // Ready means that the state is open: nobody else gets its lock.
    let (code, _, err) = command::run(&dir, &format!("state init {OF} --height 9 --replace"));
    assert!(code != 0 && err.contains("in use"), "{err}");
    let seen = until(&socket, "WATCHDOG=1").join("\n");
    assert!(seen.contains("STATUS=1 keys, 0 of 2 links up"), "{seen}");

    // A bad file: the reason is not systemd's business, the old configuration stays; a good one says so.
    fs::write(dir.path().join("signer.toml"), "nonsense").unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    fs::write(dir.path().join("signer.toml"), CONFIG.replace("127.0.0.1:1\"", "127.0.0.1:2\"")).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    assert!(until(&socket, "RELOADING=1").last().unwrap().contains("MONOTONIC_USEC="));
    until(&socket, "READY=1");

    kill_process(pid, Signal::TERM).unwrap();
    until(&socket, "STOPPING=1");
    assert!(signer.0.wait().unwrap().success());
}
