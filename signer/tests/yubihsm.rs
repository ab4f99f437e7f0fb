//! The YubiHSM backend against the simulator: it signs, keeps the log, and survives everything that a device does.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/hsm.rs"]
mod hsm;
#[path = "support/requests.rs"]
mod requests;

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use hsm::{AUTH_KEY, Bench, KEY, PROMISE, Plan, admin, config, device, refused, soon};
use palisade_signer::{
    config::Connector,
    io::key::yubihsm::{audit, inspect::inspect, session::Session},
    yubihsm::{auth_key::AuthKey, command},
};
use palisade_yubihsm_sim::{Config as SimConfig, Fault, Strike};

#[test]
fn every_signature_is_in_the_log_and_the_log_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    for _ in 0..150 {
        bench.sign().unwrap();
    }
    drop(bench);
    let log = std::fs::read_to_string(dir.path().join("audit-0")).unwrap();
    assert!(audit::verify(&dir.path().join("audit-0")).unwrap() >= 100, "{log}");
    assert!(log.matches(" sign-eddsa length=").count() >= 100, "{log}");
    assert!(sim.device(|device| device.log().entries().len()) < 62);
    // What was not read before the end is read after the next start.
    drop(Bench::new(&config(dir.path(), &[&sim], "")));
    let log = std::fs::read_to_string(dir.path().join("audit-0")).unwrap();
    assert_eq!(log.matches(" sign-eddsa length=").count(), 150);
    audit::verify(&dir.path().join("audit-0")).unwrap();
}

#[test]
fn secp256k1_signs_as_either_chain_has_it_and_repeats_itself() {
    let plan =
        || Plan { secp256k1: true, auth_capabilities: &["sign-ecdsa", "get-log-entries"], ..Plan::default() };
    for (key_type, length) in
        [("", 64), ("key_type = \"secp256k1\"\n", 64), ("key_type = \"secp256k1eth\"\n", 65)]
    {
        let dir = tempfile::tempdir().unwrap();
        let sim = device(&plan());
        let mut bench = Bench::new(&config(dir.path(), &[&sim], key_type));
        for _ in 0..20 {
            let signature = bench.sign().unwrap();
            assert_eq!(signature.len(), length, "{key_type}");
            assert_eq!(bench.sign_again().unwrap(), signature, "the device would sign otherwise each time");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let error = refused(&config(dir.path(), &[&device(&plan())], "key_type = \"ed25519\"\n"));
    assert!(error.contains("is secp256k1, which is not the type wanted"), "{error}");
}

#[test]
fn a_passing_fault_costs_no_signature() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    let faults = [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Status(500),
        Fault::Answer(vec![]),
        Fault::Answer(b"<html>".to_vec()),
        Fault::Answer(vec![0x7f, 0, 1, 3]),
        Fault::Answer(vec![0xff; 4000]),
        Fault::FlipBit(3),
        Fault::FlipBit(200),
        Fault::Truncate(5),
        Fault::RebootBefore,
        Fault::RebootAfter,
        Fault::LoseSessions,
        Fault::Delay(Duration::from_millis(300)),
    ];
    for fault in faults {
        sim.strike(Strike { command: Some(command::SIGN_EDDSA), after: 0, fault: fault.clone() });
        bench.sign().unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(sim.faults_left(), 0, "{fault:?}");
        bench.sign().unwrap_or_else(|error| panic!("after {fault:?}: {error}"));
    }
    sim.advance(Duration::from_secs(31));
    bench.sign().expect("a session that the device forgot is made anew");
    drop(bench);
    audit::verify(&dir.path().join("audit-0")).unwrap();
}

#[test]
fn a_hanging_device_holds_nobody_longer_than_promised() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    bench.sign().unwrap();
    sim.freeze(true);
    for _ in 0..3 {
        let asked = Instant::now();
        let error = bench.sign().unwrap_err();
        assert!(asked.elapsed() < PROMISE, "{:?}: {error}", asked.elapsed());
    }
    assert_eq!(bench.up("primary"), 0);
    sim.freeze(false);
    soon("the device is back", || bench.sign().is_ok());
    assert!(sim.device(|device| device.session_count()) <= 16);
}

#[test]
fn a_connector_that_is_killed_and_started_again_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    for _ in 0..5 {
        sim.disconnect_clients();
        bench.sign().unwrap();
        sim.device(palisade_yubihsm_sim::Device::reboot);
        bench.sign().unwrap();
    }
}

#[test]
fn no_session_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    for _ in 0..40 {
        Bench::new(&config(dir.path(), &[&sim], "")).sign().unwrap();
    }
    soon("all are closed", || sim.device(|device| device.session_count()) == 0);
}

#[test]
fn a_device_that_ends_a_session_for_its_commands_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let sim =
        device(&Plan { sim: SimConfig { command_limit: 20, ..SimConfig::default() }, ..Plan::default() });
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    for _ in 0..60 {
        bench.sign().unwrap();
    }
    assert!(bench.metrics.hsm.sessions.with_label_values(&["own", "primary"]).get() > 2);
}

#[test]
fn a_full_log_is_drained_and_the_signature_made() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    let mut admin = admin(&sim);
    while admin.echo(b"noise").is_ok() {}
    assert!(sim.device(|device| device.log().is_stuck()), "the device refuses what it audits");
    bench.sign().unwrap();
    drop(bench);
    audit::verify(&dir.path().join("audit-0")).unwrap();
}

