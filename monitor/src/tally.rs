//! Counters of one validator over all counted heights.

use crate::flag::Flag;
use crate::row::Row;
use comet::key::Address;
use std::collections::BTreeMap;

/// Counters since the history began; they survive a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Precommits, for the block or for nil: what x/slashing counts as signed.
    pub signed: u64,
    /// No precommit.
    pub missed: u64,
    /// Precommits for nil, counted in `signed` as well.
    pub nil: u64,
    /// Misses in a row, up to now. Stays while the validator is out of the set.
    pub consecutive_missed: u64,
    /// Blocks it proposed that were decided.
    pub proposed: u64,
}

impl Tally {
    /// Counts one height.
    pub fn count(&mut self, flag: Flag, proposed: bool) {
        self.proposed += u64::from(proposed);
        match flag {
            Flag::Unknown => {}
            Flag::Absent => {
                self.missed += 1;
                self.consecutive_missed += 1;
            }
            Flag::Commit | Flag::Nil => {
                self.signed += 1;
                self.nil += u64::from(flag == Flag::Nil);
                self.consecutive_missed = 0;
            }
        }
    }
}

/// Counts a row that is older than the newest: everything but the misses in a row up to now.
pub fn count_late(tallies: &mut BTreeMap<Address, Tally>, row: &Row) {
    for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
        let tally = tallies.entry(member.address).or_default();
        let consecutive = tally.consecutive_missed;
        tally.count(*flag, row.proposer == Some(index));
        tally.consecutive_missed = consecutive;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nil_is_signed_and_ends_a_streak() {
        let mut tally = Tally::default();
        for flag in [Flag::Commit, Flag::Absent, Flag::Absent, Flag::Nil, Flag::Unknown, Flag::Absent] {
            tally.count(flag, flag == Flag::Nil);
        }
        assert_eq!(tally, Tally { signed: 2, missed: 3, nil: 1, consecutive_missed: 1, proposed: 1 });
    }
}
