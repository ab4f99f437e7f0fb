//! One chain as the monitor knows it, and the only function that changes it.
//!
//! ```text
//! apply(State, Event) -> (State, Vec<Change>)
//! ```
//!
//! Truth is `block(h + 1).last_commit`, joined by index with the validator set of `h`. So block `h + 1` counts height
//! `h`, and nothing is counted twice: a block that is not higher than the head is ignored, whichever source it came
//! from and however often. No clock, no sockets; the same blocks give the same state.

mod witness;

use crate::change::Change;
use crate::diagnosis::Diagnosis;
use crate::duty::Duties;
use crate::event::{Block, Event};
use crate::forecast::outlook::Chance;
use crate::pace::Pace;
use crate::probe::Verdict;
use crate::profile::Profiles;
use crate::row::{self, Row};
use crate::set::Set;
use crate::tally::{self, Tally};
use crate::windows::{Outside, Windows};
use comet::key::Address;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Rows kept in memory: the grid shows 100, an anchor is joined to the blocks since it was asked for.
pub const RECENT: usize = 1024;

/// The last block seen. The next one counts its height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Height.
    pub height: i64,
    /// Unix nanoseconds.
    pub time: i64,
    /// `validators_hash`.
    pub set_hash: String,
    /// Proposer.
    pub proposer: Option<Address>,
}

/// Everything known about one chain.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) head: Option<Head>,
    pub(crate) sets: BTreeMap<String, Arc<Set>>,
    pub(crate) recent: VecDeque<Arc<Row>>,
    pub(crate) tallies: BTreeMap<Address, Tally>,
    pub(crate) windows: Option<Windows>,
    pub(crate) pending: Option<Windows>,
    pub(crate) no_slashing: bool,
    pub(crate) profiles: Option<Profiles>,
    pub(crate) pace: Pace,
    pub(crate) disagreements: u64,
    pub(crate) evidence_time: Option<i64>,
    /// Heights at which the chain contradicted, until an anchor says why.
    pub(crate) suspicions: Vec<i64>,
    /// What other modules did to validators lately, and in which block: an older anchor does not know it.
    pub(crate) outside: VecDeque<(i64, Outside)>,
    /// Which SDK line the chain runs.
    pub(crate) line: Option<Arc<Verdict>>,
    pub(crate) unknown_heights: u64,
    pub(crate) diagnosis: Diagnosis,
    pub(crate) outlook: BTreeMap<Address, Chance>,
    pub(crate) duties: Duties,
}

/// What a history gives back after a restart.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// The last block seen.
    pub head: Option<Head>,
    /// The last rows, ascending.
    pub rows: Vec<Row>,
    /// Counters of all validators.
    pub tallies: BTreeMap<Address, Tally>,
    /// The set of the head, where it was stored.
    pub head_set: Option<Arc<Set>>,
}

impl Head {
    /// What is kept of `block` for the next one.
    pub fn of(block: &Block) -> Self {
        let Block { height, time, proposer, .. } = *block;
        Self { height, time, set_hash: block.set_hash.clone(), proposer }
    }
}

impl State {
    /// A chain nothing is known about.
    pub fn new() -> Self {
        Self::default()
    }

    /// A chain as it was left.
    pub fn restore(saved: Saved) -> Self {
        let mut state = Self { head: saved.head, tallies: saved.tallies, ..Self::default() };
        for row in saved.rows {
            state.sets.entry(row.set.hash().into()).or_insert_with(|| row.set.clone());
            if let Some(before) = state.recent.back().filter(|r| r.height + 1 == row.height) {
                let next = row.proposer.and_then(|i| row.set.members().get(i)).map(|m| m.address);
                state.diagnosis.observe(before, next.as_ref());
            }
            state.remember(Arc::new(row));
        }
        if let Some(set) = saved.head_set {
            state.sets.insert(set.hash().into(), set);
        }
        state
    }

