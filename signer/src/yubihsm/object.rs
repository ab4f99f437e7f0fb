//! What is on a device: its own description, and the objects in it.
//!
//! Numbers that are not known are kept as numbers, because firmware grows and an unknown algorithm beside the validator's key
//! is no reason to stop signing.

use core::fmt;

use crate::yubihsm::capability::Capabilities;

/// Longest label in bytes.
pub const LABEL: usize = 40;

/// Kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectType(pub u8);

/// Algorithm of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm(pub u8);

/// Set of the 16 domains, bit 0 being domain 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domains(pub u16);

/// The device about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Firmware: major, minor, build.
    pub version: [u8; 3],
    /// Serial number.
    pub serial: u32,
    /// Entries that the audit log can hold.
    pub log_size: u8,
    /// Entries that nobody has freed yet.
    pub log_used: u8,
    /// What it can do.
    pub algorithms: Vec<Algorithm>,
}

/// Everything about an object but its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// What it may do.
    pub capabilities: Capabilities,
    /// Its id, unique among those of its type.
    pub id: u16,
    /// Its size in bytes.
    pub size: u16,
    /// Where it can be seen.
    pub domains: Domains,
    /// Its kind.
    pub kind: ObjectType,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// How many objects had this id before.
    pub sequence: u8,
    /// 1 generated on the device, 2 imported, 16 came in under a wrap key as well.
    pub origin: u8,
    /// Its label.
    pub label: String,
    /// What objects made or wrapped with it may do.
    pub delegated: Capabilities,
}

/// One line of a list of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Id.
    pub id: u16,
    /// Kind.
    pub kind: ObjectType,
    /// How many objects had this id before.
    pub sequence: u8,
}

/// A public key as the device gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Of the key pair.
    pub algorithm: Algorithm,
    /// 32 bytes of Ed25519, or both coordinates of a point.
    pub bytes: Vec<u8>,
}

// === impl ObjectType ===

impl ObjectType {
    /// Bytes.
    pub const OPAQUE: Self = Self(1);
    /// Opens sessions.
    pub const AUTHENTICATION_KEY: Self = Self(2);
    /// A key pair.
    pub const ASYMMETRIC_KEY: Self = Self(3);
    /// Encrypts other objects.
    pub const WRAP_KEY: Self = Self(4);

    const NAMES: [&str; 9] = [
        "opaque",
        "authentication-key",
        "asymmetric-key",
        "wrap-key",
        "hmac-key",
        "template",
        "otp-aead-key",
        "symmetric-key",
        "public-wrap-key",
    ];
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match usize::from(self.0).checked_sub(1).and_then(|at| Self::NAMES.get(at)) {
            Some(name) => f.write_str(name),
            None => write!(f, "type-{}", self.0),
        }
    }
}

// === impl Algorithm ===

impl Algorithm {
    /// ECDSA on secp256k1.
    pub const SECP256K1: Self = Self(15);
    /// Opaque bytes.
    pub const OPAQUE_DATA: Self = Self(30);
    /// AES-128 keys that open sessions.
    pub const AES128_AUTHENTICATION: Self = Self(38);
    /// Wrap key, AES-256-CCM.
    pub const AES256_CCM_WRAP: Self = Self(42);
    /// Ed25519.
    pub const ED25519: Self = Self(46);
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SECP256K1 => f.write_str("secp256k1"),
            Self::OPAQUE_DATA => f.write_str("opaque-data"),
            Self::AES128_AUTHENTICATION => f.write_str("aes128-yubico-authentication"),
            Self::AES256_CCM_WRAP => f.write_str("aes256-ccm-wrap"),
            Self::ED25519 => f.write_str("ed25519"),
            Self(other) => write!(f, "algorithm-{other}"),
        }
    }
}

// === impl Domains ===

impl Domains {
    /// All sixteen.
    pub const ALL: Self = Self(0xffff);

    /// One domain, 1 to 16.
    pub fn one(number: u8) -> Option<Self> {
        (1..=16).contains(&number).then(|| Self(1 << (number - 1)))
    }

    /// The numbers in it.
    pub fn numbers(self) -> impl Iterator<Item = u8> {
        (1..=16).filter(move |number| self.0 >> (number - 1) & 1 == 1)
    }
}

impl fmt::Display for Domains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.numbers().map(|number| number.to_string()).collect();
        f.write_str(&numbers.join(","))
    }
}

// === impl DeviceInfo ===

