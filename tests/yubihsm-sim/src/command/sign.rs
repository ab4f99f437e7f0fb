//! Signing and the public halves. Ed25519 is as RFC 8032 has it; ECDSA gives high and low `s` alike, as the device does.

use super::{Call, allow};
use crate::Capabilities;
use crate::device::Device;
use crate::object::{self, Kind, Payload, algorithm};
use crate::wire::Refusal;
use ed25519_dalek::VerifyingKey;
use hmac::{Hmac, Mac};
use k256::ecdsa::signature::hazmat::PrehashSigner;

impl Device {
    pub(super) fn get_public_key(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let id = call.id()?;
        call.fields.end()?;
        let object = self.visible(call.who, Kind::AsymmetricKey, id)?;
        let public = object.payload.public().ok_or(Refusal::InvalidData)?;
        Ok([vec![object.algorithm], public].concat())
    }

    fn key_for(
        &self,
        call: &mut Call<'_>,
        kind: Kind,
        needed: Capabilities,
    ) -> Result<&object::Object, Refusal> {
        let id = call.id()?;
        call.needs(needed)?;
        let object = self.visible(call.who, kind, id)?;
        allow(object.capabilities.contain(needed))?;
        Ok(object)
    }

    pub(super) fn sign_eddsa(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let object = self.key_for(call, Kind::AsymmetricKey, Capabilities::SIGN_EDDSA)?;
        let Payload::Ed25519(bytes) = &object.payload else {
            return Err(Refusal::InvalidData);
        };
        let expanded = object::expanded(bytes);
        let public = VerifyingKey::from(&expanded);
        let signature =
            ed25519_dalek::hazmat::raw_sign::<sha2::Sha512>(&expanded, call.fields.rest(), &public);
        Ok(signature.to_bytes().to_vec())
    }

    pub(super) fn sign_ecdsa(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let object = self.key_for(call, Kind::AsymmetricKey, Capabilities::SIGN_ECDSA)?;
        let Payload::Secp256k1(key) = &object.payload else {
            return Err(Refusal::InvalidData);
        };
        let digest = call.fields.rest();
        if !matches!(digest.len(), 20 | 32 | 48 | 64) {
            return Err(Refusal::WrongLength);
        }
        let low: k256::ecdsa::Signature =
            k256::ecdsa::SigningKey::from(key).sign_prehash(digest).map_err(|_| Refusal::InvalidData)?;
        let (r, s) = low.split_scalars();
        let either = if digest[0] & 1 == 1 {
            k256::ecdsa::Signature::from_scalars(r, -s).map_err(|_| Refusal::InvalidData)?
        } else {
            low
        };
        Ok(either.to_der().as_bytes().to_vec())
    }

    pub(super) fn sign_hmac(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let object = self.key_for(call, Kind::HmacKey, Capabilities::SIGN_HMAC)?;
        tag(object, call.fields.rest())
    }

    pub(super) fn verify_hmac(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let object = self.key_for(call, Kind::HmacKey, Capabilities::VERIFY_HMAC)?;
        let rest = call.fields.rest();
        let length = tag(object, &[])?.len();
        let (claimed, data) = rest.split_at_checked(length).ok_or(Refusal::WrongLength)?;
        Ok(vec![u8::from(tag(object, data)? == claimed)])
    }
}

fn tag(object: &object::Object, data: &[u8]) -> Result<Vec<u8>, Refusal> {
    let Payload::Hmac(key) = &object.payload else {
        return Err(Refusal::InvalidData);
    };
    macro_rules! tag {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(key).map_err(|_| Refusal::InvalidData)?;
            mac.update(data);
            Ok(mac.finalize().into_bytes().to_vec())
        }};
    }
    match object.algorithm {
        algorithm::HMAC_SHA1 => tag!(sha1::Sha1),
        algorithm::HMAC_SHA256 => tag!(sha2::Sha256),
        algorithm::HMAC_SHA384 => tag!(sha2::Sha384),
        algorithm::HMAC_SHA512 => tag!(sha2::Sha512),
        _ => Err(Refusal::InvalidData),
    }
}
