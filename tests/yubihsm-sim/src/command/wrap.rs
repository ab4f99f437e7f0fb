//! Wrap keys: objects and data under AES-CCM, a nonce of 13 bytes in front, a tag of 16 behind.
//!
//! An object leaves only when it is exportable and when the wrap key may give all that the object can do; it comes back
//! under the same rule. Exporting with the seed (format 1 of firmware 2.4) is refused: its bytes are not documented.

use super::{Call, allow};
use crate::Capabilities;
use crate::device::{Device, random};
use crate::object::{Kind, Object, Payload};
use crate::wire::Refusal;
use aes::{Aes128, Aes192, Aes256};
use ccm::Ccm;
use ccm::aead::{Aead, KeyInit};
use ccm::consts::{U13, U16};

const NONCE: usize = 13;

impl Device {
    pub(super) fn export_wrapped(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let wrap_id = call.id()?;
        let kind = Kind::from_u8(call.fields.u8()?).ok_or(Refusal::InvalidData)?;
        call.second = call.fields.u16()?;
        match call.fields.rest() {
            [] | [0] => {}
            [_] => return Err(Refusal::InvalidData),
            _ => return Err(Refusal::WrongLength),
        }
        call.needs(Capabilities::EXPORT_WRAPPED)?;
        let wrap = self.visible(call.who, Kind::WrapKey, wrap_id)?;
        allow(wrap.capabilities.contain(Capabilities::EXPORT_WRAPPED))?;
        let object = self.visible(call.who, kind, call.second)?;
        allow(object.capabilities.contain(Capabilities::EXPORTABLE_UNDER_WRAP))?;
        may_carry(wrap, object)?;
        seal(wrap, &object.to_wrapped(wrap.algorithm))
    }

    pub(super) fn import_wrapped(&mut self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let wrap_id = call.id()?;
        call.needs(Capabilities::IMPORT_WRAPPED)?;
        let wrap = self.visible(call.who, Kind::WrapKey, wrap_id)?;
        allow(wrap.capabilities.contain(Capabilities::IMPORT_WRAPPED))?;
        let object = Object::from_wrapped(&open(wrap, call.fields.rest())?, wrap.algorithm)?;
        may_carry(wrap, &object)?;
        allow(object.domains & !call.who.domains == 0)?;
        call.second = object.id;
        let kind = object.kind;
        let id = self.insert(object)?;
        let [high, low] = id.to_be_bytes();
        Ok(vec![kind as u8, high, low])
    }

    pub(super) fn wrap_data(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let wrap = self.data_key(call, Capabilities::WRAP_DATA)?;
        seal(wrap, call.fields.rest())
    }

    pub(super) fn unwrap_data(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let wrap = self.data_key(call, Capabilities::UNWRAP_DATA)?;
        open(wrap, call.fields.rest())
    }

    fn data_key(&self, call: &mut Call<'_>, needed: Capabilities) -> Result<&Object, Refusal> {
        let id = call.id()?;
        call.needs(needed)?;
        let wrap = self.visible(call.who, Kind::WrapKey, id)?;
        if !wrap.capabilities.contain(needed) {
            // Before firmware 2.5 the device calls this a matter of data, not of permission.
            let early = self.config.firmware < (2, 5, 0);
            return Err(if early { Refusal::InvalidData } else { Refusal::InsufficientPermissions });
        }
        Ok(wrap)
    }
}

/// The wrap key must be allowed to hand on everything the object can do, and to meet it in a domain.
fn may_carry(wrap: &Object, object: &Object) -> Result<(), Refusal> {
    allow(wrap.delegated.contain(object.capabilities) && wrap.delegated.contain(object.delegated))?;
    allow(wrap.domains & object.domains != 0)
}

fn seal(wrap: &Object, plaintext: &[u8]) -> Result<Vec<u8>, Refusal> {
    let nonce = random::<NONCE>();
    let sealed = crypt(wrap, &nonce, plaintext, true)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(wrap: &Object, message: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (nonce, ciphertext) = message.split_first_chunk::<NONCE>().ok_or(Refusal::WrongLength)?;
    crypt(wrap, nonce, ciphertext, false)
}

fn crypt(wrap: &Object, nonce: &[u8; NONCE], data: &[u8], seal: bool) -> Result<Vec<u8>, Refusal> {
    let Payload::Wrap(key) = &wrap.payload else {
        return Err(Refusal::InvalidData);
    };
    macro_rules! crypt {
        ($aes:ty) => {{
            let ccm = Ccm::<$aes, U16, U13>::new_from_slice(key).map_err(|_| Refusal::InvalidData)?;
            let done = if seal { ccm.encrypt(nonce.into(), data) } else { ccm.decrypt(nonce.into(), data) };
            done.map_err(|_| Refusal::InvalidData)
        }};
    }
    match key.len() {
        16 => crypt!(Aes128),
        24 => crypt!(Aes192),
        _ => crypt!(Aes256),
    }
}
