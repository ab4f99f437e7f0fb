//! The two AES keys that open a session, as they come out of a password.

use core::fmt;

use zeroize::Zeroizing;

/// Salt and rounds that every client of Yubico uses (python-yubihsm, `utils.py`).
const SALT: &[u8] = b"Yubico";
const ROUNDS: u32 = 10_000;

/// An authentication key: one AES-128 key for encryption, one for authentication.
#[derive(Clone)]
pub struct AuthKey(Zeroizing<[u8; 32]>);

// === impl AuthKey ===

impl AuthKey {
    /// PBKDF2-HMAC-SHA256 of a password, which takes some milliseconds.
    pub fn from_password(password: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, SALT, ROUNDS, &mut *key);
        Self(key)
    }

    /// The key for encryption and the key for authentication, one after the other, as `PUT AUTHENTICATION KEY` takes them.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    pub(crate) fn enc(&self) -> &[u8] {
        &self.0[..16]
    }

    pub(crate) fn mac(&self) -> &[u8] {
        &self.0[16..]
    }
}

impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key that every device leaves the factory with (python-yubihsm: `derive_keys("password")`).
    #[test]
    fn the_factory_password_gives_the_factory_key() {
        let key = AuthKey::from_password(b"password");
        assert_eq!(
            hex::encode(key.to_bytes()),
            "090b47dbed595654901dee1cc655e420592fd483f759e29909a04c4505d2ce0a"
        );
        assert_eq!(format!("{key:?}"), "AuthKey(..)");
    }
}
