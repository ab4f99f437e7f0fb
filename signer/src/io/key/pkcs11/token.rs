//! One token: its module, a session that is opened anew when it is lost, and the two halves of one key.

use std::time::Instant;

use comet::consensus::{KeyType, PublicKey, Signature};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::{
        Mechanism, MechanismType,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::Slot,
};
use rand_core::{OsRng, RngCore};
use secrecy::SecretString;

use crate::{
    backoff::Backoff,
    config::{Pkcs11Config, TokenName},
    io::key::{pkcs11::Pkcs11Error, source},
};

/// A token with a key.
pub(super) struct Token {
    config: Pkcs11Config,
    module: Pkcs11,
    public: PublicKey,
    open: Option<Open>,
    backoff: Backoff,
    not_before: Instant,
}

/// A session with its key.
struct Open {
    session: Session,
    key: ObjectHandle,
    extractable: bool,
}

impl Token {
    pub(super) fn open(config: &Pkcs11Config) -> Result<Self, Pkcs11Error> {
        let module = Pkcs11::new(&config.module).map_err(on("load the module"))?;
        let (open, public) = Open::new(&module, config)?;
        Ok(Self {
            config: config.clone(),
            module,
            public,
            open: Some(open),
            backoff: Backoff::new(),
            not_before: Instant::now(),
        })
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let extractable = self.open.as_ref().is_some_and(|open| open.extractable);
        let text = "the token would give this private key away (CKA_EXTRACTABLE is true)";
        extractable.then(|| text.into()).into_iter().collect()
    }

    /// Signs; a lost session is opened anew, once for each request and not too often.
    pub(super) fn sign(&mut self, message: &[u8]) -> Result<Signature, String> {
        if let Some(open) = &self.open {
            match self.try_sign(open, message) {
                Ok(signature) => return Ok(signature),
                // Whatever it was, a fresh session is the better start.
                Err(_) => self.open = None,
            }
        }
        if Instant::now() < self.not_before {
            return Err("the token is away; the session is opened anew in a moment".into());
        }
        let signed = Open::new(&self.module, &self.config).map_err(|error| error.to_string()).and_then(
            |(open, public)| {
                if public != self.public {
                    return Err(format!("another key is in its place: {public}"));
                }
                let signature = self.try_sign(&open, message)?;
                Ok((open, signature))
            },
        );
        match signed {
            Ok((open, signature)) => {
                self.backoff.reset();
                self.open = Some(open);
                Ok(signature)
            }
            Err(error) => {
                self.not_before = Instant::now() + self.backoff.wait(OsRng.next_u32());
                Err(error)
            }
        }
    }

    fn try_sign(&self, open: &Open, message: &[u8]) -> Result<Signature, String> {
        let no = |error: Error| error.to_string();
        if let Some(digest) = self.public.ecdsa_digest(message) {
            let r_s = open.session.sign(&Mechanism::Ecdsa, open.key, &digest).map_err(no)?;
            return self
                .public
                .ecdsa_signature(message, &r_s)
                .ok_or_else(|| "its signature does not verify under the public key".into());
        }
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        Ok(open.session.sign(&mechanism, open.key, message).map_err(no)?.into())
    }
}

// === impl Open ===

impl Open {
    fn new(module: &Pkcs11, config: &Pkcs11Config) -> Result<(Self, PublicKey), Pkcs11Error> {
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Once for each process and module, whoever does it.
            Ok(()) => {}
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(source) => return Err(Pkcs11Error::Module { doing: "initialise the module", source }),
        }
        let slot = find_slot(module, &config.token)?;
        let (mechanism, name) = match config.key_type {
            KeyType::Ed25519 => (MechanismType::EDDSA, "CKM_EDDSA"),
            _ => (MechanismType::ECDSA, "CKM_ECDSA"),
        };
        if !module.get_mechanism_list(slot).map_err(on("list the mechanisms"))?.contains(&mechanism) {
            return Err(Pkcs11Error::Mechanism(config.key_type, name));
        }
        let session = module.open_ro_session(slot).map_err(on("open a session"))?;
        let pin = source::read(&config.pin)?;
        match session.login(UserType::User, Some(&SecretString::from(pin.trim_end_matches('\n')))) {
            // The login is the whole process's: another key of this token has it already.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(source) => return Err(Pkcs11Error::Module { doing: "log in", source }),
        }
        let key = find(&session, config, ObjectClass::PRIVATE_KEY, "private keys")?;
        let half = find(&session, config, ObjectClass::PUBLIC_KEY, "public keys")?;
        let attributes =
            session.get_attributes(half, &[AttributeType::EcPoint]).map_err(on("read the public key"))?;
        let Some(Attribute::EcPoint(point)) = attributes.first() else {
            return Err(Pkcs11Error::Public(config.key_type));
        };
        let public =
            PublicKey::from_ec_point(config.key_type, point).ok_or(Pkcs11Error::Public(config.key_type))?;
        let extractable = session
            .get_attributes(key, &[AttributeType::Extractable])
            .is_ok_and(|attributes| attributes.contains(&Attribute::Extractable(true)));
        Ok((Self { session, key, extractable }, public))
    }
}

fn find_slot(module: &Pkcs11, name: &TokenName) -> Result<Slot, Pkcs11Error> {
    let slots = module.get_slots_with_initialized_token().map_err(on("list the tokens"))?;
    let mut there = Vec::new();
    let mut found = Vec::new();
    for slot in slots {
        let Ok(info) = module.get_token_info(slot) else { continue };
        let label = info.label().trim_end();
        there.push(format!("{label:?} in slot {}", slot.id()));
        let matches = match name {
            TokenName::Label(wanted) => label == wanted,
            TokenName::Slot(wanted) => slot.id() == *wanted,
        };
        if matches {
            found.push(slot);
        }
    }
    match found[..] {
        [slot] => Ok(slot),
        _ => Err(Pkcs11Error::Token { found: found.len(), there: there.join(", ") }),
    }
}

fn find(
    session: &Session,
    config: &Pkcs11Config,
    class: ObjectClass,
    name: &'static str,
) -> Result<ObjectHandle, Pkcs11Error> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(config.label.iter().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(config.id.iter().map(|id| Attribute::Id(id.clone())));
    let found = session.find_objects(&template).map_err(on("find the key"))?;
    match found[..] {
        [one] => Ok(one),
        _ => Err(Pkcs11Error::Key { found: found.len(), class: name }),
    }
}

fn on(doing: &'static str) -> impl Fn(Error) -> Pkcs11Error {
    move |source| Pkcs11Error::Module { doing, source }
}
