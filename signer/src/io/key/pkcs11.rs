//! A key on a PKCS#11 token: any vendor's module, Ed25519 by `CKM_EDDSA`, secp256k1 by `CKM_ECDSA`.
//!
//! The module is somebody else's code and may hang, so it runs on a thread of its own, and nobody waits for it longer than
//! [`PATIENCE`]. A thread inside a module cannot be ended: while it hangs, the key answers with an error at once, and signs again
//! when the module comes back. A signature that comes back late goes nowhere.
//!
//! No module is trusted to sign the same bytes alike twice, also not with Ed25519: every signature is kept beside its mark. The
//! key proves itself when it is opened, and [`crate::keeper`] verifies each signature with the public key that was read then.
//! Not here: making keys. That is the vendor's tool's business.

mod token;

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use comet::consensus::{PublicKey, Signature};
use thiserror::Error;

use self::token::Token;
use crate::{
    config::Pkcs11Config,
    io::{key::SELF_TEST, secret_file::SecretFileError},
    key::{Key, KeyError},
    store::{ExtensionPermit, Permit},
};

/// How long a token may take for one signature, one new session included. The desk gives a request 2.5 s in all.
const PATIENCE: Duration = Duration::from_secs(2);
/// Opening includes loading the module and logging in, which some tokens take seconds for.
const PATIENCE_AT_START: Duration = Duration::from_secs(20);

/// A key on a token.
pub struct Pkcs11Key {
    public: PublicKey,
    remarks: Vec<String>,
    jobs: SyncSender<Job>,
    patience: Duration,
}

/// What the token's thread is asked for.
struct Job {
    message: Vec<u8>,
    until: Instant,
    answer: SyncSender<Result<Signature, String>>,
}

/// What the token's thread says once it is ready.
type Opened = Result<(PublicKey, Vec<String>), Pkcs11Error>;

/// Why a token's key cannot be used.
#[derive(Debug, Error)]
pub enum Pkcs11Error {
    /// The PIN cannot be read.
    #[error("PIN: {0}")]
    Pin(#[from] SecretFileError),
    /// The module said no.
    #[error("{doing}: {source}")]
    Module {
        /// What it was asked to do.
        doing: &'static str,
        /// Its answer.
        source: cryptoki::error::Error,
    },
    /// No token, or more than one.
    #[error("{found} tokens match, one is needed; there are: {there}")]
    Token {
        /// How many match.
        found: usize,
        /// Labels and slots of those that there are.
        there: String,
    },
    /// No key, or more than one.
    #[error("{found} {class} match label and id, one is needed")]
    Key {
        /// How many match.
        found: usize,
        /// Private or public keys.
        class: &'static str,
    },
    /// The token cannot sign in the way that this type of key needs.
    #[error("the token cannot do type {0}: it does not offer {1}")]
    Mechanism(comet::consensus::KeyType, &'static str),
    /// The public key object is none of this type.
    #[error("the public key on the token is no {0} key")]
    Public(comet::consensus::KeyType),
    /// The private key does not belong to the public one, or the token computes wrongly.
    #[error("the key failed its self-test: {0}")]
    SelfTest(String),
    /// It hangs.
    #[error("the module has not answered for {} s", PATIENCE_AT_START.as_secs())]
    Silent,
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

// === impl Pkcs11Key ===

impl Pkcs11Key {
    /// Loads the module, logs in, finds both halves of the key and has it prove itself.
    pub fn open(config: &Pkcs11Config) -> Result<Self, Pkcs11Error> {
        let (jobs, queue) = sync_channel(1);
        let (ready, opened) = sync_channel(1);
        let config = config.clone();
        thread::Builder::new()
            .name("pkcs11".into())
            .spawn(move || serve(&config, &ready, &queue))
            .map_err(Pkcs11Error::Thread)?;
        let (public, remarks) = opened.recv_timeout(PATIENCE_AT_START).map_err(|_| Pkcs11Error::Silent)??;
        Ok(Self { public, remarks, jobs, patience: PATIENCE })
    }

    fn ask(&self, message: &[u8]) -> Result<Signature, KeyError> {
        let (answer, answered) = sync_channel(1);
        let job = Job { message: message.into(), until: Instant::now() + self.patience, answer };
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => KeyError("the token still hangs in an earlier request".into()),
            TrySendError::Disconnected(_) => KeyError("the token's thread has ended".into()),
        })?;
        match answered.recv_timeout(self.patience) {
            Ok(answer) => answer.map_err(KeyError),
            Err(RecvTimeoutError::Timeout) => {
                Err(KeyError(format!("the token has not answered for {} ms", self.patience.as_millis())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(KeyError("the token gave up on the request".into())),
        }
    }
}

/// The life of the token's thread: it ends when nobody can ask any more.
fn serve(config: &Pkcs11Config, ready: &SyncSender<Opened>, jobs: &Receiver<Job>) {
    let mut token = match Token::open(config).and_then(|mut token| {
        let signature = token.sign(SELF_TEST).map_err(Pkcs11Error::SelfTest)?;
        if token.public().verify(SELF_TEST, signature.as_bytes()) {
            Ok(token)
        } else {
            Err(Pkcs11Error::SelfTest("its signature does not verify under the public key".into()))
        }
    }) {
        Ok(token) => token,
        // Nobody listens any more when this came too late.
        Err(error) => return drop(ready.send(Err(error))),
    };
    if ready.send(Ok((token.public().clone(), token.remarks()))).is_err() {
        return;
    }
    while let Ok(Job { message, until, answer }) = jobs.recv() {
        if Instant::now() < until {
            // Too late is nobody's answer; it is not kept for the next one.
            let _ = answer.send(token.sign(&message));
        }
    }
}

impl Key for Pkcs11Key {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn is_deterministic(&self) -> bool {
        false
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.clone()
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        self.ask(permit.sign_bytes())
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        self.ask(permit.sign_bytes())
    }
}

// === impl Pkcs11Error ===

impl Pkcs11Error {
    /// What the operator can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Pin(error) => error.remedy(),
            Self::Token { .. } => Some("token or slot in the configuration as `pkcs11-tool --list-slots` shows it".into()),
            Self::Key { .. } => {
                Some("label and id as `pkcs11-tool --login --list-objects` shows them; private and public key need both".into())
            }
            _ => None,
        }
    }
}