#[test]
fn a_log_that_lost_entries_stops_the_key_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
    bench.sign().unwrap();
    let mut admin = admin(&sim);
    // Somebody else reads the log and frees it, twice, with commands in between.
    for _ in 0..2 {
        admin.echo(b"unseen").unwrap();
        let page = admin.log_entries().unwrap();
        admin.set_log_index(page.entries.last().unwrap().number()).unwrap();
    }
    admin.echo(b"seen").unwrap();
    let mut last = Ok(vec![]);
    for _ in 0..80 {
        last = bench.sign();
        if last.is_err() {
            break;
        }
    }
    let error = (0..2).map(|_| bench.sign().unwrap_err()).last().unwrap();
    assert!(error.contains("does not follow") && error.contains("try: "), "{last:?} {error}");
    drop(bench);
    assert!(refused(&config(dir.path(), &[&sim], "")).contains("does not follow"), "also after a restart");
}

#[test]
fn an_interrupted_drain_neither_loses_nor_doubles_an_entry() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::RebootBefore, Fault::RebootAfter] {
        for struck in [command::GET_LOG_ENTRIES, command::SET_LOG_INDEX] {
            let mut bench = Bench::new(&config(dir.path(), &[&sim], ""));
            sim.strike(Strike { command: Some(struck), after: 0, fault: fault.clone() });
            for _ in 0..20 {
                bench.sign().unwrap();
            }
            soon("the drain was struck", || sim.faults_left() == 0);
        }
    }
    drop(Bench::new(&config(dir.path(), &[&sim], "")));
    audit::verify(&dir.path().join("audit-0")).unwrap();
    let log = std::fs::read_to_string(dir.path().join("audit-0")).unwrap();
    assert_eq!(log.matches(" sign-eddsa length=").count(), 160);
}

#[test]
fn a_torn_line_of_the_log_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    Bench::new(&config(dir.path(), &[&sim], "")).sign().unwrap();
    let path = dir.path().join("audit-0");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"serial\":7550054,\"read\":17").unwrap();
    drop(file);
    Bench::new(&config(dir.path(), &[&sim], "")).sign().unwrap();
    audit::verify(&path).unwrap();
}

#[test]
fn the_log_of_another_device_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    let first = device(&Plan::default());
    drop(Bench::new(&config(dir.path(), &[&first], "")));
    let second = device(&Plan { sim: SimConfig { serial: 42, ..SimConfig::default() }, ..Plan::default() });
    let error = refused(&config(dir.path(), &[&second], ""));
    assert!(error.contains("is that of the device 7550054, this one is 42"), "{error}");
}

#[test]
fn missing_rights_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let no_sign = device(&Plan { auth_capabilities: &["get-log-entries"], ..Plan::default() });
    let error = Bench::new(&config(dir.path(), &[&no_sign], "")).sign().unwrap_err();
    assert!(error.contains("sign-eddsa: the device refuses: insufficient permissions"), "{error}");
    let no_log = device(&Plan { auth_capabilities: &["sign-eddsa"], ..Plan::default() });
    let error = refused(&config(dir.path(), &[&no_log], ""));
    assert!(error.contains("get-log-entries: the device refuses"), "{error}");
    let elsewhere = device(&Plan { auth_domain: 2, ..Plan::default() });
    let error = refused(&config(dir.path(), &[&elsewhere], ""));
    assert!(error.contains("object not found") && error.contains("try: "), "{error}");
    let good = device(&Plan::default());
    let config = config(dir.path(), &[&good], "");
    std::fs::write(dir.path().join("password"), "wrong").unwrap();
    assert!(refused(&config).contains("wrong password for authentication key 4"));
}

#[test]
fn check_finds_what_the_signer_could_do_without() {
    let dir = tempfile::tempdir().unwrap();
    let wide = device(&Plan {
        auth_capabilities: &["sign-eddsa", "get-log-entries", "export-wrapped"],
        ..Plan::default()
    });
    let seen = inspect(&config(dir.path(), &[&wide], "")).unwrap();
    assert_eq!(seen.findings.len(), 1, "{seen:?}");
    assert!(seen.findings[0].0.ends_with("read the log: export-wrapped"), "{seen:?}");
    let least = device(&Plan::default());
    let other = device(&Plan { seed: [8; 32], ..Plan::default() });
    assert!(inspect(&config(dir.path(), &[&least], "")).unwrap().findings.is_empty());
    let seen = inspect(&config(dir.path(), &[&least, &other], "")).unwrap();
    assert!(seen.findings[0].0.contains("standby holds another key"), "{seen:?}");
}

#[test]
fn an_oversized_message_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sim = device(&Plan::default());
    let mut session = Session::connect(
        &Connector::parse(&sim.url(), Path::new("/")).unwrap(),
        AUTH_KEY,
        &AuthKey::from_password(b"only for signing"),
        Duration::from_secs(1),
    )
    .unwrap();
    for length in [2_027, 2_030, 2_047, 4_096, 1 << 20] {
        let error = session.sign_eddsa(KEY, &vec![1; length]).unwrap_err().to_string();
        assert!(error.contains("at most 2048 bytes"), "{length}: {error}");
        session.sign_eddsa(KEY, &[1; 2_026]).unwrap();
    }
    drop(session);
    Bench::new(&config(dir.path(), &[&sim], "")).sign().unwrap();
}
