//! Capabilities: what an authentication key may do, and what may be done with an object. Bit numbers as on the wire.

/// A set of capabilities, 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);
    /// All that the newest firmware knows (bits 0 to 0x37).
    pub const ALL: Self = Self((1 << 0x38) - 1);

    /// Whether every bit of `other` is also here.
    pub const fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one bit or more of `other` is here.
    pub const fn share(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

macro_rules! capabilities {
    ($($name:ident = $bit:literal,)*) => {
        #[allow(missing_docs)] // the names are the manufacturer's
        impl Capabilities {
            $(pub const $name: Self = Self(1 << $bit);)*
        }
    };
}

capabilities! {
    GET_OPAQUE = 0x00,
    PUT_OPAQUE = 0x01,
    PUT_AUTHENTICATION_KEY = 0x02,
    PUT_ASYMMETRIC_KEY = 0x03,
    GENERATE_ASYMMETRIC_KEY = 0x04,
    SIGN_ECDSA = 0x07,
    SIGN_EDDSA = 0x08,
    EXPORT_WRAPPED = 0x0c,
    IMPORT_WRAPPED = 0x0d,
    PUT_WRAP_KEY = 0x0e,
    GENERATE_WRAP_KEY = 0x0f,
    EXPORTABLE_UNDER_WRAP = 0x10,
    SET_OPTION = 0x11,
    GET_OPTION = 0x12,
    GET_PSEUDO_RANDOM = 0x13,
    PUT_HMAC_KEY = 0x14,
    GENERATE_HMAC_KEY = 0x15,
    SIGN_HMAC = 0x16,
    VERIFY_HMAC = 0x17,
    GET_LOG_ENTRIES = 0x18,
    RESET_DEVICE = 0x1c,
    SIGN_ATTESTATION_CERTIFICATE = 0x22,
    WRAP_DATA = 0x25,
    UNWRAP_DATA = 0x26,
    DELETE_OPAQUE = 0x27,
    DELETE_AUTHENTICATION_KEY = 0x28,
    DELETE_ASYMMETRIC_KEY = 0x29,
    DELETE_WRAP_KEY = 0x2a,
    DELETE_HMAC_KEY = 0x2b,
    CHANGE_AUTHENTICATION_KEY = 0x2e,
}
