//! Consensus keys as other signers store them.
//!
//! tmkms stores base64 and lets the decoded length decide: 32 bytes are a seed, 64 an expanded secret, 96 the export form of
//! a YubiHSM. The trap: 64 bytes can also be the `seed || public key` of CometBFT, which tmkms takes for an expanded secret
//! and so signs with another key, without a word. Here the second half decides: if it is the first half's public key, it is a
//! seed. In any case the person sees the resulting public key before anything is signed with it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use comet::{
    consensus::SecretKey,
    key::{KeyError, PrivateKey},
    key_file::{self, KeyFileError},
};
use thiserror::Error;
use zeroize::Zeroizing;

/// In which form a key came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `priv_validator_key.json`, or our own file for expanded keys.
    Json,
    /// 32 bytes.
    Seed,
    /// 64 bytes, seed and public key.
    SeedAndPublic,
    /// 64 bytes, scalar and prefix.
    Expanded,
    /// 96 bytes, scalar in reverse, prefix, public key.
    YubiHsm,
}

/// Why a file holds no key.
#[derive(Debug, Error)]
pub enum ImportKeyError {
    /// JSON, but not a good key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Neither JSON nor base64.
    #[error("it is neither a priv_validator_key.json nor base64")]
    Base64,
    /// No form has this length.
    #[error(
        "its base64 holds {0} bytes; keys have 32 (seed), 64 (expanded, or seed and public key) or 96 (YubiHSM)"
    )]
    Length(usize),
    /// A YubiHSM form whose public key is not its scalar's.
    #[error("public key at its end does not belong to the scalar at its front")]
    Stranger(#[source] KeyError),
}

/// Reads a key in any of the forms.
pub fn read(text: &str) -> Result<(SecretKey, Form), ImportKeyError> {
    let text = text.trim();
    if text.starts_with('{') {
        return Ok((key_file::read_priv_validator_key(text)?, Form::Json));
    }
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).map_err(|_| ImportKeyError::Base64)?);
    let (key, form) = ed25519(&bytes)?;
    Ok((key.into(), form))
}

fn ed25519(bytes: &[u8]) -> Result<(PrivateKey, Form), ImportKeyError> {
    match bytes.len() {
        32 => Ok((PrivateKey::from_seed(&exactly(bytes)), Form::Seed)),
        64 => match PrivateKey::from_seed_and_public(bytes) {
            Ok(key) => Ok((key, Form::SeedAndPublic)),
            Err(_) => Ok((PrivateKey::from_expanded(&exactly(bytes)), Form::Expanded)),
        },
        96 => {
            let mut expanded: Zeroizing<[u8; 64]> = exactly(&bytes[..64]);
            expanded[..32].reverse();
            let key = PrivateKey::from_expanded(&expanded);
            if key.public().as_bytes()[..] == bytes[64..] {
                return Ok((key, Form::YubiHsm));
            }
            let (stored, derived) = (hex::encode(&bytes[64..]), key.public().to_string());
            Err(ImportKeyError::Stranger(KeyError::Mismatch { stored, derived }))
        }
        other => Err(ImportKeyError::Length(other)),
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Zeroizing<[u8; N]> {
    Zeroizing::new(std::array::from_fn(|i| bytes[i]))
}

// === impl Form ===

impl Form {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Json => "priv_validator_key.json",
            Self::Seed => "base64 of a 32-byte seed (tmkms softsign)",
            Self::SeedAndPublic => {
                "base64 of seed and public key (tmkms would take it for an expanded key and sign with another public key)"
            }
            Self::Expanded => {
                "base64 of a 64-byte expanded key (tmkms softsign); it has no seed and cannot be moved to a node"
            }
            Self::YubiHsm => {
                "base64 of a 96-byte YubiHSM export (tmkms); it has no seed and cannot be moved to a node"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [0x42; 32];

    fn base64(bytes: &[u8]) -> String {
        BASE64_STANDARD.encode(bytes) + "\n"
    }

    #[test]
    fn every_form_of_one_key_yields_that_key() {
        let key = PrivateKey::from_seed(&SEED);
        let expanded = *key.to_expanded();
        let mut yubihsm = expanded.to_vec();
        yubihsm[..32].reverse();
        yubihsm.extend(key.public().as_bytes());
        let both = *key.to_seed_and_public().expect("seeded");
        for (text, form) in [
            (base64(&SEED), Form::Seed),
            (base64(&both), Form::SeedAndPublic),
            (base64(&expanded), Form::Expanded),
            (base64(&yubihsm), Form::YubiHsm),
            (
                key_file::write_priv_validator_key(&PrivateKey::from_seed(&SEED).into()).to_string(),
                Form::Json,
            ),
        ] {
            let (read, seen) = read(&text).expect("a key");
            assert_eq!((read.public(), seen), (&key.public().into(), form));
            assert_eq!(read.sign(b"x"), key.sign(b"x").into(), "{form:?}");
        }
    }

    #[test]
    fn example_key_of_tmkms() {
        // Its documentation's own example of a softsign key.
        let (_, form) = read("DEADBEEFDEADBEEFDEADBEEFDEADBEEFDEADBEEFDEA=").expect("a key");
        assert_eq!(form, Form::Seed);
    }

    #[test]
    fn seed_and_public_is_not_an_expanded_key() {
        // The trap: as an expanded key the same bytes would be another key.
        let both = *PrivateKey::from_seed(&SEED).to_seed_and_public().expect("seeded");
        let trapped = PrivateKey::from_expanded(&both);
        let (key, _) = read(&base64(&both)).expect("a key");
        assert_ne!(*key.public(), trapped.public().into());
        assert_eq!(*key.public(), PrivateKey::from_seed(&SEED).public().into());
    }

    #[test]
    fn a_yubihsm_export_with_another_public_key_is_refused() {
        let mut bytes = PrivateKey::from_seed(&SEED).to_expanded().to_vec();
        bytes[..32].reverse();
        bytes.extend([7; 32]);
        assert!(matches!(read(&base64(&bytes)), Err(ImportKeyError::Stranger(_))));
    }

    #[test]
    fn errors_do_not_quote_the_secret() {
        for json in [r#"{"priv_key":"c2VjcmV0"}"#, r#"{"priv_key":{"type":["c2VjcmV0"]}}"#, r#"{"c2VjcmV0"}"#]
        {
            let error = read(json).map(|(key, _)| key.public().clone()).expect_err("no key file");
            assert!(!format!("{error} {error:?}").contains("c2VjcmV0"), "{error}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        assert!(matches!(read(""), Err(ImportKeyError::Length(0))));
        assert!(matches!(read("not base64!"), Err(ImportKeyError::Base64)));
        assert!(matches!(read(&base64(&[1; 33])), Err(ImportKeyError::Length(33))));
        assert!(matches!(read("{}"), Err(ImportKeyError::File(_))));
    }
}
