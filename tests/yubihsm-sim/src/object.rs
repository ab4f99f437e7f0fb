//! Objects: what lies in the device under a type and an id, and the bytes of it that travel inside a wrap.
//!
//! The inner form of a wrapped object is the device's own: keys with their public half, an Ed25519 scalar byte-reversed,
//! an HMAC key as its two padded blocks.

use crate::Capabilities;
use crate::session::LongKeys;
use crate::wire::Refusal;
use curve25519_dalek::Scalar;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::ExpandedSecretKey;
use k256::elliptic_curve::sec1::ToEncodedPoint;
use rand_core::{OsRng, RngCore};
use sha2::{Digest, Sha512};

/// Length of a label, bytes.
pub const LABEL: usize = 40;

/// Algorithms that this device does, by the number on the wire.
pub mod algorithm {
    #![allow(missing_docs)] // the names are the manufacturer's
    pub const EC_K256: u8 = 15;
    pub const HMAC_SHA1: u8 = 19;
    pub const HMAC_SHA256: u8 = 20;
    pub const HMAC_SHA384: u8 = 21;
    pub const HMAC_SHA512: u8 = 22;
    pub const AES128_CCM_WRAP: u8 = 29;
    pub const OPAQUE_DATA: u8 = 30;
    pub const OPAQUE_X509: u8 = 31;
    pub const AES128_YUBICO_AUTHENTICATION: u8 = 38;
    pub const AES192_CCM_WRAP: u8 = 41;
    pub const AES256_CCM_WRAP: u8 = 42;
    pub const ED25519: u8 = 46;
}

/// The type of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the manufacturer's
pub enum Kind {
    Opaque = 1,
    AuthenticationKey = 2,
    AsymmetricKey = 3,
    WrapKey = 4,
    HmacKey = 5,
}

impl Kind {
    /// By the number on the wire.
    pub fn from_u8(byte: u8) -> Option<Self> {
        [Self::Opaque, Self::AuthenticationKey, Self::AsymmetricKey, Self::WrapKey, Self::HmacKey]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// The capability that deletes it.
    pub fn deletion(self) -> Capabilities {
        match self {
            Self::Opaque => Capabilities::DELETE_OPAQUE,
            Self::AuthenticationKey => Capabilities::DELETE_AUTHENTICATION_KEY,
            Self::AsymmetricKey => Capabilities::DELETE_ASYMMETRIC_KEY,
            Self::WrapKey => Capabilities::DELETE_WRAP_KEY,
            Self::HmacKey => Capabilities::DELETE_HMAC_KEY,
        }
    }

    fn has_delegated(self) -> bool {
        matches!(self, Self::AuthenticationKey | Self::WrapKey)
    }
}

/// Origin bit: made in the device.
pub const GENERATED: u8 = 0x01;
/// Origin bit: put into the device.
pub const IMPORTED: u8 = 0x02;
/// Origin bit: came in a wrap, beside one of the others.
pub const WRAPPED: u8 = 0x10;

/// What an object holds.
#[derive(Clone)]
pub enum Payload {
    /// Bytes.
    Opaque(Vec<u8>),
    /// Two AES keys.
    Authentication(LongKeys),
    /// Scalar (little-endian) and prefix.
    Ed25519([u8; 64]),
    /// A scalar of secp256k1.
    Secp256k1(k256::SecretKey),
    /// An AES key of 16, 24 or 32 bytes.
    Wrap(Vec<u8>),
    /// The key, zero-padded to the hash's block.
    Hmac(Vec<u8>),
}

/// An object with its metadata.
#[derive(Clone)]
#[allow(missing_docs)] // the names are the manufacturer's
pub struct Object {
    pub id: u16,
    pub kind: Kind,
    pub algorithm: u8,
    pub label: [u8; LABEL],
    pub domains: u16,
    pub capabilities: Capabilities,
    pub delegated: Capabilities,
    pub origin: u8,
    pub sequence: u8,
    pub payload: Payload,
}

impl Object {
    /// What GET OBJECT INFO answers.
    pub fn info(&self) -> Vec<u8> {
        let mut bytes = self.header();
        bytes.extend(self.delegated.0.to_be_bytes());
        bytes
    }

    /// 58 bytes: everything but the delegated capabilities.
    fn header(&self) -> Vec<u8> {
        let length = u16::try_from(self.inner().len()).expect("objects are smaller than a message");
        let mut bytes = self.capabilities.0.to_be_bytes().to_vec();
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(self.domains.to_be_bytes());
        bytes.extend([self.kind as u8, self.algorithm, self.sequence, self.origin]);
        bytes.extend(self.label);
        bytes
    }

