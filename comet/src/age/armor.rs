//! age's armour: strict PEM, for files that pass through text.

use base64::prelude::{BASE64_STANDARD, Engine as _};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

pub(super) fn is_armored(file: &[u8]) -> bool {
    file.trim_ascii_start().starts_with(BEGIN.as_bytes())
}

/// The file in it; `None` unless every line is full but the last, and nothing stands around it but white space.
pub(super) fn open(file: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(file).ok()?.trim();
    let lines: Vec<&str> = text.strip_prefix(BEGIN)?.strip_suffix(END)?.trim().lines().collect();
    let (last, full) = lines.split_last()?;
    if full.iter().any(|line| line.len() != 64) || last.len() > 64 {
        return None;
    }
    BASE64_STANDARD.decode(lines.concat()).ok()
}
