//! A key in a YubiHSM 2, in one or in two of them.
//!
//! ```text
//! YubiHsm (the Key)     which device is asked, the budget of a signature, its verification
//!   device::Device      what the key's thread holds of a device: a queue, and a new thread when the old one hangs
//!     worker            the device's own thread: session, keep-alive, back-off, when the audit log is drained
//!       session         one SCP03 session; commands: the verbs
//!       audit           the append-only file; an entry is durable in it before the device may forget it
//!       transport       http (a connector, over TCP or a unix socket) or usb
//! connector             the other way round: serves the device of this process to the operator's command line
//! inspect               looks at device, key and authentication key for `check`
//! ```
//!
//! Nothing of the device's protocol or of its failures gets out of here but a [`KeyError`] within [`BUDGET`].

pub mod audit;
pub mod commands;
pub mod connector;
mod device;
#[cfg(test)]
mod device_tests;
mod http;
pub mod inspect;
pub(crate) mod lane;
pub mod session;
pub mod transport;
#[cfg(feature = "usb")]
pub mod usb;
mod worker;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use comet::consensus::{self, KeyType, Signature};
use thiserror::Error;
use tracing::warn;

use self::{
    connector::Served,
    device::Device,
    lane::Lane,
    worker::{DeviceError, REAL, RENEW, Settings, State},
};
use crate::{
    config::{HsmConfig, SecretSource, YubiHsmConfig},
    io::{key::source, secret_file::SecretFileError},
    key::{Health, Key, KeyError},
    metrics::hsm::HsmMetrics,
    raw_bytes::RawPermit,
    store::{ExtensionPermit, Permit},
    yubihsm::{
        auth_key::AuthKey,
        der,
        object::{Algorithm, PublicKey},
    },
};

/// Longest signature, both devices together. A node hangs up after 5 s, and a request may have waited 2.5 s for its turn.
pub const BUDGET: Duration = Duration::from_millis(2000);
/// What the first device gets of it where there is a second one.
const FIRST: Duration = Duration::from_millis(1200);
/// How long a start waits for the devices.
const START: Duration = Duration::from_secs(5);

/// A key in one device or two.
pub struct YubiHsm {
    public_key: consensus::PublicKey,
    devices: Vec<Device>,
    /// Serves the first device for as long as the key is open.
    _served: Option<Served>,
}

/// Why a key in a YubiHSM cannot be opened.
#[derive(Debug, Error)]
pub enum OpenHsmError {
    /// The file with the password.
    #[error(transparent)]
    Password(#[from] SecretFileError),
    /// The devices.
    #[error("{0}")]
    Device(String),
    /// The key's type.
    #[error("the key {key_id} is {algorithm}, which is not the type wanted of it")]
    Type {
        /// Id on the device.
        key_id: u16,
        /// Its algorithm.
        algorithm: Algorithm,
    },
    /// The place where the device is to be served.
    #[error("connector_listen {address}: {source}")]
    Listen {
        /// From the configuration.
        address: String,
        /// The system's error.
        source: std::io::Error,
    },
}

/// The keys that open sessions, from a file or a credential.
pub fn auth_key(password: &SecretSource) -> Result<AuthKey, OpenHsmError> {
    let text = source::read(password)?;
    Ok(AuthKey::from_password(text.trim_end_matches(['\n', '\r']).as_bytes()))
}

// === impl YubiHsm ===

impl YubiHsm {
    /// Opens sessions with the devices. One of them is enough to start with, if they do not disagree.
    pub fn open(name: &str, config: &YubiHsmConfig, metrics: &HsmMetrics) -> Result<Self, OpenHsmError> {
        let expected = Arc::default();
        let stopped = Arc::default();
        let mut devices = Vec::new();
        for (hsm, config) in [("primary", Some(&config.primary)), ("standby", config.standby.as_ref())] {
            let Some(config) = config else { continue };
            let settings = settings(name, hsm, config, metrics, &expected, &stopped)?;
            devices.push(Device::start(settings).map_err(|error| OpenHsmError::Device(error.explain()))?);
        }
        let deadline = Instant::now() + START;
        let states: Vec<_> = devices.iter().map(|device| device.first_attempt(deadline)).collect();
        if let Some(State::OtherKey(error)) = states.iter().find(|state| matches!(state, State::OtherKey(_)))
        {
            return Err(OpenHsmError::Device(error.clone()));
        }
        if let Some(reason) = stopped.get() {
            return Err(OpenHsmError::Device(reason.clone()));
        }
        let Some(key) = expected.get().filter(|_| states.contains(&State::Up)) else {
            let errors = devices.iter().filter_map(|device| device.trouble()());
            return Err(OpenHsmError::Device(errors.collect::<Vec<_>>().join("; ")));
        };
        let public_key = consensus_key(key, config.primary.key_id, config.key_type)?;
        let served = match &config.connector_listen {
            Some(at) => Some(
                connector::serve(at, &Lane::of(&config.primary.connector))
                    .map_err(|source| OpenHsmError::Listen { address: at.to_string(), source })?,
            ),
            None => None,
        };
        Ok(Self { public_key, devices, _served: served })
    }

