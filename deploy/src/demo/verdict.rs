//! The monitor against the chain: every counter of every validator, keyed by the same height.
//!
//! The two were written apart from one another, the chain's numbers by `devnet` as it makes the blocks, the monitor's from
//! nothing but what a node's RPC shows.

use std::collections::BTreeMap;

use palisade_devnet::truth::{Truth, ValidatorTruth};
use serde::Serialize;

use super::seen::{Seen, SeenValidator};

/// A number on which the two differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// Whose.
    pub valoper: String,
    /// Which.
    pub counter: &'static str,
    /// The chain's own.
    pub chain: String,
    /// The monitor's.
    pub monitor: String,
}

/// Compares everything; empty means that the two agree. Both must have counted the same height.
pub fn compare(truth: &Truth, seen: &Seen) -> Vec<Disagreement> {
    let by_valoper: BTreeMap<&str, &SeenValidator> =
        seen.validators.iter().map(|validator| (validator.valoper.as_str(), validator)).collect();
    let mut found = Vec::new();
    note(&mut found, "", "signed_height", Some(truth.signed_height), seen.counted_height);
    for chain in &truth.validators {
        match by_valoper.get(chain.valoper.as_str()) {
            Some(monitor) => compare_one(chain, monitor, &mut found),
            None if chain.in_set => note(&mut found, &chain.valoper, "in_set", true, false),
            None => {}
        }
    }
    found
}

fn compare_one(chain: &ValidatorTruth, monitor: &SeenValidator, found: &mut Vec<Disagreement>) {
    let valoper = chain.valoper.as_str();
    // As x/slashing sees it, a vote for nil is signed.
    note(found, valoper, "signed", chain.signed + chain.nil, monitor.signed);
    note(found, valoper, "nil", chain.nil, monitor.nil);
    note(found, valoper, "missed", chain.missed, monitor.missed);
    note(found, valoper, "consecutive_missed", chain.consecutive_missed, monitor.consecutive_missed);
    note(found, valoper, "jailed", Some(chain.jailed), monitor.jailed);
    note(found, valoper, "tombstoned", Some(chain.tombstoned), monitor.tombstoned);
    if chain.in_set {
        note(found, valoper, "window_missed", Some(chain.window_missed), monitor.window_missed);
        note(found, valoper, "window_limit", Some(chain.window_limit), monitor.window_limit);
    }
}

fn note<T: Copy + PartialEq + std::fmt::Debug>(
    found: &mut Vec<Disagreement>,
    valoper: &str,
    counter: &'static str,
    chain: T,
    monitor: T,
) {
    if chain != monitor {
        let (chain, monitor) = (format!("{chain:?}"), format!("{monitor:?}"));
        found.push(Disagreement { valoper: valoper.into(), counter, chain, monitor });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> ValidatorTruth {
        ValidatorTruth {
            seat: 0,
            moniker: "a".into(),
            valoper: "akashvaloper1a".into(),
            valcons: String::new(),
            address: String::new(),
            signed: 7,
            nil: 2,
            missed: 1,
            consecutive_missed: 1,
            proposed: 0,
            in_set: true,
            power: 5,
            bonded: true,
            jailed: false,
            tombstoned: false,
            window_missed: 1,
            window: 100,
            window_limit: 50,
            start_height: 0,
            index_offset: 10,
            jailed_until: 0,
        }
    }

    fn monitor() -> SeenValidator {
        SeenValidator {
            valoper: "akashvaloper1a".into(),
            signed: 9,
            nil: 2,
            missed: 1,
            consecutive_missed: 1,
            jailed: Some(false),
            tombstoned: Some(false),
            window_missed: Some(1),
            window_limit: Some(50),
            ..SeenValidator::default()
        }
    }

    fn both(monitor: Vec<SeenValidator>) -> Vec<Disagreement> {
        let truth = Truth { height: 11, signed_height: 10, late_rounds: 0, validators: vec![chain()] };
        compare(&truth, &Seen { counted_height: Some(10), validators: monitor, ..Seen::default() })
    }

    #[test]
    fn equal_numbers_agree() {
        assert_eq!(both(vec![monitor()]), vec![]);
    }

    #[test]
    fn every_counter_is_looked_at() {
        type Spoil = fn(&mut SeenValidator);
        let spoils: [(&str, Spoil); 8] = [
            ("signed", |v| v.signed += 1),
            ("nil", |v| v.nil += 1),
            ("missed", |v| v.missed += 1),
            ("consecutive_missed", |v| v.consecutive_missed = 0),
            ("jailed", |v| v.jailed = None),
            ("tombstoned", |v| v.tombstoned = Some(true)),
            ("window_missed", |v| v.window_missed = None),
            ("window_limit", |v| v.window_limit = Some(51)),
        ];
        for (counter, spoil) in spoils {
            let mut wrong = monitor();
            spoil(&mut wrong);
            let found = both(vec![wrong]);
            assert_eq!(found.iter().map(|d| d.counter).collect::<Vec<_>>(), vec![counter]);
        }
    }

    #[test]
    fn a_validator_that_the_monitor_does_not_know_is_a_disagreement() {
        assert_eq!(both(vec![]).len(), 1);
    }
}
