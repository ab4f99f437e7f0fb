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
    /// Chosen by its operator: hostile text, cut to 70 characters, without control characters and without those that
    /// turn the direction of writing.
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
            moniker: moniker.chars().filter(|c| is_plain(*c)).take(70).collect(),
            jailed: validator.jailed,
            bonded: validator.status == BondStatus::Bonded as i32,
            tokens: validator.tokens.clone(),
        }
    }
}

fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Member;
    use comet::key::Address;
    use comet::sdk::PubKey;
    use comet::sdk::staking::Description;
    use prost::Message as _;

    fn validator(key: Any, moniker: &str) -> Validator {
        Validator {
            operator_address: "akashvaloper1x".into(),
            consensus_pubkey: Some(key),
            status: BondStatus::Bonded as i32,
            description: Some(Description { moniker: moniker.into(), ..Description::default() }),
            ..Validator::default()
        }
    }

    #[test]
    fn keys_of_other_types_are_found_in_the_set() {
        let key = vec![2; 33];
        let any = Any {
            type_url: "/cosmos.crypto.secp256k1.PubKey".into(),
            value: PubKey { key: key.clone() }.encode_to_vec(),
        };
        let address = Address([9; 20]);
        let set = Set::new("A".into(), vec![Member { address, power: 1, key }]);
        let profiles = Profiles::new(5, &[validator(any.clone(), "x")], Some(&set));
        assert_eq!(profiles.by_address[&address].valoper, "akashvaloper1x");
        assert!(Profiles::new(5, &[validator(any, "x")], None).by_address.is_empty());
    }

    #[test]
    fn names_cannot_turn_the_line_around() {
        let profile = Profile::new(&validator(Any::ed25519(&[1; 32]), "\u{202E}gnp\n.exe\u{2067}"));
        assert_eq!(profile.moniker, "gnp.exe");
        assert_eq!(Profile::new(&validator(Any::default(), &"é".repeat(200))).moniker.chars().count(), 70);
    }
}
