//! The YubiHSM backend and what is around it: two devices, bad connectors, clients of the served device, configurations.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/hsm.rs"]
mod hsm;
#[path = "support/requests.rs"]
mod requests;

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use hsm::{Bench, KEY, PROMISE, Plan, SEED, admin, config, device, refused, soon};
use palisade_signer::{
    config::{Config, Connector},
    io::key::yubihsm::{connector, session::Session},
    yubihsm::{auth_key::AuthKey, command, refusal::Refusal},
};

#[test]
fn the_standby_takes_over_and_hands_back() {
    let dir = tempfile::tempdir().unwrap();
    let (primary, standby) = (device(&Plan::default()), device(&Plan::default()));
    let mut bench = Bench::new(&config(dir.path(), &[&primary, &standby], ""));
    let signed = |sim: &palisade_yubihsm_sim::Handle| {
        sim.commands().into_iter().filter(|code| *code == command::SIGN_EDDSA).count()
    };
    bench.sign().unwrap();
    assert_eq!((signed(&primary), signed(&standby)), (1, 0));
    for _ in 0..2 {
        primary.freeze(true);
        let asked = Instant::now();
        bench.sign().expect("the standby signs");
        assert!(asked.elapsed() < PROMISE);
        let before = signed(&standby);
        let asked = Instant::now();
        bench.sign().unwrap();
        assert!(asked.elapsed() < Duration::from_millis(900), "who is known to be down is not asked first");
        assert_eq!(signed(&standby), before + 1);
        primary.freeze(false);
        soon("the primary is up again", || bench.up("primary") == 1);
        let before = signed(&primary);
        bench.sign().unwrap();
        assert_eq!(signed(&primary), before + 1, "the primary signs again");
    }
}

#[test]
fn a_start_needs_one_device_and_refuses_two_different_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (primary, standby) = (device(&Plan::default()), device(&Plan::default()));
    let config_of_both = config(dir.path(), &[&primary, &standby], "");
    drop(primary);
    Bench::new(&config_of_both).sign().expect("the standby alone is enough");
    let primary = device(&Plan::default());
    let other = device(&Plan { seed: [8; 32], ..Plan::default() });
    std::fs::remove_file(dir.path().join("audit-0")).ok();
    std::fs::remove_file(dir.path().join("audit-1")).unwrap();
    let error = refused(&config(dir.path(), &[&primary, &other], ""));
    assert!(error.contains("in this device and"), "{error}");
    drop(standby);
    assert!(refused(&config_of_both).contains("try: "), "no device at all");
}

#[test]
fn a_wrong_signature_never_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    bench.sign().unwrap();
    // The key is exchanged behind the signer's back; the session goes on.
    let mut admin = admin(&sim);
    let info = admin.object_info(KEY, palisade_signer::yubihsm::object::ObjectType::ASYMMETRIC_KEY).unwrap();
    admin.delete(KEY, info.kind).unwrap();
    let new = palisade_signer::io::key::yubihsm::commands::NewObject {
        id: KEY,
        label: palisade_signer::yubihsm::object::label("other").unwrap(),
        domains: info.domains,
        capabilities: info.capabilities,
        algorithm: info.algorithm,
    };
    admin.put_asymmetric(&new, &[9; 32]).unwrap();
    let error = bench.sign().unwrap_err();
    assert!(error.contains("does not verify"), "{error}");
    assert_ne!(SEED, [9; 32]);
}

/// Accepts, and then sends nothing, or a byte now and then.
#[test]
fn a_connector_that_drips_is_given_up_in_time() {
    for drip in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" {
                thread::sleep(Duration::from_millis(100));
                if drip && stream.write_all(&[*byte]).is_err() {
                    return;
                }
            }
        });
        let asked = Instant::now();
        let key = AuthKey::from_password(b"x");
        let connector = Connector::parse(&at, Path::new("/")).unwrap();
        let error = Session::connect(&connector, 4, &key, Duration::from_millis(500)).err().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(3), "{error}");
        assert!(error.to_string().contains("no answer in time"), "{error}");
        server.join().unwrap();
    }
}

#[test]
fn clients_of_the_served_device_cannot_disturb_the_signer() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let socket = format!("unix://{}", dir.path().join("hsm.sock").display());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], &format!("connector_listen = {socket:?}\n")));
    bench.sign().unwrap();
    let served = Connector::parse(&socket, Path::new("/")).unwrap();
    let key = AuthKey::from_password(b"password");
    let mut operator = Session::connect(&served, 1, &key, Duration::from_secs(2)).unwrap();
    assert_eq!(operator.echo(b"hello").unwrap(), b"hello");
    bench.sign().unwrap();
    // Nobody gets at a session of the signer, and nobody gets all of the device's.
    let mut held = Vec::new();
    let refused = loop {
        match Session::connect(&served, 1, &key, Duration::from_secs(2)) {
            Ok(session) => held.push(session),
            Err(error) => break error,
        }
        assert!(held.len() < 16);
    };
    assert_eq!(refused.refusal(), Some(Refusal::SESSIONS_FULL));
    assert_eq!(held.len(), 7);
    bench.sign().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.path().join("hsm.sock")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // The status that Yubico's tools ask for, and what is not there.
    let local = connector::serve_connector(
        &Connector::parse_listen("127.0.0.1:0", Path::new("/")).unwrap(),
        &Connector::parse(&sim.url(), Path::new("/")).unwrap(),
    )
    .unwrap();
    let ask = |head: &str| {
        let mut stream = std::net::TcpStream::connect(local.address().trim_start_matches("http://")).unwrap();
        stream.write_all(format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n\x05\x00\x01\x00x").as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(ask("GET /connector/status").contains("status=OK\nserial=*\n"));
    assert!(ask("GET /").starts_with("HTTP/1.1 404"));
    assert!(ask("POST /connector/api").starts_with("HTTP/1.1 400"), "a frame that is longer than it says");
}

#[test]
fn configurations_that_cannot_be_meant_so_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (device(&Plan::default()), device(&Plan::default()));
    let key = hsm::toml(dir.path(), &[&one, &two], "");
    let parse = |key: &str| {
        let head = "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n";
        let chain = "[[chain]]\nid = \"test-1\"\nkey = \"own\"\nnodes = [\"tcp://127.0.0.1:1\"]\n";
        Config::parse(&format!("{head}{key}\n{chain}"), dir.path())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(parse(&key), Ok(()));
    for (from, to, why) in [
        ("auth_key = 4", "auth_key = 1", "auth_key 1 is the factory's"),
        ("password_file = \"password\"", "", "one of password_file and credential"),
        ("audit-1", "audit-0", "audit_log of its own"),
        (two.url().as_str(), one.url().as_str(), "the same device"),
        ("http://", "https://", "connector must be"),
        ("key_id = 100", "key_id = 100\npath = \"x\"", "unknown field"),
        ("audit_log = \"audit-0\"", "", "missing field"),
    ] {
        let error = parse(&key.replace(from, to)).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
