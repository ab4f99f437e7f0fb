//! What a validator did over a stretch of heights, such that two adjacent stretches make one without looking at the rows
//! again: that is how hours become days, and how both outlive their rows.

use crate::flag::Flag;

/// Counters of one validator over a stretch. A height at which it was not in the set counts nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Precommits, for the block or for nil.
    pub signed: u64,
    /// No precommit.
    pub missed: u64,
    /// Precommits for nil, counted in `signed` as well.
    pub nil: u64,
    /// Decided blocks it proposed.
    pub proposed: u64,
    /// Misses in a row at the beginning.
    pub head: u64,
    /// Misses in a row at the end.
    pub tail: u64,
    /// Most misses in a row.
    pub longest: u64,
}

impl Segment {
    /// A stretch of one height.
    pub fn of(flag: Flag, proposed: bool) -> Self {
        let (signed, missed) = match flag {
            Flag::Unknown => (0, 0),
            Flag::Absent => (0, 1),
            Flag::Commit | Flag::Nil => (1, 0),
        };
        Self {
            signed,
            missed,
            nil: u64::from(flag == Flag::Nil),
            proposed: u64::from(proposed),
            head: missed,
            tail: missed,
            longest: missed,
        }
    }

    /// This stretch and the one right after it.
    #[must_use]
    pub fn then(self, after: Self) -> Self {
        Self {
            signed: self.signed + after.signed,
            missed: self.missed + after.missed,
            nil: self.nil + after.nil,
            proposed: self.proposed + after.proposed,
            head: if self.signed == 0 { self.missed + after.head } else { self.head },
            tail: if after.signed == 0 { self.tail + after.missed } else { after.tail },
            longest: self.longest.max(after.longest).max(self.tail + after.head),
        }
    }

    /// Share signed; `None` where nothing was counted.
    #[allow(clippy::cast_precision_loss, reason = "shown with a few digits")]
    pub fn uptime(&self) -> Option<f64> {
        let counted = self.signed + self.missed;
        (counted > 0).then(|| self.signed as f64 / counted as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by a walk over the flags.
    fn recount(rows: &[(Flag, bool)]) -> Segment {
        let counted: Vec<Flag> = rows.iter().map(|r| r.0).filter(|f| *f != Flag::Unknown).collect();
        let count = |f: fn(&Flag) -> bool| counted.iter().filter(|flag| f(flag)).count() as u64;
        let runs = || counted.split(|f| *f != Flag::Absent).map(|run| run.len() as u64);
        Segment {
            signed: count(|f| *f != Flag::Absent),
            missed: count(|f| *f == Flag::Absent),
            nil: count(|f| *f == Flag::Nil),
            proposed: rows.iter().filter(|r| r.1).count() as u64,
            head: runs().next().unwrap_or(0),
            tail: runs().next_back().unwrap_or(0),
            longest: runs().max().unwrap_or(0),
        }
    }

    proptest! {
        #[test]
        fn any_way_of_putting_stretches_together_equals_a_recount(
            rows in proptest::collection::vec((0u8..4, any::<bool>()), 0..120),
            cuts in proptest::collection::vec(1usize..20, 1..20),
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(n, p)| (Flag::from_number(n), p)).collect();
            let fold = |rows: &[(Flag, bool)]| {
                rows.iter().fold(Segment::default(), |s, (f, p)| s.then(Segment::of(*f, *p)))
            };
            let mut parts = Vec::new();
            let mut rest = rows.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (part, after) = rest.split_at((*cut).min(rest.len()));
                parts.push(fold(part));
                rest = after;
            }
            let whole = recount(&rows);
            prop_assert_eq!(fold(&rows), whole);
            prop_assert_eq!(parts.iter().fold(Segment::default(), |a, b| a.then(*b)), whole);
            prop_assert_eq!(parts.iter().rev().fold(Segment::default(), |a, b| b.then(a)), whole);
        }
    }
}
