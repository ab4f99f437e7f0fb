//! Who a validator is: operator address, name and bonding, as x/staking tells it.

use crate::set::Set;
use comet::key::Address;
use comet::sdk::decimal::Dec;
use comet::sdk::staking::{BondStatus, Validator};
use comet::sdk::{Any, ED25519_PUB_KEY};
use std::collections::BTreeMap;

/// One validator of x/staking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Commission as decimal text: rate, highest ever, highest change in a day; 1 = all.
    pub commission: Option<[String; 3]>,
    /// Less of its own than this, and it may not leave jail.
    pub min_self_delegation: String,
    /// Position by stake among all who are not in jail, from 1.
    pub rank: Option<usize>,
}

/// x/staking's validators at one height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    /// Height of the state that answered.
    pub height: i64,
    /// By consensus address.
    pub by_address: BTreeMap<Address, Profile>,
    /// Stakes of all who are not in jail, the largest first: seats are given in this order.
    pub stakes: Vec<u128>,
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
        let mut by_address: BTreeMap<Address, Profile> = validators
            .iter()
            .filter_map(|v| Some((find(v.consensus_pubkey.as_ref()?)?, Profile::new(v))))
            .collect();
        let stakes = rank(&mut by_address);
        Self { height, by_address, stakes }
    }
}

/// Gives out the ranks: by tokens (shares lie after a slash), equal ones by operator address.
fn rank(by_address: &mut BTreeMap<Address, Profile>) -> Vec<u128> {
    let mut order: Vec<_> = by_address
        .values_mut()
        .filter(|p| !p.jailed)
        .filter_map(|p| Some((p.tokens.parse::<u128>().ok()?, p)))
        .collect();
    order.sort_by(|(a, p), (b, q)| b.cmp(a).then_with(|| p.valoper.cmp(&q.valoper)));
    order
        .into_iter()
        .enumerate()
        .map(|(at, (tokens, profile))| {
            profile.rank = Some(at + 1);
            tokens
        })
        .collect()
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
            commission: validator.commission.as_ref().and_then(|c| {
                let rates = c.commission_rates.as_ref()?;
                let dec = |text: &str| Some(Dec::from_wire(text.as_bytes()).ok()?.to_string());
                Some([dec(&rates.rate)?, dec(&rates.max_rate)?, dec(&rates.max_change_rate)?])
            }),
            min_self_delegation: validator.min_self_delegation.clone(),
            rank: None,
        }
    }
}

pub(crate) fn is_plain(c: char) -> bool {
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
    fn seats_go_by_tokens_and_not_to_the_jailed() {
        let key = |n: u8| vec![n; 33];
        let any = |n: u8| Any {
            type_url: "/cosmos.crypto.secp256k1.PubKey".into(),
            value: PubKey { key: key(n) }.encode_to_vec(),
        };
        let member = |n: u8| Member { address: Address([n; 20]), power: 1, key: key(n) };
        let set = Set::new("A".into(), (1..=4).map(member).collect());
        let with = |n: u8, tokens: &str, jailed| Validator {
            operator_address: format!("v{n}"),
            tokens: tokens.into(),
            jailed,
            ..validator(any(n), "x")
        };
        let all = [with(1, "5", false), with(2, "50", true), with(3, "7", false), with(4, "5", false)];
        let profiles = Profiles::new(5, &all, Some(&set));
        assert_eq!(profiles.stakes, [7, 5, 5]);
        let mut ranks: Vec<_> = profiles.by_address.values().map(|p| (p.valoper.as_str(), p.rank)).collect();
        ranks.sort_unstable();
        assert_eq!(ranks, [("v1", Some(2)), ("v2", None), ("v3", Some(1)), ("v4", Some(3))]);
    }

    #[test]
    fn names_cannot_turn_the_line_around() {
        let profile = Profile::new(&validator(Any::ed25519(&[1; 32]), "\u{202E}gnp\n.exe\u{2067}"));
        assert_eq!(profile.moniker, "gnp.exe");
        assert_eq!(Profile::new(&validator(Any::default(), &"é".repeat(200))).moniker.chars().count(), 70);
    }
}
