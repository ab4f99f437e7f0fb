//! Why validators miss, from counted rows: alone or with the network, in outages, together with others, under which
//! proposers; and what the chain itself suffers from (failed rounds, empty blocks).
//!
//! One pass over the set per height, and sparse tables of what begins to be missed: only the first miss of a streak is
//! a trial of its own, so only those are counted for pairs. All counts fade (halved every [`FADE`] heights), so that they
//! speak of about the last day and their size is bounded: with 1,000 validators a few thousand pairs stay. Names are only
//! given where chance is excluded, see [`crate::diagnosis::verdict`]. Deliberately absent: anything that needs rows again.

pub mod verdict;

use crate::row::Row;
use comet::key::Address;
use std::collections::HashMap;
use verdict::Verdict;

/// Heights after which all counts are halved.
const FADE: u64 = 20_000;
/// Heights between two verdicts.
const PROVE: u64 = 32;
/// Entries in a table of pairs; above it all counts are halved at once.
const PAIRS: usize = 200_000;
/// More that begin to miss at one height are the network's doing, or a cluster that is seen otherwise.
const TOGETHER: usize = 16;
/// A fifth of the other power absent: the network's doing.
const EVENT: i64 = 5;

/// Counts of one validator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Signs {
    /// Misses while nearly all others signed; never faded.
    pub solo: u64,
    /// Misses in network events; never faded.
    pub shared: u64,
    /// Outages of three blocks or more; never faded.
    pub outages: u64,
    /// Proposed blocks without a transaction; never faded.
    pub empty: u64,
    /// The same in a row.
    pub empty_streak: u64,
    /// Heights counted since it was first seen, faded.
    pub heights: u64,
    /// Beginnings of misses, network events left out, faded.
    pub onsets: u64,
    /// Blocks proposed, faded.
    pub proposed: u64,
    /// Blocks it should have proposed by its power, faded.
    pub expected: f64,
    streak: u64,
    seen: i64,
}

/// Everything observed of one chain.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Heights; never faded, as the next five.
    pub heights: u64,
    /// Decided after round 0.
    pub late_rounds: u64,
    /// Rounds that decided nothing.
    pub failed_rounds: u64,
    /// Blocks without a transaction.
    pub empty_blocks: u64,
    /// Transactions.
    pub transactions: u64,
    /// Heights with much of the power absent.
    pub events: u64,
    pub(crate) ids: HashMap<Address, u16>,
    pub(crate) names: Vec<Address>,
    pub(crate) signs: Vec<Signs>,
    /// Heights decided with each next proposer, faded.
    pub(crate) under: HashMap<u16, u32>,
    /// Onsets of a validator under a next proposer, faded.
    pub(crate) excluded: HashMap<(u16, u16), u32>,
    /// Onsets of two at one height, faded.
    pub(crate) together: HashMap<(u16, u16), u32>,
    /// Heights in the faded counts.
    pub(crate) recent: u64,
    /// What the counts proved last.
    pub proven: Verdict,
    since_fade: u64,
    last: i64,
    /// Transactions of the block that is counted next.
    saw: Option<(i64, usize)>,
}

impl Diagnosis {
    /// Notes a block whose height is counted later, with how many transactions it has.
    pub fn saw(&mut self, height: i64, transactions: Option<usize>) {
        self.saw = transactions.map(|count| (height, count));
    }

