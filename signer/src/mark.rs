//! The mark: the last thing that a key has promised to one chain, and so the floor under everything it may still sign.
//!
//! A mark belongs to one chain id and one public key. It names height, round and step, and the exact sign-bytes there,
//! so that the same question gets the same answer after any restart. A mark without sign-bytes is a floor only: it came
//! from an operator or from another signer's state, and nothing may be signed at its own height, round and step.
//!
//! Only [`crate::guard`] makes the next mark of a running key; this module just holds the words.

use std::fmt;

use comet::{
    consensus::{KeyType, PublicKey},
    privval::{PRECOMMIT, PREVOTE, PROPOSAL},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Longest chain id of CometBFT (`types.MaxChainIDLen`).
pub const MAX_CHAIN_ID: usize = 50;

/// Bound on sign-bytes of votes and proposals. The longest possible are a proposal's, 182 bytes with a chain id of 50.
pub const MAX_SIGN_BYTES: usize = 256;

/// Whose mark it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain, at most [`MAX_CHAIN_ID`] bytes.
    pub chain_id: String,
    /// The public key, with its type.
    pub public_key: PublicKey,
}

/// What a mark says about its key: the type, and 32 bytes that no other key of any type has. For Ed25519 these are the public
/// key itself, for the longer ones SHA-256 of the type's number and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId {
    /// Type of the key.
    pub key_type: KeyType,
    /// Key or digest.
    pub bytes: [u8; 32],
}

/// Step within a round, in CometBFT's order and numbers (`privval/file.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Nothing yet.
    None = 0,
    /// A proposal.
    Propose = 1,
    /// A prevote.
    Prevote = 2,
    /// A precommit.
    Precommit = 3,
}

/// Height, round and step: a total order in that sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hrs {
    /// Block height; 0 before the first.
    pub height: i64,
    /// Round within the height; [`Hrs::ALL_ROUNDS`] in a floor that closes the whole height.
    pub round: i32,
    /// Step within the round.
    pub step: Step,
}

/// Height, round, step and the sign-bytes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where the key stands.
    pub hrs: Hrs,
    /// Delimited sign-bytes of the vote or proposal at `hrs`; empty in a floor.
    pub sign_bytes: Vec<u8>,
}

// === impl Identity ===

impl Identity {
    /// The key, as records name it.
    pub fn key_id(&self) -> KeyId {
        KeyId::of(&self.public_key)
    }
}

// === impl KeyId ===

impl KeyId {
    /// Of this key.
    pub fn of(key: &PublicKey) -> Self {
        let key_type = key.key_type();
        let bytes = match <[u8; 32]>::try_from(key.as_bytes()) {
            Ok(bytes) if key_type == KeyType::Ed25519 => bytes,
            _ => {
                Sha256::new().chain_update([key_type.number()]).chain_update(key.as_bytes()).finalize().into()
            }
        };
        Self { key_type, bytes }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.key_type == KeyType::Ed25519 { "" } else { "SHA-256 " };
        write!(f, "{} {what}{}", self.key_type, hex::encode(self.bytes))
    }
}

// === impl Step ===

impl Step {
    /// Every step in order.
    pub const ALL: [Self; 4] = [Self::None, Self::Propose, Self::Prevote, Self::Precommit];

    /// From the number in records and in CometBFT's files.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// From a name as people write it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// From the type field of a vote or proposal.
    pub fn from_message_type(r#type: i32) -> Option<Self> {
        match r#type {
            PROPOSAL => Some(Self::Propose),
            PREVOTE => Some(Self::Prevote),
            PRECOMMIT => Some(Self::Precommit),
            _ => None,
        }
    }

    /// The number in records and in CometBFT's files.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Propose => "propose",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Hrs ===

impl Hrs {
    /// Round of a floor that closes every round of its height.
    pub const ALL_ROUNDS: i32 = i32::MAX;

    /// The floor that closes everything up to and including `height`. Height 0 closes nothing.
    pub fn whole_height(height: i64) -> Self {
        match height {
            ..=0 => Self { height: 0, round: 0, step: Step::None },
            _ => Self { height, round: Self::ALL_ROUNDS, step: Step::Precommit },
        }
    }
}

impl fmt::Display for Hrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.round {
            Self::ALL_ROUNDS => write!(f, "height {}, all rounds", self.height),
            round => write!(f, "height {}, round {round}, step {}", self.height, self.step),
        }
    }
}

// === impl Mark ===

impl Mark {
    /// A mark without sign-bytes: nothing at or below `hrs` may be signed.
    pub fn floor(hrs: Hrs) -> Self {
        Self { hrs, sign_bytes: Vec::new() }
    }

    /// Whether the sign-bytes at `hrs` are unknown.
    pub fn is_floor(&self) -> bool {
        self.sign_bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_height_then_round_then_step() {
        let at = |height, round, step| Hrs { height, round, step };
        let sorted = [
            at(0, 0, Step::None),
            at(1, 0, Step::Propose),
            at(1, 0, Step::Prevote),
            at(1, 0, Step::Precommit),
            at(1, 1, Step::Propose),
            Hrs::whole_height(1),
            at(2, 0, Step::Propose),
        ];
        assert!(sorted.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn numbers_and_names_are_those_of_cometbft() {
        for (number, step) in [(1, Step::Propose), (2, Step::Prevote), (3, Step::Precommit)] {
            assert_eq!(Step::from_number(number), Some(step));
            assert_eq!(step.number(), number);
            assert_eq!(Step::from_name(step.name()), Some(step));
        }
        assert_eq!(Step::from_number(4), None);
        assert_eq!(Step::from_message_type(0), None);
    }
}
