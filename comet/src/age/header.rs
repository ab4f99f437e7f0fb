//! The lines before the content: to whom it is encrypted, and a MAC over that.

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::age::AgeError;

const VERSION: &str = "age-encryption.org/v1";
/// The longest header with one recipient of any known type is below this; ours has 147 bytes.
const MAX: usize = 16 * 1024;

/// A header with one passphrase.
pub(super) struct Header {
    pub(super) salt: [u8; 16],
    /// Base-2 logarithm.
    pub(super) work: u8,
    pub(super) wrapped: [u8; 32],
    mac: [u8; 32],
    /// What the MAC covers.
    covered: Vec<u8>,
}

/// The lines of a header. A file may end within it; binary content follows it.
struct Lines<'a>(&'a [u8]);

// === impl Header ===

impl Header {
    /// Reads a header; what follows it is the rest.
    pub(super) fn read(file: &[u8]) -> Result<(Self, &[u8]), AgeError> {
        let mut lines = Lines(file);
        match lines.next() {
            Ok(VERSION) => {}
            Ok(other) if other.starts_with("age-encryption.org/") => {
                return Err(AgeError::Header("only version 1 is known here"));
            }
            Err(_) if VERSION.as_bytes().starts_with(file) && !file.is_empty() => {
                return Err(AgeError::CutShort("it ends within the header"));
            }
            _ => return Err(AgeError::NotAge),
        }
        let stanza = lines.next()?.strip_prefix("-> ").ok_or(AgeError::Header("no recipient"))?;
        let words: Vec<&str> = stanza.split(' ').collect();
        let (salt, work) = match words.as_slice() {
            ["scrypt", salt, work] => (salt, work),
            ["scrypt", ..] => return Err(AgeError::Header("its scrypt line has not salt and work factor")),
            [kind, ..] => return Err(AgeError::Recipient(kind.chars().take(40).collect())),
            [] => return Err(AgeError::Header("no recipient")),
        };
        let salt = bytes(salt, "its salt is not 16 bytes in base64")?;
        let work = number(work).ok_or(AgeError::Header("its work factor is not a number"))?;
        let wrapped = bytes(lines.next()?, "its wrapped key is not 32 bytes in base64")?;
        let covered = file.len() - lines.0.len() + "---".len();
        let last = lines.next()?;
        if last.starts_with("-> ") {
            return Err(AgeError::Header("there are other recipients beside the passphrase"));
        }
        let mac = last.strip_prefix("--- ").ok_or(AgeError::Header("no MAC where it should be"))?;
        let mac = bytes(mac, "its MAC is not 32 bytes in base64")?;
        let covered = file[..covered].to_vec();
        Ok((Self { salt, work, wrapped, mac, covered }, lines.0))
    }

    /// Whether it is what was written by whoever knew the file key.
    pub(super) fn check(&self, file_key: &[u8]) -> Result<(), AgeError> {
        mac(file_key, &self.covered).verify_slice(&self.mac).map_err(|_| AgeError::Mac)
    }
}

/// A whole header.
pub(super) fn write(salt: &[u8; 16], work: u8, wrapped: &[u8], file_key: &[u8]) -> Vec<u8> {
    let [salt, wrapped] = [salt.as_slice(), wrapped].map(|bytes| BASE64_STANDARD_NO_PAD.encode(bytes));
    let covered = format!("{VERSION}\n-> scrypt {salt} {work}\n{wrapped}\n---");
    let mac = BASE64_STANDARD_NO_PAD.encode(mac(file_key, covered.as_bytes()).finalize().into_bytes());
    format!("{covered} {mac}\n").into_bytes()
}

fn mac(file_key: &[u8], covered: &[u8]) -> Hmac<Sha256> {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, file_key).expand(b"header", &mut *key).expect("32 bytes are a possible length");
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(covered);
    mac
}

fn bytes<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], AgeError> {
    let bytes = BASE64_STANDARD_NO_PAD.decode(text).map_err(|_| AgeError::Header(what))?;
    bytes.try_into().map_err(|_| AgeError::Header(what))
}

/// Decimal as age writes it: no sign, no leading zero. More than a byte can say is as much as a byte can say.
fn number(text: &str) -> Option<u8> {
    let good = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0') && !text.is_empty();
    good.then(|| text.parse().unwrap_or(u8::MAX))
}

// === impl Lines ===

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, AgeError> {
        let Some(end) = self.0.iter().take(MAX).position(|byte| *byte == b'\n') else {
            return Err(if self.0.len() < MAX {
                AgeError::CutShort("it ends within the header")
            } else {
                AgeError::Header("a line has no end")
            });
        };
        let (line, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        std::str::from_utf8(line).map_err(|_| AgeError::Header("not text"))
    }
}
