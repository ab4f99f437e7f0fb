//! Validator sets: order and hash.
//!
//! A set is ordered by power, highest first, then by address; commits refer to validators by that index (Tendermint
//! 0.33 and older order by address alone). Who proposes is not part of the hash and not decided here.

use prost::Message;

use crate::key::{Address, PublicKey as Key};
use crate::merkle::{self, Hash};
use crate::privval::PublicKey;

#[derive(Clone, PartialEq, Message)]
struct SimpleValidator {
    #[prost(message, optional, tag = "1")]
    pub_key: Option<PublicKey>,
    #[prost(int64, tag = "2")]
    voting_power: i64,
}

/// A validator as the consensus engine knows it: a key and its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// First 20 bytes of the key's SHA-256.
    pub address: Address,
    /// Ed25519 key.
    pub pub_key: Key,
    /// Voting power, above 0 while in a set.
    pub power: i64,
}

/// Validators in CometBFT's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidatorSet(Vec<Validator>);

// === impl Validator ===

impl Validator {
    /// A validator with the address that belongs to its key.
    pub fn new(pub_key: Key, power: i64) -> Self {
        Self { address: pub_key.address(), pub_key, power }
    }
}

// === impl ValidatorSet ===

impl ValidatorSet {
    /// Puts validators in order. Zero powers and doubled keys are the caller's fault and stay in.
    pub fn new(mut validators: Vec<Validator>) -> Self {
        validators.sort_by(|a, b| b.power.cmp(&a.power).then_with(|| a.address.cmp(&b.address)));
        Self(validators)
    }

    /// In order.
    pub fn validators(&self) -> &[Validator] {
        &self.0
    }

    /// Sum of all powers.
    pub fn total_power(&self) -> i64 {
        self.0.iter().map(|v| v.power).sum()
    }

    /// Index of the validator with this address.
    pub fn index_of(&self, address: &Address) -> Option<usize> {
        self.0.iter().position(|v| v.address == *address)
    }

    /// The hash that headers carry: Merkle root over (key, power) of each validator.
    pub fn hash(&self) -> Hash {
        let leaves: Vec<Vec<u8>> = self
            .0
            .iter()
            .map(|v| {
                SimpleValidator {
                    pub_key: Some(PublicKey::ed25519(*v.pub_key.as_bytes())),
                    voting_power: v.power,
                }
                .encode_to_vec()
            })
            .collect();
        merkle::root(&leaves)
    }
}
