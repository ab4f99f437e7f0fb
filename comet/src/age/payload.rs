//! The content: chunks of 64 KiB, each sealed with its number and whether it is the last (STREAM), so that none can be left
//! out, repeated or cut off.

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, aead::Aead as _};
use zeroize::Zeroizing;

use crate::age::AgeError;

const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// The content of a whole payload.
pub(super) fn open(key: &[u8; 32], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    if sealed.len() < TAG {
        return Err(AgeError::CutShort("there is no content"));
    }
    let cipher = ChaCha20Poly1305::new(key.into());
    // Of the right size at once: growing would leave copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let mut chunks = (0..).zip(sealed.chunks(CHUNK + TAG)).peekable();
    while let Some((number, chunk)) = chunks.next() {
        let last = chunks.peek().is_none();
        let opened = match cipher.decrypt(&nonce(number, last), chunk) {
            Ok(opened) => Zeroizing::new(opened),
            Err(_) if last && cipher.decrypt(&nonce(number, false), chunk).is_ok() => {
                return Err(AgeError::CutShort("its last chunks are missing"));
            }
            Err(_) => return Err(AgeError::Damaged { chunk: number + 1 }),
        };
        if opened.is_empty() && number > 0 {
            return Err(AgeError::Damaged { chunk: number + 1 });
        }
        content.extend_from_slice(&opened);
    }
    Ok(content)
}

/// Appends the payload of this content.
pub(super) fn seal(key: &[u8; 32], content: &[u8], to: &mut Vec<u8>) {
    let cipher = ChaCha20Poly1305::new(key.into());
    // Nothing at all is one empty chunk.
    let chunks: Vec<&[u8]> = if content.is_empty() { vec![&[]] } else { content.chunks(CHUNK).collect() };
    let count = chunks.len();
    for (i, (number, chunk)) in (0..).zip(chunks).enumerate() {
        let sealed = cipher.encrypt(&nonce(number, i + 1 == count), chunk).expect("64 KiB can be sealed");
        to.extend_from_slice(&sealed);
    }
}

/// Eleven bytes of number, one that says whether it is the last.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}
