//! A device whose driver hangs for good or panics, which no simulator behind a socket can play: the double stands between
//! worker and simulator.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use palisade_yubihsm_sim::{Config, Handle, start};

use super::{
    device::Device,
    lane::{Lane, lock},
    session::Session,
    transport::{self, Transport, TransportError},
    worker::{DeviceError, RENEW, Settings},
};
use crate::{
    config::Connector,
    io::key::yubihsm::commands::NewObject,
    metrics::Metrics,
    yubihsm::{
        auth_key::AuthKey,
        capability::Capabilities,
        object::{Algorithm, Domains, label},
    },
};

const KEY: u16 = 1;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    Hangs,
    Panics,
}

/// What a lane's doubles do, and what they saw.
#[derive(Debug, Default)]
struct Script {
    mood: Mood,
    hanging: usize,
    refusals: usize,
    exchanges: usize,
}

/// By the connector's address: a test has a simulator, and so a lane, of its own.
static SCRIPTS: Mutex<BTreeMap<String, Script>> = Mutex::new(BTreeMap::new());

fn script<R>(lane: &Lane, f: impl FnOnce(&mut Script) -> R) -> R {
    f(lock(&SCRIPTS).entry(lane.connector().to_string()).or_default())
}

struct Double {
    lane: Arc<Lane>,
    inner: Box<dyn Transport>,
}

impl Transport for Double {
    fn exchange(&mut self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, TransportError> {
        match script(&self.lane, |script| script.mood) {
            Mood::Well => {}
            Mood::Panics => panic!("the driver panics"),
            Mood::Hangs => {
                script(&self.lane, |script| script.hanging += 1);
                // Whatever the deadline says.
                while script(&self.lane, |script| script.mood == Mood::Hangs) {
                    thread::sleep(Duration::from_millis(5));
                }
                script(&self.lane, |script| script.hanging -= 1);
            }
        }
        let reply = self.inner.exchange(frame, deadline)?;
        let refused = reply.first() == Some(&0x7f);
        script(&self.lane, |script| {
            script.refusals += usize::from(refused);
            script.exchanges += 1;
        });
        Ok(reply)
    }
}

fn double(lane: &Arc<Lane>) -> Box<dyn Transport> {
    Box::new(Double { lane: Arc::clone(lane), inner: transport::open(lane) })
}

/// A device that is up behind a double. The directory holds its audit file.
fn scene(commands: u32, renew: u32) -> (Handle, Device, Metrics, tempfile::TempDir) {
    let sim = start(Config { command_limit: commands, ..Config::default() }).expect("a free port");
    let dir = tempfile::tempdir().expect("a directory");
    let connector = Connector::parse(&sim.url(), Path::new("/")).expect("a URL");
    let factory = || AuthKey::from_password(b"password");
    let mut admin = Session::connect(&connector, 1, &factory(), Duration::from_secs(5)).expect("fresh");
    let new = NewObject {
        id: KEY,
        label: label("k").expect("short"),
        domains: Domains::one(1).expect("a domain"),
        capabilities: Capabilities::SIGN_EDDSA,
        algorithm: Algorithm::ED25519,
    };
    admin.put_asymmetric(&new, &[7; 32]).expect("put");
    drop(admin);
    let metrics = Metrics::new("t");
    let device = Device::start(Settings {
        labels: ["own".into(), "primary".into()],
        lane: Lane::of(&connector),
        open: double,
        renew,
        auth_key_id: 1,
        auth_key: factory(),
        key_id: KEY,
        audit_log: dir.path().join("audit"),
        expected: Arc::default(),
        stopped: Arc::new(OnceLock::new()),
        metrics: metrics.hsm.clone(),
    })
    .expect("a thread");
    device.first_attempt(Instant::now() + Duration::from_secs(10));
    assert!(device.is_up());
    (sim, device, metrics, dir)
}

fn ask(device: &mut Device, patience: Duration) -> Result<Vec<u8>, DeviceError> {
    device.ask(b"message", Instant::now() + patience)
}

fn works_again(device: &mut Device) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = ask(device, Duration::from_secs(2)) {
        assert!(Instant::now() < deadline, "{error}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn threads_that_hang_are_replaced_and_are_never_many() {
    let (_sim, mut device, _metrics, _dir) = scene(1 << 20, RENEW);
    let lane = Arc::clone(&device.settings.lane);
    ask(&mut device, Duration::from_secs(5)).expect("well");
    script(&lane, |script| script.mood = Mood::Hangs);
    for at in 0..12 {
        let error = ask(&mut device, Duration::from_millis(50)).expect_err("it hangs");
        assert!(matches!(error, DeviceError::Hung), "{at}: {error}");
        assert!(!device.is_up());
    }
    assert_eq!(script(&lane, |script| script.hanging), 4, "threads left behind");
    // The driver lets go of them: they end, and the next one signs.
    script(&lane, |script| script.mood = Mood::Well);
    works_again(&mut device);
    assert!(device.is_up());
    // The four are counted as gone, so it may happen again.
    script(&lane, |script| script.mood = Mood::Hangs);
    let deadline = Instant::now() + Duration::from_secs(30);
    while script(&lane, |script| script.hanging) < 4 {
        assert!(Instant::now() < deadline, "not replaced a second time");
        ask(&mut device, Duration::from_millis(50)).expect_err("it hangs");
    }
    script(&lane, |script| script.mood = Mood::Well);
    works_again(&mut device);
}

#[test]
fn a_panic_costs_one_signature_and_no_more() {
    let (sim, mut device, _metrics, _dir) = scene(1 << 20, RENEW);
    let lane = Arc::clone(&device.settings.lane);
    for _ in 0..20 {
        script(&lane, |script| script.mood = Mood::Panics);
        let error = ask(&mut device, Duration::from_secs(5)).expect_err("it panics");
        assert!(matches!(error, DeviceError::Failed), "{error}");
        assert!(!device.is_up());
        script(&lane, |script| script.mood = Mood::Well);
        // Sessions of panicked threads are closed by the device after 30 s of silence.
        sim.advance(Duration::from_secs(31));
        works_again(&mut device);
        assert!(device.is_up());
    }
}

#[test]
fn a_session_is_made_anew_before_the_device_ends_it() {
    // Renewal is looked at after every 16 commands.
    let (sim, mut device, metrics, _dir) = scene(64, 24);
    let lane = Arc::clone(&device.settings.lane);
    for at in 0..500 {
        ask(&mut device, Duration::from_secs(5)).unwrap_or_else(|error| panic!("{at}: {error}"));
    }
    let (refusals, exchanges) = script(&lane, |script| (script.refusals, script.exchanges));
    assert_eq!(refusals, 0, "of {exchanges} exchanges: a session was used beyond its end");
    let sessions = metrics.hsm.sessions.with_label_values(&["own", "primary"]).get();
    assert!(sessions >= 500 / 64, "{sessions} sessions");
    assert_eq!(sim.device(|device| device.session_count()), 1, "old sessions were closed");
}
