//! Capabilities: what an object may do, or what may be done with it. One bit each, eight bytes on the wire.

use core::{fmt, ops};

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u64);

/// Names in the order of the bits, as Yubico's tools write them (python-yubihsm, `defs.py`).
const NAMES: [&str; 56] = [
    "get-opaque",
    "put-opaque",
    "put-authentication-key",
    "put-asymmetric-key",
    "generate-asymmetric-key",
    "sign-pkcs",
    "sign-pss",
    "sign-ecdsa",
    "sign-eddsa",
    "decrypt-pkcs",
    "decrypt-oaep",
    "derive-ecdh",
    "export-wrapped",
    "import-wrapped",
    "put-wrap-key",
    "generate-wrap-key",
    "exportable-under-wrap",
    "set-option",
    "get-option",
    "get-pseudo-random",
    "put-mac-key",
    "generate-hmac-key",
    "sign-hmac",
    "verify-hmac",
    "get-log-entries",
    "sign-ssh-certificate",
    "get-template",
    "put-template",
    "reset-device",
    "decrypt-otp",
    "create-otp-aead",
    "randomize-otp-aead",
    "rewrap-from-otp-aead-key",
    "rewrap-to-otp-aead-key",
    "sign-attestation-certificate",
    "put-otp-aead-key",
    "generate-otp-aead-key",
    "wrap-data",
    "unwrap-data",
    "delete-opaque",
    "delete-authentication-key",
    "delete-asymmetric-key",
    "delete-wrap-key",
    "delete-hmac-key",
    "delete-template",
    "delete-otp-aead-key",
    "change-authentication-key",
    "put-symmetric-key",
    "generate-symmetric-key",
    "delete-symmetric-key",
    "decrypt-ecb",
    "encrypt-ecb",
    "decrypt-cbc",
    "encrypt-cbc",
    "put-public-wrap-key",
    "delete-public-wrap-key",
];

// === impl Capabilities ===

impl Capabilities {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Sign a hash with ECDSA.
    pub const SIGN_ECDSA: Self = Self(1 << 0x07);
    /// Sign with Ed25519.
    pub const SIGN_EDDSA: Self = Self(1 << 0x08);
    /// Export other objects under a wrap key.
    pub const EXPORT_WRAPPED: Self = Self(1 << 0x0c);
    /// May be exported under a wrap key.
    pub const EXPORTABLE_UNDER_WRAP: Self = Self(1 << 0x10);
    /// Read and free the audit log.
    pub const GET_LOG_ENTRIES: Self = Self(1 << 0x18);

    /// The capability, or the set of capabilities, of these names.
    pub fn of(names: &[&str]) -> Option<Self> {
        names.iter().try_fold(Self::NONE, |set, name| {
            let bit = NAMES.iter().position(|known| known == name)?;
            Some(set | Self(1 << bit))
        })
    }

    /// All that have a name.
    pub fn all() -> Self {
        Self((1 << NAMES.len()) - 1)
    }

    /// Whether all of `other` are in it.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that are not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Names of those in it, unknown ones as `bit-N`.
    pub fn names(self) -> Vec<String> {
        (0..64)
            .filter(|bit| self.0 >> bit & 1 == 1)
            .map(|bit| NAMES.get(bit).map_or_else(|| format!("bit-{bit}"), ToString::to_string))
            .collect()
    }
}

impl ops::BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("none"),
            _ => f.write_str(&self.names().join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_are_one() {
        let signer = Capabilities::of(&["sign-eddsa", "get-log-entries"]).expect("known");
        assert_eq!(signer, Capabilities::SIGN_EDDSA | Capabilities::GET_LOG_ENTRIES);
        assert_eq!(signer.to_string(), "sign-eddsa, get-log-entries");
        assert_eq!(Capabilities::of(&["exportable-under-wrap"]), Some(Capabilities::EXPORTABLE_UNDER_WRAP));
        assert_eq!(Capabilities::of(&["export-wrapped"]), Some(Capabilities::EXPORT_WRAPPED));
        assert_eq!(Capabilities::of(&["sign-ecdsa"]), Some(Capabilities::SIGN_ECDSA));
        assert_eq!(Capabilities::of(&["fly"]), None);
        assert_eq!(Capabilities(1 << 63).to_string(), "bit-63");
        assert_eq!(Capabilities::all().without(Capabilities::all()).to_string(), "none");
    }
}