    /// Takes one counted height. `next` is the proposer of the block that carried its commit.
    pub fn observe(&mut self, row: &Row, next: Option<&Address>) {
        let transactions = self.saw.filter(|(height, _)| *height == row.height).map(|(_, count)| count);
        self.chain(row, transactions);
        let total = row.set.power();
        let absent: i64 = (row.set.members().iter().zip(&row.flags))
            .filter(|(_, f)| f.missed())
            .fold(0, |sum, (m, _)| sum.saturating_add(m.power));
        let is_event = |power: i64| (absent - power).saturating_mul(EVENT) >= (total - power).max(1);
        if is_event(0) {
            self.events += 1;
        }
        let contiguous = self.last + 1 == row.height;
        self.last = row.height;
        let mut onsets = Vec::new();
        for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
            let Some(id) = self.id(member.address) else { continue };
            let signs = &mut self.signs[usize::from(id)];
            if !contiguous || signs.seen + 1 != row.height {
                signs.streak = 0;
            }
            signs.seen = row.height;
            signs.heights += 1;
            signs.expected += share(member.power, total);
            if row.proposer == Some(index) {
                signs.proposed += 1;
                match transactions {
                    Some(0) => (signs.empty, signs.empty_streak) = (signs.empty + 1, signs.empty_streak + 1),
                    Some(_) => signs.empty_streak = 0,
                    None => {}
                }
            }
            if !flag.missed() {
                signs.streak = 0;
                continue;
            }
            signs.streak += 1;
            signs.outages += u64::from(signs.streak == crate::forecast::habit::OUTAGE);
            if is_event(member.power) {
                signs.shared += 1;
                continue;
            }
            signs.solo += 1;
            if signs.streak == 1 {
                signs.onsets += 1;
                onsets.push(id);
            }
        }
        self.pairs(&onsets, next);
        self.recent += 1;
        self.since_fade += 1;
        let full = self.excluded.len().max(self.together.len()) > PAIRS;
        if self.since_fade >= FADE || full {
            self.fade();
        }
        if self.heights.is_multiple_of(PROVE) {
            self.proven = self.verdict();
        }
    }

    fn chain(&mut self, row: &Row, transactions: Option<usize>) {
        self.heights += 1;
        self.late_rounds += u64::from(row.round > 0);
        self.failed_rounds += u64::try_from(row.round).unwrap_or(0);
        if let Some(count) = transactions {
            self.empty_blocks += u64::from(count == 0);
            self.transactions += count as u64;
        }
    }

    fn pairs(&mut self, onsets: &[u16], next: Option<&Address>) {
        if let Some(next) = next.and_then(|a| self.id(*a)) {
            *self.under.entry(next).or_default() += 1;
            for id in onsets {
                *self.excluded.entry((*id, next)).or_default() += 1;
            }
        }
        if onsets.len() <= TOGETHER {
            for (at, a) in onsets.iter().enumerate() {
                for b in &onsets[at + 1..] {
                    *self.together.entry((*a.min(b), *a.max(b))).or_default() += 1;
                }
            }
        }
    }

    /// Halves what fades.
    fn fade(&mut self) {
        self.since_fade = 0;
        self.recent /= 2;
        for signs in &mut self.signs {
            signs.heights /= 2;
            signs.onsets /= 2;
            signs.proposed /= 2;
            signs.expected /= 2.0;
        }
        self.under.values_mut().for_each(|n| *n /= 2);
        for table in [&mut self.excluded, &mut self.together] {
            table.values_mut().for_each(|n| *n /= 2);
            table.retain(|_, n| *n > 0);
            table.shrink_to_fit();
        }
    }

    /// The number of a validator; `None` after 65,536 of them.
    fn id(&mut self, address: Address) -> Option<u16> {
        if let Some(id) = self.ids.get(&address) {
            return Some(*id);
        }
        let id = u16::try_from(self.names.len()).ok()?;
        self.ids.insert(address, id);
        self.names.push(address);
        self.signs.push(Signs::default());
        Some(id)
    }

    /// Counts of a validator.
    pub fn of(&self, address: &Address) -> Option<&Signs> {
        Some(&self.signs[usize::from(*self.ids.get(address)?)])
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share, a few digits are enough")]
fn share(power: i64, total: i64) -> f64 {
    if total > 0 { power as f64 / total as f64 } else { 0.0 }
}

#[cfg(test)]
mod tests;