    /// The device's own form of the content; delegated capabilities first, where there are any.
    fn inner(&self) -> Vec<u8> {
        let mut bytes =
            if self.kind.has_delegated() { self.delegated.0.to_be_bytes().to_vec() } else { Vec::new() };
        match &self.payload {
            Payload::Opaque(data) | Payload::Wrap(data) => bytes.extend(data),
            Payload::Authentication(keys) => bytes.extend(keys.to_bytes()),
            Payload::Ed25519(expanded) => {
                bytes.extend(expanded[..32].iter().rev());
                bytes.extend(&expanded[32..]);
                bytes.extend(ed25519_public(expanded));
            }
            Payload::Secp256k1(key) => {
                bytes.extend(key.to_bytes());
                bytes.extend(secp256k1_public(key));
            }
            Payload::Hmac(block) => {
                bytes.extend(block.iter().map(|b| b ^ 0x36));
                bytes.extend(block.iter().map(|b| b ^ 0x5c));
            }
        }
        bytes
    }

    /// The plaintext of a wrap: the wrap key's algorithm, the header, the content.
    pub fn to_wrapped(&self, wrap_algorithm: u8) -> Vec<u8> {
        [vec![wrap_algorithm], self.header(), self.inner()].concat()
    }

    /// The inverse of [`Object::to_wrapped`]; the origin says that it came this way.
    pub fn from_wrapped(plaintext: &[u8], wrap_algorithm: u8) -> Result<Self, Refusal> {
        let mut fields = crate::wire::Fields::new(plaintext);
        if fields.u8()? != wrap_algorithm {
            return Err(Refusal::InvalidData);
        }
        let capabilities = Capabilities(fields.u64()?);
        let (id, length, domains) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let kind = Kind::from_u8(fields.u8()?).ok_or(Refusal::InvalidData)?;
        let (algorithm, sequence, origin) = (fields.u8()?, fields.u8()?, fields.u8()? | WRAPPED);
        let label = fields.array()?;
        let content = fields.rest();
        if usize::from(length) != content.len() {
            return Err(Refusal::WrongLength);
        }
        let mut content = crate::wire::Fields::new(content);
        let delegated = if kind.has_delegated() { Capabilities(content.u64()?) } else { Capabilities::NONE };
        let payload = Payload::from_inner(kind, algorithm, content.rest())?;
        Ok(Self { id, kind, algorithm, label, domains, capabilities, delegated, origin, sequence, payload })
    }
}

impl Payload {
    /// What a PUT command brings.
    pub fn put(kind: Kind, algorithm: u8, data: &[u8]) -> Result<Self, Refusal> {
        match (kind, algorithm) {
            (Kind::Opaque, algorithm::OPAQUE_DATA | algorithm::OPAQUE_X509) => {
                Ok(Self::Opaque(data.to_vec()))
            }
            (Kind::AuthenticationKey, algorithm::AES128_YUBICO_AUTHENTICATION) => {
                let both = data.try_into().map_err(|_| Refusal::WrongLength)?;
                Ok(Self::Authentication(LongKeys::from_bytes(both)))
            }
            (Kind::AsymmetricKey, algorithm::ED25519) => {
                let seed: [u8; 32] = data.try_into().map_err(|_| Refusal::WrongLength)?;
                // Clamped, not reduced: the device keeps the bytes.
                let mut bytes: [u8; 64] = Sha512::digest(seed).into();
                bytes[0] &= 248;
                bytes[31] = bytes[31] & 127 | 64;
                Ok(Self::Ed25519(bytes))
            }
            (Kind::AsymmetricKey, algorithm::EC_K256) => {
                let scalar: [u8; 32] = data.try_into().map_err(|_| Refusal::WrongLength)?;
                k256::SecretKey::from_bytes(&scalar.into())
                    .map(Self::Secp256k1)
                    .map_err(|_| Refusal::InvalidData)
            }
            (Kind::WrapKey, _) => {
                if data.len() != wrap_key_length(algorithm).ok_or(Refusal::InvalidData)? {
                    return Err(Refusal::WrongLength);
                }
                Ok(Self::Wrap(data.to_vec()))
            }
            (Kind::HmacKey, _) => {
                let mut block = vec![0; hmac_block(algorithm).ok_or(Refusal::InvalidData)?];
                block.get_mut(..data.len()).ok_or(Refusal::WrongLength)?.copy_from_slice(data);
                Ok(Self::Hmac(block))
            }
            _ => Err(Refusal::InvalidData),
        }
    }

    /// What a GENERATE command makes.
    pub fn generate(kind: Kind, algorithm: u8) -> Result<Self, Refusal> {
        let length = match (kind, algorithm) {
            (Kind::AsymmetricKey, algorithm::ED25519) => 32,
            (Kind::AsymmetricKey, algorithm::EC_K256) => {
                return Ok(Self::Secp256k1(k256::SecretKey::random(&mut OsRng)));
            }
            (Kind::WrapKey, _) => wrap_key_length(algorithm).ok_or(Refusal::InvalidData)?,
            (Kind::HmacKey, _) => hmac_block(algorithm).ok_or(Refusal::InvalidData)?,
            _ => return Err(Refusal::InvalidData),
        };
        let mut data = vec![0; length];
        OsRng.fill_bytes(&mut data);
        Self::put(kind, algorithm, &data)
    }

