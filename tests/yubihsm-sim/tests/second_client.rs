//! The yubihsm crate as a second client of the simulator, and the faults that a test can script.
//!
//! The oracle proper is python-yubihsm (`oracle.py`); this is what runs in every `cargo test`, and shows that limits and
//! faults strike when they should and not otherwise.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use palisade_yubihsm_sim::wire::code;
use palisade_yubihsm_sim::{Config, Fault, Handle, Strike, start};
use std::time::Duration;
use yubihsm::connector::HttpConfig;
use yubihsm::ed25519::Signature;
use yubihsm::{Capability, Client, Connector, Credentials, Domain, asymmetric, object, wrap};

fn simulator() -> Handle {
    start(Config::default()).unwrap()
}

fn open(sim: &Handle) -> Result<Client, yubihsm::client::Error> {
    let config =
        HttpConfig { addr: sim.address().ip().to_string(), port: sim.address().port(), timeout_ms: 5000 };
    Client::open(Connector::http(&config), Credentials::from_password(1, b"password"), false)
}

fn ed25519_key(client: &Client, id: object::Id, capabilities: Capability) {
    client
        .generate_asymmetric_key(id, "key".into(), Domain::DOM1, capabilities, asymmetric::Algorithm::Ed25519)
        .unwrap();
}

fn verify(client: &Client, id: object::Id, message: &[u8], signature: &Signature) {
    let public: [u8; 32] = client.get_public_key(id).unwrap().as_ref().try_into().unwrap();
    ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap().verify_strict(message, signature).unwrap();
}

#[test]
fn signs_and_moves_a_key_to_a_second_device() {
    let (first, second) = (simulator(), start(Config { serial: 42, ..Config::default() }).unwrap());
    let (here, there) = (open(&first).unwrap(), open(&second).unwrap());
    assert_eq!(there.device_info().unwrap().serial_number.to_string(), "0000000042");
    ed25519_key(&here, 5, Capability::SIGN_EDDSA | Capability::EXPORTABLE_UNDER_WRAP);
    verify(&here, 5, b"message", &here.sign_ed25519(5, b"message".as_slice()).unwrap());
    for client in [&here, &there] {
        client
            .put_wrap_key(
                9,
                "wrap".into(),
                Domain::all(),
                Capability::EXPORT_WRAPPED | Capability::IMPORT_WRAPPED,
                Capability::all(),
                wrap::Algorithm::Aes256Ccm,
                [3; 32],
            )
            .unwrap();
    }
    let wrapped = here.export_wrapped(9, object::Type::AsymmetricKey, 5).unwrap();
    there.import_wrapped(9, wrapped).unwrap();
    assert_eq!(there.get_public_key(5).unwrap(), here.get_public_key(5).unwrap());
    verify(&here, 5, b"again", &there.sign_ed25519(5, b"again".as_slice()).unwrap());
}

#[test]
fn a_key_that_is_not_exportable_stays() {
    let sim = simulator();
    let client = open(&sim).unwrap();
    ed25519_key(&client, 5, Capability::SIGN_EDDSA);
    client
        .generate_wrap_key(
            9,
            "wrap".into(),
            Domain::all(),
            Capability::EXPORT_WRAPPED,
            Capability::all(),
            wrap::Algorithm::Aes256Ccm,
        )
        .unwrap();
    let refused = client.export_wrapped(9, object::Type::AsymmetricKey, 5).unwrap_err();
    assert!(format!("{refused:?}").contains("InsufficientPermissions"), "{refused:?}");
}

#[test]
fn an_idle_session_ends_after_thirty_seconds() {
    let sim = simulator();
    let client = open(&sim).unwrap();
    for _ in 0..3 {
        sim.advance(Duration::from_secs(29));
        client.ping().unwrap();
    }
    sim.advance(Duration::from_secs(30));
    assert!(client.ping().is_err());
    assert_eq!(sim.device(|device| device.session_count()), 0);
}