    /// The last block seen.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The height whose validator set must be given before the next block can be counted.
    pub fn wanted_set(&self) -> Option<(i64, &str)> {
        let head = self.head.as_ref()?;
        (!self.sets.contains_key(&head.set_hash)).then_some((head.height, head.set_hash.as_str()))
    }

    /// The set of the head, or the newest one counted.
    pub fn set(&self) -> Option<&Arc<Set>> {
        let head = self.head.as_ref().and_then(|h| self.sets.get(&h.set_hash));
        head.or_else(|| self.recent.back().map(|row| &row.set))
    }

    /// The set with this hash, where it is at hand.
    pub fn set_of(&self, hash: &str) -> Option<Arc<Set>> {
        self.sets.get(hash).cloned()
    }

    /// Counters of a validator.
    pub fn tally(&self, address: &Address) -> Option<&Tally> {
        self.tallies.get(address)
    }

    /// Slashing state, where it is known.
    pub fn windows(&self) -> Option<&Windows> {
        self.windows.as_ref()
    }

    /// Which SDK line the chain runs, where it has been asked.
    pub fn line(&self) -> Option<&Arc<Verdict>> {
        self.line.as_ref()
    }

    /// x/staking's validators, where they are known.
    pub fn profiles(&self) -> Option<&Profiles> {
        self.profiles.as_ref()
    }

    /// Probabilities of jail, as they were computed last.
    pub fn outlook(&self) -> &BTreeMap<Address, Chance> {
        &self.outlook
    }

    /// Whether the chain has contradicted and no anchor has said why yet.
    pub fn is_suspicious(&self) -> bool {
        !self.suspicions.is_empty()
    }

    /// The newest counted heights, ascending.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &Arc<Row>> {
        self.recent.iter()
    }

    /// Median block interval, nanoseconds.
    pub fn pace(&self) -> Option<i64> {
        self.pace.median()
    }

    /// Rows of a gap have been found after all: they count in the tallies. The windows have been read anew since.
    pub fn found(&mut self, rows: &[Arc<Row>]) {
        for row in rows {
            tally::count_late(&mut self.tallies, row);
            let at = self.recent.partition_point(|r| r.height < row.height);
            self.recent.insert(at, row.clone());
        }
        self.recent.drain(..self.recent.len().saturating_sub(RECENT));
        let touched: BTreeSet<Address> =
            rows.iter().flat_map(|row| row.set.members().iter().map(|m| m.address)).collect();
        for address in touched {
            let tally = self.tallies.entry(address).or_default();
            tally::streak(tally, self.recent.iter().rev().filter_map(|row| row.of(&address)));
        }
        self.unknown_heights = self.unknown_heights.saturating_sub(rows.len() as u64);
    }

    fn remember(&mut self, row: Arc<Row>) {
        if let Some(last) = self.recent.back().filter(|last| last.height + 1 == row.height) {
            self.pace.add(row.time - last.time);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(row);
    }

    /// Forgets sets that nothing refers to.
    fn prune_sets(&mut self) {
        if self.sets.len() > 64 {
            let head = self.head.as_ref().map(|h| h.set_hash.clone());
            self.sets.retain(|hash, set| Some(hash) == head.as_ref() || Arc::strong_count(set) > 1);
        }
    }
}

/// Takes one event in.
pub fn apply(mut state: State, event: Event) -> (State, Vec<Change>) {
    let mut changes = Vec::new();
    match event {
        Event::Block(block) => take_block(&mut state, &block, &mut changes),
        Event::Set(set) => {
            state.prune_sets();
            state.sets.insert(set.hash().into(), Arc::new(set));
        }
        Event::Anchor(windows) => {
            state.no_slashing = false;
            state.pending = Some(windows);
            witness::join_anchor(&mut state, &mut changes);
        }
        Event::NoSlashing => {
            state.no_slashing = true;
            state.windows = None;
        }
        Event::Line(verdict) => state.line = Some(verdict),
        Event::Profiles(profiles) => state.profiles = Some(profiles),
        Event::Outlook(outlook) => {
            state.outlook.retain(|a, _| state.windows.as_ref().is_some_and(|w| w.entries.contains_key(a)));
            state.outlook.extend(outlook);
        }
        Event::Duties(duties) => state.duties = std::mem::take(&mut state.duties).updated(*duties),
    }
    (state, changes)
}

