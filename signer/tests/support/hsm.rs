//! A simulated YubiHSM with a key in it, and a keeper that signs with it as the daemon does.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use comet::consensus::Signature;
use palisade_signer::{
    config::{Backend, Config, Connector, YubiHsmConfig},
    doppelganger::{Settled, Standing},
    guard::NewMark,
    io::key::yubihsm::{
        BUDGET, YubiHsm,
        commands::{DeviceOption, NewObject},
        session::Session,
    },
    keeper::{Answer, Brake, Keeper},
    mark::{Hrs, Mark},
    metrics::Metrics,
    store::{PersistError, Storage, Store},
    yubihsm::{
        auth_key::AuthKey,
        capability::Capabilities,
        command,
        object::{Algorithm, Domains, label},
    },
};
use palisade_yubihsm_sim::{Config as SimConfig, Handle, start};

pub const AUTH_KEY: u16 = 4;
pub const KEY: u16 = 100;
pub const SEED: [u8; 32] = [7; 32];
const PASSWORD: &str = "only for signing";

/// What a caller is promised, and the grace of the thread that answers for a hung one.
pub const PROMISE: Duration = BUDGET.saturating_add(Duration::from_millis(500));

pub fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn refused(config: &YubiHsmConfig) -> String {
    YubiHsm::open("own", config, &Metrics::new("t").hsm).err().expect("it must not open").to_string()
}

/// What provisioning may do differently.
pub struct Plan {
    pub sim: SimConfig,
    pub seed: [u8; 32],
    pub auth_capabilities: &'static [&'static str],
    pub auth_domain: u8,
    pub secp256k1: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sim: SimConfig::default(),
            seed: SEED,
            auth_capabilities: &["sign-eddsa", "get-log-entries"],
            auth_domain: 1,
            secp256k1: false,
        }
    }
}

/// A device with one key, an authentication key that may use it, and a forced audit log.
pub fn device(plan: &Plan) -> Handle {
    let sim = start(plan.sim.clone()).unwrap();
    let mut admin = admin(&sim);
    let new = |id, capabilities: &[&str], domain, algorithm| NewObject {
        id,
        label: label("palisade").unwrap(),
        domains: Domains::one(domain).unwrap(),
        capabilities: Capabilities::of(capabilities).unwrap(),
        algorithm,
    };
    let auth = new(AUTH_KEY, plan.auth_capabilities, plan.auth_domain, Algorithm::AES128_AUTHENTICATION);
    admin.put_auth_key(&auth, Capabilities::NONE, &AuthKey::from_password(PASSWORD.as_bytes())).unwrap();
    let (signs, algorithm) = match plan.secp256k1 {
        true => (["sign-ecdsa"], Algorithm::SECP256K1),
        false => (["sign-eddsa"], Algorithm::ED25519),
    };
    admin.put_asymmetric(&new(KEY, &signs, 1, algorithm), &plan.seed).unwrap();
    for audited in [command::SIGN_EDDSA, command::ECHO, command::CREATE_SESSION, command::GET_PUBLIC_KEY] {
        admin.set_option(DeviceOption::CommandAudit, &[audited, 1]).unwrap();
    }
    admin.set_option(DeviceOption::ForceAudit, &[1]).unwrap();
    drop(admin);
    sim
}

/// A session with the factory's key, which may do everything.
pub fn admin(sim: &Handle) -> Session {
    let at = Connector::parse(&sim.url(), Path::new("/")).unwrap();
    Session::connect(&at, 1, &AuthKey::from_password(b"password"), Duration::from_secs(5)).unwrap()
}

/// The table `[[key]]` for these devices, the second one as standby.
pub fn toml(dir: &Path, devices: &[&Handle], more: &str) -> String {
    let password = dir.join("password");
    if !password.exists() {
        palisade_signer::io::secret_file::create(&password, format!("{PASSWORD}\n").as_bytes()).unwrap();
    }
    let of = |at: usize| {
        let url = devices[at].url();
        format!(
            "connector = {url:?}\nauth_key = {AUTH_KEY}\nkey_id = {KEY}\npassword_file = \"password\"\naudit_log = \"audit-{at}\"\n"
        )
    };
    let standby = devices.get(1).map(|_| format!("[key.standby]\n{}", of(1))).unwrap_or_default();
    format!("[[key]]\nname = \"own\"\nbackend = \"yubihsm\"\n{more}{}{standby}", of(0))
}

pub fn config(dir: &Path, devices: &[&Handle], more: &str) -> YubiHsmConfig {
    let text = format!(
        "state_dir = \"state\"\nlisten = \"127.0.0.1:0\"\n{}\n[[chain]]\nid = \"test-1\"\nkey = \"own\"\nnodes = [\"tcp://127.0.0.1:1\"]\n",
        toml(dir, devices, more)
    );
    match Config::parse(&text, dir).unwrap().keys.remove(0).backend {
        Backend::YubiHsm(config) => *config,
        other => panic!("{other:?}"),
    }
}

pub struct Memory;

impl Storage for Memory {
    fn persist(&mut self, _: &NewMark) -> Result<(), PersistError> {
        Ok(())
    }

    fn keep(&mut self, _: &Mark, _: &Signature) -> Result<(), PersistError> {
        Ok(())
    }
}

/// A keeper of the key.
pub struct Bench {
    pub keeper: Keeper<Memory>,
    pub metrics: Metrics,
    height: i64,
}

impl Bench {
    pub fn new(config: &YubiHsmConfig) -> Self {
        let metrics = Metrics::new("test");
        let key = YubiHsm::open("own", config, &metrics.hsm).unwrap();
        let mut keeper = Keeper::new(Box::new(key), Vec::new());
        keeper.seat(Store::new(Mark::floor(Hrs::whole_height(0)), Memory), Brake::default());
        Self { keeper, metrics, height: 0 }
    }

    /// Signs the next prevote; the keeper verifies it.
    pub fn sign(&mut self) -> Result<Vec<u8>, String> {
        self.height += 1;
        self.sign_again()
    }

    /// The same one.
    pub fn sign_again(&mut self) -> Result<Vec<u8>, String> {
        let asked = crate::requests::prevote(self.height, 0, 1, 0);
        let leave = Standing::Settled(Settled::NotGuarded).leave(self.height).expect("there is no guard");
        match self.keeper.answer(0, leave, &asked, &mut |_| {}) {
            Answer::Sign(signed) => Ok(signed.signature.as_bytes().to_vec()),
            Answer::Fail(failure) => Err(failure.to_string()),
            Answer::Refuse(refusal) => panic!("{refusal:?}"),
        }
    }

    pub fn up(&self, hsm: &str) -> i64 {
        self.metrics.hsm.up.with_label_values(&["own", hsm]).get()
    }
}