    fn sign_bytes(&mut self, message: &[u8]) -> Result<Signature, KeyError> {
        let digest = self.public_key.ecdsa_digest(message);
        let to_sign = digest.as_ref().map_or(message, |digest| &digest[..]);
        let deadline = Instant::now() + BUDGET;
        // The first that is up; where none is, the primary, which may come back in time.
        let first = self.devices.iter().position(Device::is_up).unwrap_or(0);
        let others = (0..self.devices.len()).filter(|at| *at != first);
        let order: Vec<_> = std::iter::once(first).chain(others).collect();
        let mut errors = Vec::new();
        for (place, at) in order.iter().enumerate() {
            let device = &mut self.devices[*at];
            let until = if place + 1 < order.len() { deadline.min(Instant::now() + FIRST) } else { deadline };
            match device.ask(to_sign, until) {
                // The keeper looks as well; here it is about asking the other device.
                Ok(answer) => match verified(&self.public_key, message, answer) {
                    Some(signature) => return Ok(signature),
                    None => errors.push(device.mistaken()),
                },
                Err(error @ DeviceError::Stopped(_)) => return Err(KeyError(error.to_string())),
                Err(error) => errors.push(format!("{} hsm: {}", device.settings.labels[1], error.explain())),
            }
            if place + 1 < order.len() {
                warn!(key = device.settings.labels[0], error = errors.last(), "the other hsm is asked");
            }
        }
        Err(KeyError(errors.join("; ")))
    }
}

impl Key for YubiHsm {
    fn public_key(&self) -> &consensus::PublicKey {
        &self.public_key
    }

    /// The device's ECDSA takes a fresh random number each time.
    fn is_deterministic(&self) -> bool {
        self.public_key.key_type() == KeyType::Ed25519
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        self.sign_bytes(permit.sign_bytes())
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        self.sign_bytes(permit.sign_bytes())
    }

    fn sign_raw(&mut self, permit: RawPermit) -> Result<Signature, KeyError> {
        self.sign_bytes(permit.sign_bytes())
    }

    fn health(&self) -> Option<Health> {
        let troubles: Vec<_> = self.devices.iter().map(Device::trouble).collect();
        Some(Arc::new(move || {
            let found: Vec<_> = troubles.iter().filter_map(|trouble| trouble()).collect();
            // One of two is enough to sign.
            if found.len() == troubles.len() { found } else { Vec::new() }
        }))
    }
}

fn settings(
    name: &str,
    hsm: &str,
    config: &HsmConfig,
    metrics: &HsmMetrics,
    expected: &Arc<OnceLock<PublicKey>>,
    stopped: &Arc<OnceLock<String>>,
) -> Result<Settings, OpenHsmError> {
    Ok(Settings {
        labels: [name.into(), hsm.into()],
        lane: Lane::of(&config.connector),
        open: REAL,
        renew: RENEW,
        auth_key_id: config.auth_key,
        auth_key: auth_key(&config.password)?,
        key_id: config.key_id,
        audit_log: config.audit_log.clone(),
        expected: Arc::clone(expected),
        stopped: Arc::clone(stopped),
        metrics: metrics.clone(),
    })
}

/// The key as chains know it.
pub(crate) fn consensus_key(
    key: &PublicKey,
    key_id: u16,
    wanted: Option<KeyType>,
) -> Result<consensus::PublicKey, OpenHsmError> {
    let algorithm = key.algorithm;
    let wrong = || OpenHsmError::Type { key_id, algorithm };
    let (key_type, bytes) = match (algorithm, wanted, key.bytes.split_at_checked(32)) {
        (Algorithm::ED25519, None | Some(KeyType::Ed25519), _) => (KeyType::Ed25519, key.bytes.clone()),
        (
            Algorithm::SECP256K1,
            None | Some(KeyType::Secp256k1 | KeyType::Secp256k1Eth),
            Some((x, [.., last])),
        ) => (wanted.unwrap_or(KeyType::Secp256k1), [&[2 | (last & 1)], x].concat()),
        _ => return Err(wrong()),
    };
    consensus::PublicKey::from_bytes(key_type, &bytes).map_err(|_| wrong())
}

/// What a device answers, as the signature that chains know, if it is one.
pub(crate) fn verified(key: &consensus::PublicKey, message: &[u8], answer: Vec<u8>) -> Option<Signature> {
    match key.key_type() {
        KeyType::Ed25519 => key.verify(message, &answer).then(|| answer.into()),
        _ => key.ecdsa_signature(message, &der::r_and_s(&answer)?),
    }
}

// === impl OpenHsmError ===

impl OpenHsmError {
    /// What the operator can do; where devices failed the text says it already.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Password(error) => error.remedy(),
            Self::Device(_) => None,
            Self::Type { .. } => Some("an ed25519 or secp256k1 key; key_type is for secp256k1eth".into()),
            Self::Listen { .. } => Some("another place for connector_listen".into()),
        }
    }
}
