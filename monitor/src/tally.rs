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

/// Counts the misses in a row anew, from the newest rows backwards. Where all of them are misses, the streak is at least as
/// long as it was known to be.
pub fn streak(tally: &mut Tally, newest_first: impl Iterator<Item = (Flag, bool)>) {
    let mut missed = 0;
    for (flag, _) in newest_first {
        match flag {
            Flag::Unknown => {}
            Flag::Absent => missed += 1,
            Flag::Commit | Flag::Nil => {
                tally.consecutive_missed = missed;
                return;
            }
        }
    }
    tally.consecutive_missed = tally.consecutive_missed.max(missed);
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

    #[test]
    fn a_streak_is_counted_anew_as_far_as_rows_reach() {
        let mut tally = Tally { consecutive_missed: 3, ..Tally::default() };
        let mut of = |flags: &[Flag]| {
            streak(&mut tally, flags.iter().map(|f| (*f, false)));
            tally.consecutive_missed
        };
        assert_eq!(of(&[Flag::Absent, Flag::Absent]), 3, "older misses are not in these rows");
        assert_eq!(of(&[Flag::Absent; 5]), 5);
        assert_eq!(of(&[Flag::Absent, Flag::Unknown, Flag::Absent, Flag::Nil, Flag::Absent]), 2);
        assert_eq!(of(&[Flag::Commit]), 0);
    }
}
