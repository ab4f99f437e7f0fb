//! Peer ids of libp2p, for Ed25519 keys: the key itself behind six bytes, in base58.
//!
//! libp2p puts keys of up to 42 bytes into the id as they are ("identity multihash"), so an id is a key and no hash has to be
//! found again. Ids of other keys (`Qm…`, `16Uiu2HA…`) and ids as CIDs (`bafz…`) are not read.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::key::PublicKey;

/// Identity multihash of 36 bytes, then libp2p's `PublicKey{type: Ed25519, data: 32 bytes}`.
const HEAD: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Longest text that is looked at; an id of ours has 52 characters.
const MAX_TEXT: usize = 100;

/// A libp2p peer with an Ed25519 key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId([u8; 32]);

/// Why a text is no peer id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PeerIdError {
    /// A character outside of base58, or far too long.
    #[error("it is not base58 (12D3KooW…)")]
    NotBase58,
    /// 40 hex digits.
    #[error("it is a node id in hex, and a peer id (12D3KooW…) is needed")]
    NodeId,
    /// Base58 of something else.
    #[error("it is not the id of an Ed25519 key (12D3KooW…)")]
    NotEd25519,
    /// The key inside is no point on the curve.
    #[error("the key inside is not valid")]
    NotAKey,
}

// === impl PeerId ===

impl PeerId {
    /// The id of a key.
    pub fn of(key: &PublicKey) -> Self {
        Self(*key.as_bytes())
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in the same time wherever they differ.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    fn from_str(text: &str) -> Result<Self, PeerIdError> {
        if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(PeerIdError::NodeId);
        }
        let bytes = decode(text).ok_or(PeerIdError::NotBase58)?;
        let key = bytes.strip_prefix(&HEAD).ok_or(PeerIdError::NotEd25519)?;
        let key: [u8; 32] = key.try_into().map_err(|_| PeerIdError::NotEd25519)?;
        PublicKey::from_bytes(&key).map_err(|_| PeerIdError::NotAKey)?;
        Ok(Self(key))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&[&HEAD[..], &self.0].concat()))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

/// Base58 as Bitcoin has it: a number in base 58, each zero byte in front a `1`.
fn encode(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 58).expect("below 58");
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).expect("below 58"));
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let ones = std::iter::repeat_n('1', zeros);
    ones.chain(digits.iter().rev().map(|digit| char::from(ALPHABET[usize::from(*digit)]))).collect()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() > MAX_TEXT {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for symbol in text.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == symbol)?;
        let mut carry = u32::try_from(digit).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    let zeros = text.bytes().take_while(|symbol| *symbol == b'1').count();
    bytes.resize(bytes.len() + zeros, 0);
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::PrivateKey;

    #[test]
    fn ids_as_libp2p_writes_them() {
        for (seed, id) in VECTORS {
            let peer = PeerId::of(&PrivateKey::from_seed(&[seed; 32]).public());
            assert_eq!(peer.to_string(), id);
            assert_eq!(id.parse(), Ok(peer));
        }
    }

    // Made by go-libp2p v0.47.0 (core/peer, IDFromPublicKey), from seeds of one byte 32 times.
    const VECTORS: [(u8, &str); 2] = [
        (1, "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"),
        (3, "12D3KooWRndVhVZPCiQwHBBBdg769GyrPUW13zxwqQyf9r3ANaba"),
    ];

    #[test]
    fn what_is_no_peer_id_says_so() {
        let parse = |text: &str| text.parse::<PeerId>();
        for (text, why) in [
            ("", PeerIdError::NotBase58),
            ("12D3KooW0", PeerIdError::NotBase58),
            (&"z".repeat(101), PeerIdError::NotBase58),
            ("b62e867fa2f33afe62d5d6b1642e1621d5433078", PeerIdError::NodeId),
            ("12D3KooW", PeerIdError::NotEd25519),
            ("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", PeerIdError::NotEd25519),
            ("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe", PeerIdError::NotEd25519),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
        // y = 2 is on no curve point.
        let mut key = [0; 32];
        key[0] = 2;
        assert_eq!(parse(&PeerId(key).to_string()), Err(PeerIdError::NotAKey));
        // One character more or less is another number, not the same id.
        let id = PeerId::of(&PrivateKey::from_seed(&[1; 32]).public()).to_string();
        assert!(parse(&id[1..]).is_err() && parse(&format!("1{id}")).is_err());
    }

    proptest! {
        #[test]
        fn base58_goes_both_ways(bytes in prop::collection::vec(any::<u8>(), 1..60)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_panics(text in ".{0,110}") {
            let _ = text.parse::<PeerId>();
        }
    }
}