impl DeviceInfo {
    /// Reads the body of the reply to `DEVICE INFO`.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_first_chunk()?;
        let (serial, rest) = rest.split_first_chunk()?;
        let ([log_size, log_used], algorithms) = rest.split_first_chunk()?;
        Some(Self {
            version: *version,
            serial: u32::from_be_bytes(*serial),
            log_size: *log_size,
            log_used: *log_used,
            algorithms: algorithms.iter().copied().map(Algorithm).collect(),
        })
    }
}

// === impl ObjectInfo ===

impl ObjectInfo {
    /// Reads the body of the reply to `GET OBJECT INFO`.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (capabilities, rest) = body.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (domains, rest) = rest.split_first_chunk()?;
        let ([kind, algorithm, sequence, origin], rest) = rest.split_first_chunk()?;
        let (label, delegated) = rest.split_first_chunk::<LABEL>()?;
        let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(Self {
            capabilities: Capabilities(u64::from_be_bytes(*capabilities)),
            id: u16::from_be_bytes(*id),
            size: u16::from_be_bytes(*size),
            domains: Domains(u16::from_be_bytes(*domains)),
            kind: ObjectType(*kind),
            algorithm: Algorithm(*algorithm),
            sequence: *sequence,
            origin: *origin,
            label: String::from_utf8_lossy(label).into_owned(),
            delegated: Capabilities(u64::from_be_bytes(delegated.try_into().ok()?)),
        })
    }
}

impl Listed {
    /// Reads the body of the reply to `LIST OBJECTS`.
    pub fn parse(body: &[u8]) -> Option<Vec<Self>> {
        let (lines, rest) = body.as_chunks::<4>();
        let read = |[high, low, kind, sequence]: &[u8; 4]| Self {
            id: u16::from_be_bytes([*high, *low]),
            kind: ObjectType(*kind),
            sequence: *sequence,
        };
        rest.is_empty().then(|| lines.iter().map(read).collect())
    }
}

impl PublicKey {
    /// Reads the body of the reply to `GET PUBLIC KEY`.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (algorithm, bytes) = body.split_first()?;
        Some(Self { algorithm: Algorithm(*algorithm), bytes: bytes.to_vec() })
    }
}

/// A label as it goes over the wire; none where it is too long.
pub fn label(text: &str) -> Option<[u8; LABEL]> {
    let mut label = [0; LABEL];
    label.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    Some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_algorithms_of_tomorrow_is_read() {
        let info = DeviceInfo::parse(&[2, 4, 0, 0, 0x12, 0xd6, 0x87, 62, 3, 46, 200]).expect("good");
        assert_eq!((info.serial, info.log_size, info.log_used), (1_234_567, 62, 3));
        assert_eq!(info.algorithms, [Algorithm::ED25519, Algorithm(200)]);
        assert_eq!(Algorithm(200).to_string(), "algorithm-200");
        assert_eq!(DeviceInfo::parse(&[2, 4, 0, 0]), None);
    }

    #[test]
    fn an_object_is_read_whole_or_not_at_all() {
        let mut body = vec![0, 0, 0, 0, 1, 1, 1, 0, 0, 100, 0, 32, 0, 1, 3, 46, 0, 1];
        body.extend_from_slice(&label("akash").expect("short"));
        body.extend_from_slice(&[0; 8]);
        let info = ObjectInfo::parse(&body).expect("good");
        assert_eq!((info.id, info.label.as_str(), info.domains.to_string()), (100, "akash", "1".into()));
        assert_eq!(info.capabilities.to_string(), "sign-eddsa, exportable-under-wrap, get-log-entries");
        assert_eq!((info.kind, info.algorithm), (ObjectType::ASYMMETRIC_KEY, Algorithm::ED25519));
        for cut in 0..body.len() {
            assert_eq!(ObjectInfo::parse(&body[..cut]), None, "{cut}");
        }
        assert_eq!(label(&"x".repeat(41)), None);
    }

    #[test]
    fn lists_and_domains_are_read() {
        assert_eq!(Listed::parse(&[0, 1, 2, 0, 0, 100, 3, 7]).map(|list| list.len()), Some(2));
        assert_eq!(Listed::parse(&[0, 1, 2]), None);
        assert_eq!(Domains(0x8001).to_string(), "1,16");
        assert_eq!(Domains::one(16), Some(Domains(0x8000)));
        assert_eq!([Domains::one(0), Domains::one(17)], [None, None]);
    }
}
