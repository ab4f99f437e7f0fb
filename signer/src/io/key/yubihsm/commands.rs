//! The verbs of a device, one function each, on an open session.
//!
//! Bodies are as in python-yubihsm 3.1 (`core.py`, `objects.py`). Numbers are big-endian.

use zeroize::Zeroizing;

use crate::{
    io::key::yubihsm::session::{HsmError, Session},
    yubihsm::{
        auth_key::AuthKey,
        capability::Capabilities,
        command,
        log::LogPage,
        object::{Algorithm, DeviceInfo, Domains, LABEL, Listed, ObjectInfo, ObjectType, PublicKey},
    },
};

/// What every new object is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewObject {
    /// Id; 0 lets the device choose.
    pub id: u16,
    /// Made by [`crate::yubihsm::object::label`].
    pub label: [u8; LABEL],
    /// Where it can be seen.
    pub domains: Domains,
    /// What it may do.
    pub capabilities: Capabilities,
    /// Its algorithm.
    pub algorithm: Algorithm,
}

/// Options of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DeviceOption {
    /// 0 off, 1 on, 2 on until reset.
    ForceAudit = 1,
    /// Pairs of command and 0, 1 or 2.
    CommandAudit = 3,
}

// === impl NewObject ===

impl NewObject {
    fn head(&self) -> Vec<u8> {
        let mut head = self.id.to_be_bytes().to_vec();
        head.extend_from_slice(&self.label);
        head.extend_from_slice(&self.domains.0.to_be_bytes());
        head.extend_from_slice(&self.capabilities.0.to_be_bytes());
        head.push(self.algorithm.0);
        head
    }
}

// === impl Session ===

/// Reading.
impl Session {
    /// Returns `bytes`.
    pub fn echo(&mut self, bytes: &[u8]) -> Result<Vec<u8>, HsmError> {
        Ok(self.command(command::ECHO, bytes)?.to_vec())
    }

    /// The device about itself. Asked outside of the session, as Yubico's own tools do, so it is not authenticated.
    pub fn device_info(&mut self) -> Result<DeviceInfo, HsmError> {
        let code = command::DEVICE_INFO;
        DeviceInfo::parse(&self.plain(code)?).ok_or(HsmError::Unexpected { command: code })
    }

    /// Objects that this session can see; `kind` and `domains` narrow it down.
    pub fn list_objects(&mut self, kind: Option<ObjectType>) -> Result<Vec<Listed>, HsmError> {
        let filter = kind.map(|kind| vec![0x02, kind.0]).unwrap_or_default();
        self.read(command::LIST_OBJECTS, &filter, Listed::parse)
    }

    /// Everything about an object but its content.
    pub fn object_info(&mut self, id: u16, kind: ObjectType) -> Result<ObjectInfo, HsmError> {
        let [high, low] = id.to_be_bytes();
        self.read(command::GET_OBJECT_INFO, &[high, low, kind.0], ObjectInfo::parse)
    }

    /// Public half of a key pair.
    pub fn public_key(&mut self, id: u16) -> Result<PublicKey, HsmError> {
        self.read(command::GET_PUBLIC_KEY, &id.to_be_bytes(), PublicKey::parse)
    }

    /// Bytes stored on the device.
    pub fn opaque(&mut self, id: u16) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        self.command(command::GET_OPAQUE, &id.to_be_bytes())
    }

    /// Random bytes of the device, at most 2,000.
    pub fn random(&mut self, count: u16) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        self.command(command::GET_PSEUDO_RANDOM, &count.to_be_bytes())
    }

    /// An option's value.
    pub fn option(&mut self, option: DeviceOption) -> Result<Vec<u8>, HsmError> {
        Ok(self.command(command::GET_OPTION, &[option as u8])?.to_vec())
    }

    /// Entries of the audit log that are not freed.
    pub fn log_entries(&mut self) -> Result<LogPage, HsmError> {
        self.read(command::GET_LOG_ENTRIES, &[], LogPage::parse)
    }

    fn read<T>(&mut self, code: u8, body: &[u8], parse: fn(&[u8]) -> Option<T>) -> Result<T, HsmError> {
        let reply = self.command(code, body)?;
        parse(&reply).ok_or(HsmError::Unexpected { command: code })
    }
}

/// Signing.
impl Session {
    /// Ed25519 over the message itself.
    pub fn sign_eddsa(&mut self, id: u16, message: &[u8]) -> Result<[u8; 64], HsmError> {
        let body = [&id.to_be_bytes()[..], message].concat();
        self.read(command::SIGN_EDDSA, &body, |reply| reply.try_into().ok())
    }

    /// ECDSA over a hash of 32 bytes; the signature in DER, `s` as it comes.
    pub fn sign_ecdsa(&mut self, id: u16, hash: &[u8]) -> Result<Vec<u8>, HsmError> {
        let body = [&id.to_be_bytes()[..], hash].concat();
        Ok(self.command(command::SIGN_ECDSA, &body)?.to_vec())
    }

