//! Addresses as people write them: `akashvaloper1…`, `akashvalcons1…`.
//!
//! Prefixes are read from what a chain answers, never guessed from each other; [`same_bytes`] compares two addresses
//! whose prefixes differ.

use ::bech32::primitives::decode::CheckedHrpstring;
use ::bech32::{Bech32, Hrp};

/// Why a text is no address, or bytes cannot become one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bech32Error {
    /// The prefix has characters that bech32 does not allow, or none.
    #[error("{0:?} cannot be an address prefix")]
    Prefix(String),
    /// Longer than the checksum can protect.
    #[error("an address of {0} bytes is too long for bech32")]
    TooLong(usize),
    /// Wrong checksum, characters or shape.
    #[error("{text:?} is not a bech32 address: {reason}")]
    Invalid {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Writes `bytes` with prefix `hrp`, in lower case.
pub fn encode(hrp: &str, bytes: &[u8]) -> Result<String, Bech32Error> {
    let prefix = Hrp::parse(hrp).map_err(|_| Bech32Error::Prefix(hrp.into()))?;
    ::bech32::encode::<Bech32>(prefix, bytes).map_err(|_| Bech32Error::TooLong(bytes.len()))
}

/// Reads an address: its prefix and its bytes. Bech32m is refused, as the SDK refuses it.
pub fn decode(text: &str) -> Result<(String, Vec<u8>), Bech32Error> {
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|e| Bech32Error::Invalid {
        text: text.chars().take(120).collect(),
        reason: e.to_string(),
    })?;
    Ok((checked.hrp().to_lowercase(), checked.byte_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bip173_vector() {
        // BIP-173: a valid string whose data part is 16 zero-to-31 groups.
        let (hrp, bytes) = decode("A12UEL5L").unwrap();
        assert_eq!((hrp.as_str(), bytes.len()), ("a", 0));
        assert!(decode("A12UEL5M").is_err());
    }

    #[test]
    fn bech32m_and_hostile_text_are_refused() {
        assert!(decode("a1lqfn3a").is_err(), "valid bech32m");
        for text in ["", "1", "akashvaloper1", "akashvaloper1b0gus", "\u{1F600}1qqqq", "no-separator"] {
            assert!(decode(text).is_err(), "{text:?}");
        }
        assert_eq!(encode("", &[1]), Err(Bech32Error::Prefix(String::new())));
    }

    proptest! {
        #[test]
        fn round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..64), hrp in "[a-z]{1,16}") {
            let text = encode(&hrp, &bytes).unwrap();
            let other = encode("other", &bytes).unwrap();
            prop_assert_eq!(decode(&text).unwrap().1, decode(&other).unwrap().1);
            prop_assert_eq!(decode(&text).unwrap(), (hrp, bytes));
        }

        #[test]
        fn no_text_panics(text in ".{0,120}") {
            let _ = decode(&text);
        }
    }
}
