//! Commands inside a session: which capability each needs, and what it does to the device.
//!
//! The order of checks is the device's: length, the session's capability, the object within the session's domains, the
//! object's own capability.

mod keys;
mod log;
mod objects;
mod sign;
mod wrap;

use crate::Capabilities;
use crate::device::Device;
use crate::object::{Kind, Object};
use crate::session::Identity;
use crate::wire::{Fields, Refusal, code};

/// Stands for no object in a log entry.
pub(crate) const NOBODY: u16 = 0xffff;

/// What a command came to, and what it was about.
pub(crate) struct Done {
    pub(crate) answer: Result<Vec<u8>, Refusal>,
    pub(crate) target: u16,
    pub(crate) second: u16,
}

/// One command on its way.
pub(crate) struct Call<'a> {
    pub(crate) who: &'a Identity,
    pub(crate) code: u8,
    pub(crate) fields: Fields<'a>,
    pub(crate) target: u16,
    pub(crate) second: u16,
}

impl Call<'_> {
    /// The session's key must have the capability.
    pub(crate) fn needs(&self, capability: Capabilities) -> Result<(), Refusal> {
        allow(self.who.capabilities.contain(capability))
    }

    /// The object id that comes next becomes the target in the log.
    pub(crate) fn id(&mut self) -> Result<u16, Refusal> {
        self.target = self.fields.u16()?;
        Ok(self.target)
    }
}

/// `InsufficientPermissions` unless.
pub(crate) fn allow(allowed: bool) -> Result<(), Refusal> {
    if allowed { Ok(()) } else { Err(Refusal::InsufficientPermissions) }
}

impl Device {
    /// Runs one command.
    pub(crate) fn run(&mut self, who: &Identity, code: u8, data: &[u8]) -> Done {
        let mut call = Call { who, code, fields: Fields::new(data), target: NOBODY, second: NOBODY };
        let answer = self.dispatch(&mut call);
        Done { answer, target: call.target, second: call.second }
    }

    fn dispatch(&mut self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        match call.code {
            code::ECHO => Ok(call.fields.rest().to_vec()),
            code::DEVICE_INFO => self.device_info(call.fields.rest()),
            code::CLOSE_SESSION => call.fields.end().map(|()| Vec::new()),
            code::RESET_DEVICE => {
                call.fields.end()?;
                call.needs(Capabilities::RESET_DEVICE)?;
                Ok(Vec::new())
            }
            code::BLINK_DEVICE => call.fields.u8().map(|_| Vec::new()),
            code::GET_STORAGE_INFO => self.storage_info(call),
            code::GET_PSEUDO_RANDOM => self.pseudo_random(call),
            code::LIST_OBJECTS => self.list_objects(call),
            code::GET_OBJECT_INFO => self.object_info(call),
            code::DELETE_OBJECT => self.delete_object(call),
            code::PUT_OPAQUE => self.put(call, Kind::Opaque, Capabilities::PUT_OPAQUE),
            code::GET_OPAQUE => self.get_opaque(call),
            code::PUT_AUTHENTICATION_KEY => {
                self.put(call, Kind::AuthenticationKey, Capabilities::PUT_AUTHENTICATION_KEY)
            }
            code::CHANGE_AUTHENTICATION_KEY => self.change_authentication_key(call),
            code::PUT_ASYMMETRIC_KEY => self.put(call, Kind::AsymmetricKey, Capabilities::PUT_ASYMMETRIC_KEY),
            code::PUT_WRAP_KEY => self.put(call, Kind::WrapKey, Capabilities::PUT_WRAP_KEY),
            code::PUT_HMAC_KEY => self.put(call, Kind::HmacKey, Capabilities::PUT_HMAC_KEY),
            code::GENERATE_ASYMMETRIC_KEY => {
                self.generate(call, Kind::AsymmetricKey, Capabilities::GENERATE_ASYMMETRIC_KEY)
            }
            code::GENERATE_WRAP_KEY => self.generate(call, Kind::WrapKey, Capabilities::GENERATE_WRAP_KEY),
            code::GENERATE_HMAC_KEY => self.generate(call, Kind::HmacKey, Capabilities::GENERATE_HMAC_KEY),
            code::GET_PUBLIC_KEY => self.get_public_key(call),
            code::SIGN_EDDSA => self.sign_eddsa(call),
            code::SIGN_ECDSA => self.sign_ecdsa(call),
            code::SIGN_HMAC => self.sign_hmac(call),
            code::VERIFY_HMAC => self.verify_hmac(call),
            code::EXPORT_WRAPPED => self.export_wrapped(call),
            code::IMPORT_WRAPPED => self.import_wrapped(call),
            code::WRAP_DATA => self.wrap_data(call),
            code::UNWRAP_DATA => self.unwrap_data(call),
            code::GET_LOG_ENTRIES => self.get_log_entries(call),
            code::SET_LOG_INDEX => self.set_log_index(call),
            code::GET_OPTION => self.get_option(call),
            code::SET_OPTION => self.set_option(call),
            // Attestation (SIGN_ATTESTATION_CERTIFICATE) needs the vendor's certificate and RSA, which are not here.
            _ => Err(Refusal::InvalidCommand),
        }
    }

    /// An object that shares a domain with the session; every other one does not exist.
    pub(crate) fn visible(&self, who: &Identity, kind: Kind, id: u16) -> Result<&Object, Refusal> {
        self.objects
            .get(&(kind, id))
            .filter(|object| object.domains & who.domains != 0)
            .ok_or(Refusal::ObjectNotFound)
    }
}
