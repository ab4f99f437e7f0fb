//! Who a validator is: operator address, name and bonding, as x/staking tells it.

use crate::set::Set;
use comet::key::Address;
use comet::sdk::staking::{BondStatus, Validator};
use comet::sdk::{Any, ED25519_PUB_KEY};
use std::collections::BTreeMap;

/// One validator of x/staking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `akashvaloper1…`
    pub valoper: String,
    /// Chosen by its operator: hostile text, cut to 70 characters without control characters.
    pub moniker: String,
    /// In jail at the height it was read.
    pub jailed: bool,
    /// In the active set at that height.
    pub bonded: bool,
    /// Stake, in the smallest unit.
    pub tokens: String,
}

/// x/staking's validators at one height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    /// Height of the state that answered.
    pub height: i64,
    /// By consensus address.
    pub by_address: BTreeMap<Address, Profile>,
}

impl Profiles {
    /// From a complete answer. Addresses come from the keys: by hash for Ed25519, by search in `set` for other types.
    pub fn new(height: i64, validators: &[Validator], set: Option<&Set>) -> Self {
        let find = |key: &Any| {
            let bytes = key.key_bytes()?;
            if key.type_url == ED25519_PUB_KEY {
                return Some(comet::key::PublicKey::from_bytes(&bytes).ok()?.address());
            }
            set?.members().iter().find(|m| m.key == bytes).map(|m| m.address)
        };
        let by_address = validators
            .iter()
            .filter_map(|v| Some((find(v.consensus_pubkey.as_ref()?)?, Profile::new(v))))
            .collect();
        Self { height, by_address }
    }
}

impl Profile {
    fn new(validator: &Validator) -> Self {
        let moniker = validator.description.as_ref().map_or("", |d| d.moniker.as_str());
        Self {
            valoper: validator.operator_address.clone(),
            moniker: moniker.chars().filter(|c| !c.is_control()).take(70).collect(),
            jailed: validator.jailed,
            bonded: validator.status == BondStatus::Bonded as i32,
            tokens: validator.tokens.clone(),
        }
    }
}