    /// A certificate (DER) by the device's own key that says where the key `id` was made.
    pub fn attest(&mut self, id: u16, attesting: u16) -> Result<Vec<u8>, HsmError> {
        let body = [id.to_be_bytes(), attesting.to_be_bytes()].concat();
        Ok(self.command(command::SIGN_ATTESTATION_CERTIFICATE, &body)?.to_vec())
    }
}

/// Changing.
impl Session {
    /// Frees the entries of the audit log up to this number.
    pub fn set_log_index(&mut self, number: u16) -> Result<(), HsmError> {
        self.done(command::SET_LOG_INDEX, &number.to_be_bytes())
    }

    /// Sets an option.
    pub fn set_option(&mut self, option: DeviceOption, value: &[u8]) -> Result<(), HsmError> {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
        self.done(command::SET_OPTION, &[&[option as u8], &length[..], value].concat())
    }

    /// Makes a key pair on the device; its id.
    pub fn generate_asymmetric(&mut self, new: &NewObject) -> Result<u16, HsmError> {
        self.made(command::GENERATE_ASYMMETRIC_KEY, &new.head())
    }

    /// Imports a key pair: the 32-byte seed of Ed25519, or a 32-byte scalar; its id.
    pub fn put_asymmetric(&mut self, new: &NewObject, secret: &[u8]) -> Result<u16, HsmError> {
        self.made(command::PUT_ASYMMETRIC_KEY, &Zeroizing::new([&new.head(), secret].concat()))
    }

    /// Stores an authentication key that may hand on `delegated`; its id.
    pub fn put_auth_key(
        &mut self,
        new: &NewObject,
        delegated: Capabilities,
        key: &AuthKey,
    ) -> Result<u16, HsmError> {
        let body = [&new.head(), &delegated.0.to_be_bytes()[..], &*key.to_bytes()].concat();
        self.made(command::PUT_AUTHENTICATION_KEY, &Zeroizing::new(body))
    }

    /// Replaces the password of the authentication key of this session.
    pub fn change_auth_key(&mut self, id: u16, key: &AuthKey) -> Result<u16, HsmError> {
        let algorithm = [Algorithm::AES128_AUTHENTICATION.0];
        let body = [&id.to_be_bytes()[..], &algorithm, &*key.to_bytes()].concat();
        self.made(command::CHANGE_AUTHENTICATION_KEY, &Zeroizing::new(body))
    }

    /// Makes a wrap key on the device; its id.
    pub fn generate_wrap_key(&mut self, new: &NewObject, delegated: Capabilities) -> Result<u16, HsmError> {
        self.made(command::GENERATE_WRAP_KEY, &[&new.head(), &delegated.0.to_be_bytes()[..]].concat())
    }

    /// Stores a wrap key; its id.
    pub fn put_wrap_key(
        &mut self,
        new: &NewObject,
        delegated: Capabilities,
        key: &[u8],
    ) -> Result<u16, HsmError> {
        let body = [&new.head(), &delegated.0.to_be_bytes()[..], key].concat();
        self.made(command::PUT_WRAP_KEY, &Zeroizing::new(body))
    }

    /// Stores bytes; their id.
    pub fn put_opaque(&mut self, new: &NewObject, bytes: &[u8]) -> Result<u16, HsmError> {
        self.made(command::PUT_OPAQUE, &[&new.head(), bytes].concat())
    }

    /// An object, encrypted under a wrap key: nonce and ciphertext.
    pub fn export_wrapped(&mut self, wrap_key: u16, kind: ObjectType, id: u16) -> Result<Vec<u8>, HsmError> {
        let body = [&wrap_key.to_be_bytes()[..], &[kind.0], &id.to_be_bytes()].concat();
        Ok(self.command(command::EXPORT_WRAPPED, &body)?.to_vec())
    }

    /// The way back; kind and id.
    pub fn import_wrapped(&mut self, wrap_key: u16, wrapped: &[u8]) -> Result<(ObjectType, u16), HsmError> {
        let body = [&wrap_key.to_be_bytes()[..], wrapped].concat();
        self.read(command::IMPORT_WRAPPED, &body, |reply| match reply {
            [kind, high, low] => Some((ObjectType(*kind), u16::from_be_bytes([*high, *low]))),
            _ => None,
        })
    }

    /// Deletes an object.
    pub fn delete(&mut self, id: u16, kind: ObjectType) -> Result<(), HsmError> {
        let [high, low] = id.to_be_bytes();
        self.done(command::DELETE_OBJECT, &[high, low, kind.0])
    }

    /// Blinks.
    pub fn blink(&mut self, seconds: u8) -> Result<(), HsmError> {
        self.done(command::BLINK_DEVICE, &[seconds])
    }

    /// Deletes everything; the session ends with it, and the device starts anew.
    pub fn reset_device(&mut self) -> Result<(), HsmError> {
        self.done(command::RESET_DEVICE, &[])
    }

    fn made(&mut self, code: u8, body: &[u8]) -> Result<u16, HsmError> {
        self.read(code, body, |reply| reply.try_into().ok().map(u16::from_be_bytes))
    }

    fn done(&mut self, code: u8, body: &[u8]) -> Result<(), HsmError> {
        self.read(code, body, |reply| reply.is_empty().then_some(()))
    }
}
