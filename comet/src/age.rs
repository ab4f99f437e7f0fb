//! Files encrypted to a passphrase, in age's format, version 1 (age-encryption.org/v1; C2SP `age.md`).
//!
//! ```text
//! age-encryption.org/v1
//! -> scrypt <salt> <log2 of the work>
//! <the file key, wrapped in what scrypt makes of the passphrase>
//! --- <HMAC of the lines above>
//! <16 bytes of nonce, then the content in sealed chunks>
//! ```
//!
//! Also in its armour. Only passphrases: a key file that needs another file to be read (X25519, plugins) would have that one in
//! the clear beside it. The `age` crate is not used, because it brings more crates than the signer has.

mod armor;
mod header;
mod payload;

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, aead::Aead as _};
use hkdf::Hkdf;
use rand_core::CryptoRngCore;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use self::header::Header;

/// The work that `age -p` chooses: 256 MiB and about a second.
pub const USUAL_WORK: u8 = 18;
/// The most that is done for a file: 1 GiB and about four seconds. Otherwise a file could keep a process busy for years.
pub const MOST_WORK: u8 = 20;

/// Why an encrypted file cannot be read, or made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AgeError {
    /// Another format.
    #[error("not a file that age encrypted")]
    NotAge,
    /// The armour is damaged.
    #[error("age's armour is damaged or cut short")]
    Armor,
    /// The header is not what version 1 says.
    #[error("age header: {0}")]
    Header(&'static str),
    /// Encrypted to a key, a plugin or anything else.
    #[error("it is encrypted to a recipient of type {0}, not to a passphrase")]
    Recipient(String),
    /// Too much work.
    #[error("its scrypt work factor is 2^{0}, at most 2^{MOST_WORK} is done")]
    Work(u8),
    /// No passphrase.
    #[error("the passphrase is empty")]
    NoPassphrase,
    /// Another passphrase.
    #[error("the passphrase is wrong")]
    Passphrase,
    /// The passphrase is right, the header has been changed.
    #[error("age header: its MAC is wrong, so it was changed after encryption")]
    Mac,
    /// Not all of it is there.
    #[error("the file is cut short: {0}")]
    CutShort(&'static str),
    /// Something else than what was encrypted.
    #[error("the content is damaged or cut short within chunk {chunk}")]
    Damaged {
        /// From 1.
        chunk: u64,
    },
}

/// Whether this is, or wants to be, a file of age.
pub fn is_age(file: &[u8]) -> bool {
    file.starts_with(b"age-encryption.org/") || armor::is_armored(file)
}

/// What is in a file, armoured or not. It takes the memory and time that the file asks for, up to [`MOST_WORK`].
pub fn decrypt(file: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let bare;
    let file = if armor::is_armored(file) {
        bare = armor::open(file).ok_or(AgeError::Armor)?;
        &bare
    } else {
        file
    };
    let (header, body) = Header::read(file)?;
    if header.work > MOST_WORK {
        return Err(AgeError::Work(header.work));
    }
    let wrapping = stretched(passphrase, &header.salt, header.work)?;
    let file_key = ChaCha20Poly1305::new((&*wrapping).into())
        .decrypt(&[0; 12].into(), header.wrapped.as_slice())
        .map_err(|_| AgeError::Passphrase)?;
    let file_key = Zeroizing::new(file_key);
    header.check(&file_key)?;
    let (nonce, sealed) = body.split_first_chunk().ok_or(AgeError::CutShort("it ends within the nonce"))?;
    payload::open(&payload_key(&file_key, nonce), sealed)
}

/// Encrypts to a passphrase, with 2^`work` of work for whoever tries to guess it.
pub fn encrypt(
    content: &[u8],
    passphrase: &[u8],
    work: u8,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>, AgeError> {
    let mut file_key = Zeroizing::new([0; 16]);
    let (mut salt, mut nonce) = ([0; 16], [0; 16]);
    rng.fill_bytes(&mut *file_key);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut nonce);
    let wrapping = stretched(passphrase, &salt, work)?;
    let wrapped = ChaCha20Poly1305::new((&*wrapping).into())
        .encrypt(&[0; 12].into(), file_key.as_slice())
        .expect("16 bytes can be sealed");
    let mut file = header::write(&salt, work, &wrapped, &*file_key);
    file.extend_from_slice(&nonce);
    payload::seal(&payload_key(&*file_key, &nonce), content, &mut file);
    Ok(file)
}

/// What a passphrase and a salt become.
fn stretched(passphrase: &[u8], salt: &[u8; 16], work: u8) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    if passphrase.is_empty() {
        return Err(AgeError::NoPassphrase);
    }
    let params = scrypt::Params::new(work, 8, 1, 32).map_err(|_| AgeError::Work(work))?;
    let salt = [b"age-encryption.org/v1/scrypt".as_slice(), salt].concat();
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, &salt, &params, &mut *key).expect("32 bytes are a possible length");
    Ok(key)
}

fn payload_key(file_key: &[u8], nonce: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(nonce), file_key)
        .expand(b"payload", &mut *key)
        .expect("32 bytes are a possible length");
    key
}

#[cfg(test)]
mod tests;
