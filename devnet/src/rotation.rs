//! Who proposes: CometBFT's weighted round robin over a validator set (`types/validator_set.go`).
//!
//! Every height each validator's priority grows by its power; the highest proposes and pays the total power. A late
//! round repeats that on a copy, so rounds do not disturb the order of heights. Newcomers start at minus 1.125 times the total
//! power, so that nobody gains by leaving and joining again.

use std::sync::Arc;

use comet::block::{Validator, ValidatorSet};
use comet::key::Address;
use comet::merkle::Hash;

/// Priorities never lie further apart than so many times the total power.
const SPREAD: i64 = 2;

/// A validator set with the priorities of one height. Order is that of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Shared by all heights between two changes.
    set: Arc<ValidatorSet>,
    priorities: Vec<i64>,
    proposer: usize,
}

impl Rotation {
    /// The first height's rotation.
    pub fn new(validators: Vec<Validator>) -> Self {
        let mut rotation = Self { set: Arc::default(), priorities: Vec::new(), proposer: 0 };
        rotation.update(validators);
        rotation.advance();
        rotation
    }

    /// The set, in commit order.
    pub fn set(&self) -> &ValidatorSet {
        &self.set
    }

    /// In commit order.
    pub fn validators(&self) -> &[Validator] {
        self.set.validators()
    }

    /// Priority of validator `index`.
    pub fn priority(&self, index: usize) -> i64 {
        self.priorities[index]
    }

    /// The set's hash.
    pub fn hash(&self) -> Hash {
        self.set.hash()
    }

    /// The proposer of round 0.
    pub fn proposer(&self) -> &Validator {
        &self.validators()[self.proposer]
    }

    /// The proposer of any round.
    pub fn proposer_of(&self, round: i32) -> Validator {
        let mut copy = self.clone();
        copy.advance_by(round);
        copy.proposer().clone()
    }

    /// Goes on by one height.
    pub fn advance(&mut self) {
        self.advance_by(1);
    }

    fn advance_by(&mut self, times: i32) {
        if times <= 0 || self.priorities.is_empty() {
            return;
        }
        self.rescale();
        self.center();
        let total = self.set.total_power();
        for _ in 0..times {
            for (priority, validator) in self.priorities.iter_mut().zip(self.set.validators()) {
                *priority = priority.saturating_add(validator.power);
            }
            let first = self.highest();
            self.priorities[first] = self.priorities[first].saturating_sub(total);
            self.proposer = first;
        }
    }

    /// Changes powers, adds validators, and removes those whose power is 0. Unknown ones with power 0 are ignored, and so
    /// are changes that would leave nobody: a real node stops there.
    pub fn update(&mut self, changes: Vec<Validator>) {
        if changes.is_empty() {
            return;
        }
        let proposer = self.validators().get(self.proposer).map(|v| v.address);
        let mut members: Vec<(Validator, Option<i64>)> =
            self.set.validators().iter().cloned().zip(self.priorities.iter().map(|p| Some(*p))).collect();
        let mut removed = Vec::new();
        for change in changes {
            match members.iter_mut().find(|(v, _)| v.address == change.address) {
                Some(_) if change.power == 0 => removed.push(change.address),
                Some((validator, _)) => validator.power = change.power,
                None if change.power == 0 => {}
                None => members.push((change, None)),
            }
        }
        // Newcomers pay by the total before removals.
        let total: i64 = members.iter().map(|(v, _)| v.power).sum();
        let entry = -(total + (total >> 3));
        members.retain(|(v, _)| !removed.contains(&v.address));
        if members.is_empty() {
            return;
        }
        self.set = Arc::new(ValidatorSet::new(members.iter().map(|(v, _)| v.clone()).collect()));
        let priority_of = |address: Address| {
            members.iter().find(|(v, _)| v.address == address).and_then(|(_, p)| *p).unwrap_or(entry)
        };
        self.priorities = self.set.validators().iter().map(|v| priority_of(v.address)).collect();
        self.rescale();
        self.center();
        self.proposer = proposer.and_then(|a| self.set.index_of(&a)).unwrap_or_default();
    }

    fn highest(&self) -> usize {
        let rank = |i: &usize| (self.priorities[*i], std::cmp::Reverse(self.validators()[*i].address));
        (0..self.priorities.len()).max_by_key(rank).unwrap_or_default()
    }

    fn rescale(&mut self) {
        let widest = SPREAD * self.set.total_power();
        let (Some(max), Some(min)) = (self.priorities.iter().max(), self.priorities.iter().min()) else {
            return;
        };
        let spread = max - min;
        if widest <= 0 || spread <= widest {
            return;
        }
        let ratio = (spread + widest - 1) / widest;
        for priority in &mut self.priorities {
            *priority /= ratio;
        }
    }

    fn center(&mut self) {
        let Ok(count) = i128::try_from(self.priorities.len()) else { return };
        let sum: i128 = self.priorities.iter().map(|p| i128::from(*p)).sum();
        // Rounds down also below zero, as Go's big integers do; `/=` above rounds towards zero, as Go's int64 does.
        let average = i64::try_from(sum.div_euclid(count.max(1))).unwrap_or_default();
        for priority in &mut self.priorities {
            *priority = priority.saturating_sub(average);
        }
    }
}

#[cfg(test)]
mod tests;