    fn from_inner(kind: Kind, algorithm: u8, data: &[u8]) -> Result<Self, Refusal> {
        match (kind, algorithm) {
            (Kind::AsymmetricKey, algorithm::ED25519) => {
                let mut expanded: [u8; 64] =
                    data.get(..64).and_then(|half| half.try_into().ok()).ok_or(Refusal::WrongLength)?;
                expanded[..32].reverse();
                // A blob whose public half is not its private half's would sign what nobody can verify.
                if data[64..] == ed25519_public(&expanded) {
                    Ok(Self::Ed25519(expanded))
                } else {
                    Err(Refusal::InvalidData)
                }
            }
            (Kind::AsymmetricKey, algorithm::EC_K256) => {
                let (scalar, public) = data.split_at_checked(32).ok_or(Refusal::WrongLength)?;
                match Self::put(kind, algorithm, scalar)? {
                    Self::Secp256k1(key) if secp256k1_public(&key) == public => Ok(Self::Secp256k1(key)),
                    _ => Err(Refusal::InvalidData),
                }
            }
            (Kind::HmacKey, _) => {
                let block = hmac_block(algorithm).ok_or(Refusal::InvalidData)?;
                if data.len() != 2 * block {
                    return Err(Refusal::WrongLength);
                }
                Ok(Self::Hmac(data[..block].iter().map(|b| b ^ 0x36).collect()))
            }
            _ => Self::put(kind, algorithm, data),
        }
    }

    /// The public half as GET PUBLIC KEY answers it, without the algorithm.
    pub fn public(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(expanded) => Some(ed25519_public(expanded).to_vec()),
            Self::Secp256k1(key) => Some(secp256k1_public(key)),
            _ => None,
        }
    }
}

/// The two halves as the library wants them. The scalar is taken as it is, not clamped: a recombined one is not.
pub(crate) fn expanded(bytes: &[u8; 64]) -> ExpandedSecretKey {
    let (mut scalar, mut hash_prefix) = ([0; 32], [0; 32]);
    scalar.copy_from_slice(&bytes[..32]);
    hash_prefix.copy_from_slice(&bytes[32..]);
    ExpandedSecretKey { scalar: Scalar::from_bytes_mod_order(scalar), hash_prefix }
}

pub(crate) fn ed25519_public(bytes: &[u8; 64]) -> [u8; 32] {
    VerifyingKey::from(&expanded(bytes)).to_bytes()
}

fn secp256k1_public(key: &k256::SecretKey) -> Vec<u8> {
    key.public_key().to_encoded_point(false).as_bytes()[1..].to_vec()
}

fn wrap_key_length(algorithm: u8) -> Option<usize> {
    match algorithm {
        algorithm::AES128_CCM_WRAP => Some(16),
        algorithm::AES192_CCM_WRAP => Some(24),
        algorithm::AES256_CCM_WRAP => Some(32),
        _ => None,
    }
}

fn hmac_block(algorithm: u8) -> Option<usize> {
    match algorithm {
        algorithm::HMAC_SHA1 | algorithm::HMAC_SHA256 => Some(64),
        algorithm::HMAC_SHA384 | algorithm::HMAC_SHA512 => Some(128),
        _ => None,
    }
}

/// A label as the wire wants it.
pub fn label(text: &str) -> [u8; LABEL] {
    let mut label = [0; LABEL];
    let length = text.len().min(LABEL);
    label[..length].copy_from_slice(&text.as_bytes()[..length]);
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    #[test]
    fn an_ed25519_scalar_from_a_seed_survives_the_inner_form() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let payload = Payload::put(Kind::AsymmetricKey, algorithm::ED25519, &[7; 32]).expect("a seed");
        assert_eq!(payload.public().expect("public"), key.verifying_key().to_bytes());
        let object = Object {
            id: 5,
            kind: Kind::AsymmetricKey,
            algorithm: algorithm::ED25519,
            label: label("x"),
            domains: 1,
            capabilities: Capabilities::SIGN_EDDSA,
            delegated: Capabilities::NONE,
            origin: IMPORTED,
            sequence: 0,
            payload,
        };
        let plaintext = object.to_wrapped(42);
        assert_eq!(plaintext.len(), 59 + 96);
        // SHA-512 of the seed, clamped, the first half reversed: the form that `yubihsm-wrap` writes.
        let mut hash: [u8; 64] = Sha512::digest([7; 32]).into();
        hash[0] &= 248;
        hash[31] = hash[31] & 127 | 64;
        hash[..32].reverse();
        assert_eq!(plaintext[59..59 + 64], hash);
        assert_eq!(plaintext[59 + 64..], key.verifying_key().to_bytes());
        let back = Object::from_wrapped(&plaintext, 42).expect("own form");
        assert_eq!(back.payload.public(), object.payload.public());
        assert_eq!(back.origin, IMPORTED | WRAPPED);
    }
}