#[test]
fn the_seventeenth_session_is_refused_until_the_others_are_idle() {
    let sim = simulator();
    // The crate never closes a session.
    let clients: Vec<_> = (0..16).map(|_| open(&sim).unwrap()).collect();
    assert!(open(&sim).is_err());
    sim.advance(Duration::from_secs(30));
    assert!(open(&sim).is_ok());
    drop(clients);
}

#[test]
fn a_session_ends_after_its_last_command() {
    let sim = start(Config { command_limit: 3, ..Config::default() }).unwrap();
    let client = open(&sim).unwrap();
    for _ in 0..3 {
        client.ping().unwrap();
    }
    assert!(client.ping().is_err());
    assert!(open(&sim).unwrap().ping().is_ok());
}

#[test]
fn faults_that_strike_before_leave_nothing_executed() {
    for fault in
        [Fault::DropBefore, Fault::Status(500), Fault::Answer(b"nonsense".to_vec()), Fault::RebootBefore]
    {
        let sim = simulator();
        let client = open(&sim).unwrap();
        ed25519_key(&client, 5, Capability::SIGN_EDDSA);
        sim.device(|device| assert!(device.log_mut().set_command(code::SIGN_EDDSA, 1)));
        sim.strike(Strike { command: Some(code::SIGN_EDDSA), after: 1, fault: fault.clone() });
        client.get_public_key(5).unwrap();
        client.sign_ed25519(5, b"x".as_slice()).unwrap();
        assert!(client.sign_ed25519(5, b"x".as_slice()).is_err(), "{fault:?}");
        assert_eq!(sim.faults_left(), 0);
        assert_eq!(signatures(&sim), 1, "{fault:?}");
        assert!(open(&sim).unwrap().sign_ed25519(5, b"x".as_slice()).is_ok(), "{fault:?}");
    }
}

#[test]
fn faults_that_strike_after_leave_it_executed() {
    for fault in
        [Fault::DropAfter, Fault::RebootAfter, Fault::FlipBit(0), Fault::FlipBit(100), Fault::Truncate(9)]
    {
        let sim = simulator();
        let client = open(&sim).unwrap();
        ed25519_key(&client, 5, Capability::SIGN_EDDSA);
        sim.device(|device| assert!(device.log_mut().set_command(code::SIGN_EDDSA, 1)));
        sim.fault(fault.clone());
        assert!(client.sign_ed25519(5, b"x".as_slice()).is_err(), "{fault:?}");
        assert_eq!(signatures(&sim), 1, "{fault:?}");
    }
}

fn signatures(sim: &Handle) -> usize {
    sim.device(|device| device.log().entries().filter(|e| e.record.command == code::SIGN_EDDSA).count())
}

#[test]
fn what_hangs_hangs_until_it_is_healed_and_others_go_on() {
    let sim = simulator();
    let (client, other) = (open(&sim).unwrap(), open(&sim).unwrap());
    sim.fault(Fault::HangAfter);
    let stuck = std::thread::spawn(move || client.ping().is_err());
    while sim.hanging() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    other.ping().unwrap();
    sim.heal();
    assert!(stuck.join().unwrap());
    sim.freeze(true);
    let frozen = std::thread::spawn(move || other.ping().is_ok());
    let executed = sim.commands().len();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(sim.commands().len(), executed);
    sim.freeze(false);
    assert!(frozen.join().unwrap());
}

#[test]
fn auditing_the_envelope_under_forced_audit_locks_everybody_out() {
    // What the vendor's library guards against since March 2026.
    let sim = simulator();
    let client = open(&sim).unwrap();
    sim.device(|device| {
        assert!(device.log_mut().set_force(1) && device.log_mut().set_command(code::SESSION_MESSAGE, 1));
        while !device.log().is_stuck() {
            device.log_mut().boot();
        }
    });
    assert!(client.get_log_entries().is_err());
}