fn take_block(state: &mut State, block: &Block, changes: &mut Vec<Change>) {
    let expected = state.head.as_ref().map(|head| head.height + 1);
    match expected {
        Some(expected) if block.height < expected => return,
        Some(expected) if block.height == expected => {
            if let Err(refusal) = count(state, block, changes) {
                changes.push(refusal);
                return;
            }
        }
        Some(expected) => {
            // The commit in this block counts a height whose header, proposer and set were never seen.
            let (from, to) = (expected - 1, block.height - 1);
            state.unknown_heights += u64::try_from(to - from + 1).unwrap_or(0);
            state.windows = None;
            changes.push(Change::Gap { from, to });
        }
        None => {}
    }
    if block.evidence > 0 {
        changes.push(Change::Evidence { height: block.height });
        state.evidence_time = Some(block.time);
    }
    if block.claims.as_ref().is_some_and(|claims| claims.decided) {
        changes.push(Change::Decided { height: block.height });
    }
    state.diagnosis.saw(block.height, block.transactions);
    state.head = Some(Head::of(block));
    witness::join_anchor(state, changes);
}

/// Counts the head's height with the commit of `block`, the next one.
fn count(state: &mut State, block: &Block, changes: &mut Vec<Change>) -> Result<(), Change> {
    let Some(head) = state.head.as_ref() else { return Ok(()) };
    let height = head.height;
    let set = state.sets.get(&head.set_hash).cloned().ok_or(Change::SetMissing { height })?;
    let members = set.members().len();
    let Some(row) = row::join(head, set, block).map(Arc::new) else {
        let entries = block.commit.as_ref().filter(|c| c.height == height).map_or(0, |c| c.votes.len());
        let hash = head.set_hash.clone();
        state.sets.remove(&hash);
        return Err(Change::Misaligned { height, members, entries });
    };
    let before = state.recent.back().filter(|r| r.height + 1 == height).map(|r| r.set.clone());
    if let Some(before) = before.as_ref().filter(|before| !Arc::ptr_eq(before, &row.set)) {
        compare_sets(before, &row.set, height, changes);
    }
    for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
        state.tallies.entry(member.address).or_default().count(*flag, row.proposer == Some(index));
    }
    if let Some(windows) = state.windows.as_mut() {
        let step = windows.step(&row, before.as_deref(), block.time);
        changes.extend(step.jailed.iter().map(|a| Change::Jailed { address: *a, height: block.height }));
        let outside = witness::noted(block.claims.as_ref(), &step, block.evidence > 0);
        state.outside.extend(outside.into_iter().map(|what| (block.height, what)));
        state.outside.drain(..state.outside.len().saturating_sub(RECENT));
        if let Some(claims) = &block.claims {
            let before = changes.len();
            witness::check(windows, &step, claims, block.evidence > 0, block.height, changes);
            let contradicts = |c: &&Change| matches!(c, Change::Contradicted { .. });
            state.suspicions.extend(changes[before..].iter().filter(contradicts).map(|_| block.height));
        }
    }
    state.diagnosis.observe(&row, block.proposer.as_ref());
    state.remember(row.clone());
    changes.push(Change::Counted(row));
    Ok(())
}

fn compare_sets(before: &Set, now: &Set, height: i64, changes: &mut Vec<Change>) {
    let missing = |from: &Set, member: &Address| from.index(member).is_none();
    let entered = now.members().iter().map(|m| m.address).filter(|a| missing(before, a));
    changes.extend(entered.map(|address| Change::Entered { address, height }));
    let left = before.members().iter().map(|m| m.address).filter(|a| missing(now, a));
    changes.extend(left.map(|address| Change::Left { address, height }));
}

#[cfg(test)]
mod tests;
