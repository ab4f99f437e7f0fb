//! x/slashing's state for every validator, stepped block by block from an anchor.
//!
//! The anchor is what the chain itself stores at one height; from there on each block advances all windows exactly as
//! BeginBlock does (spec/slashing.md §1, §3), by the rules of the chain's SDK line. A later anchor is first replayed to
//! the same height and then compared: differences are counted as disagreements, and the chain's word wins.

use crate::flag::Flag;
use crate::jailing::{Params, Window};
use crate::line::Rules;
use crate::row::Row;
use crate::set::Set;
use comet::key::Address;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Where the windows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The module's raw store: bitmaps and counters, everything exact.
    Store,
    /// Signing infos, and the last blocks replayed: the newest slots are known, the others are between bounds.
    Replay,
    /// Signing infos only: counters are upper bounds between reads, forecasts are lower bounds.
    Counter,
}

impl Source {
    /// For labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Replay => "replay",
            Self::Counter => "counter",
        }
    }
}

/// One validator's slashing state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its window.
    pub window: Window,
    /// In jail; by the rules of the line still counted or not (§1 [A]).
    pub jailed: bool,
    /// Height at which `jailed` was last set or cleared.
    pub jailed_since: i64,
    /// Unix nanoseconds; `None` when never jailed.
    pub jailed_until: Option<i64>,
    /// Out for ever.
    pub tombstoned: bool,
}

impl Entry {
    fn bonded(start_height: i64) -> Self {
        let window = Window::fresh(start_height);
        Self { window, jailed: false, jailed_since: start_height, jailed_until: None, tombstoned: false }
    }
}

/// The slashing state after the BeginBlock of `height`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Height of the last handled block.
    pub height: i64,
    /// Parameters at the anchor.
    pub params: Params,
    /// How it was read.
    pub source: Source,
    /// Those of the chain's SDK line.
    pub rules: Rules,
    /// Height at which the chain stored it: bondings up to there are in it already.
    pub read_at: i64,
    /// By consensus address.
    pub entries: BTreeMap<Address, Entry>,
    /// Keys that were rotated to in the last block.
    pub rotated: Vec<Address>,
}

/// What one step did to one validator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The counter of each validator that missed: one number, or the bounds of what is not known exactly.
    pub liveness: BTreeMap<Address, RangeInclusive<i64>>,
    /// Who went to jail.
    pub jailed: Vec<Address>,
}

/// What other modules did to a validator in a block, as its events tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Jailed for what it signed, or by a module of the chain's own: its window is kept.
    Jailed(Address),
    /// Jailed for what it did not sign, where only the chain could know: its window is cleared.
    Idle(Address),
    /// Its consensus key was rotated (SDK 0.55): signing info and bitmap have a new address.
    Rotated {
        /// Address of the old key.
        old: Address,
        /// Address of the new one.
        new: Address,
    },
}

impl Windows {
    /// BeginBlock of `row.height + 1` at `time`. `before` is the set of the height before `row`, to see who has just
    /// bonded; where it is not known nobody has.
    pub fn step(&mut self, row: &Row, before: Option<&Set>, time: i64) -> Step {
        let height = row.height + 1;
        // In the set from U + 2 when bonded at the end of U (§3).
        let bonded = row.height - 2;
        let before = before.filter(|set| !std::ptr::eq(*set, &*row.set));
        let mut step = Step::default();
        for (member, flag) in row.set.members().iter().zip(&row.flags) {
            let entered = before.is_some_and(|set| set.index(&member.address).is_none());
            let entry = self.entries.entry(member.address).or_insert_with(|| Entry::bonded(bonded));
            // A rotated key enters as well; its bonding is older.
            if entered && bonded > self.read_at && !self.rotated.contains(&member.address) {
                if self.rules.renews_start {
                    entry.window.start_height = bonded;
                }
                // Not when it was jailed since: in the blocks before, which it was in the set of already once more.
                if entry.jailed_since <= bonded {
                    entry.jailed = false;
                    entry.jailed_since = bonded;
                }
            }
            if *flag == Flag::Unknown {
                continue;
            }
            if entry.jailed {
                if !self.rules.skips_jailed && entry.window.count(&self.params, flag.missed()).is_some() {
                    step.liveness.insert(member.address, entry.window.at_least()..=entry.window.missed);
                }
                continue;
            }
            let handled = entry.window.handle(&self.params, height, flag.missed());
            if let Some(counter) = handled.liveness {
                step.liveness.insert(member.address, counter);
            }
            if handled.jailed {
                entry.jailed = true;
                entry.jailed_since = height;
                entry.jailed_until = Some(time.saturating_add(self.params.jail_duration));
                step.jailed.push(member.address);
            }
        }
        self.rotated.clear();
        self.height = height;
        step
    }

    /// What x/slashing did not decide itself, in the block of `height`, after its own part.
    pub fn outside(&mut self, what: Outside, height: i64) {
        match what {
            Outside::Jailed(address) => {
                let _ = self.jail(&address, height);
            }
            Outside::Idle(address) => {
                let params = self.params;
                let Some(entry) = self.jail(&address, height) else { return };
                let graceful = height <= entry.window.start_height + params.window;
                if entry.window.missed > params.max_missed().unwrap_or(i64::MAX) && !graceful {
                    entry.window.reset();
                }
            }
            Outside::Rotated { old, new } => {
                let Some(entry) = self.entries.remove(&old).filter(|_| self.rules.rotates) else { return };
                self.entries.insert(new, entry);
                self.rotated.push(new);
            }
        }
    }

    fn jail(&mut self, address: &Address, height: i64) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(address)?;
        entry.jailed = true;
        entry.jailed_since = height;
        Some(entry)
    }

    /// How the window of one validator is known: better than [`Self::source`] where it has been watched long enough.
    pub fn source_of(&self, entry: &Entry) -> Source {
        let window = &entry.window;
        match (&window.bits, &window.partial) {
            (Some(_), _) if self.source == Source::Store => Source::Store,
            (Some(_), _) => Source::Replay,
            (None, Some(partial)) if partial.known(window.index_offset) > 0 => Source::Replay,
            _ => Source::Counter,
        }
    }

    /// Steps through the rows that follow this state up to `head`, with what other modules did in those blocks. `None`
    /// when rows are missing.
    pub fn replay(
        mut self,
        rows: &VecDeque<Arc<Row>>,
        outside: &VecDeque<(i64, Outside)>,
        head: i64,
        head_time: i64,
    ) -> Option<Self> {
        while self.height < head {
            let at = rows.binary_search_by_key(&self.height, |row| row.height).ok()?;
            let before = at.checked_sub(1).map(|i| &rows[i]).filter(|row| row.height + 1 == self.height);
            let time = rows.get(at + 1).map_or(head_time, |next| next.time);
            self.step(&rows[at], before.map(|row| &*row.set), time);
            let now = self.height;
            outside
                .iter()
                .filter(|(height, _)| *height == now)
                .for_each(|(_, what)| self.outside(*what, now));
        }
        (self.height == head).then_some(self)
    }

    /// Keeps what is known of the bits where `self`, read from the chain, has only counters, both at the same height.
    /// Who was counted differently is forgotten; those in `set` are returned, the chain may know more of the others.
    pub fn keep_bits_of(&mut self, own: &Self, set: &Set) -> Vec<Address> {
        let mut differ = Vec::new();
        for (address, entry) in self.entries.iter_mut().filter(|(_, e)| e.window.bits.is_none()) {
            let Some(known) = own.entries.get(address).map(|e| &e.window) else { continue };
            // Handled a different number of times with bounds only: it was not watched, nothing was claimed.
            let claimed = known.bits.is_some() || known.index_offset == entry.window.index_offset;
            if !entry.window.agree(&self.params, known) && claimed && set.index(address).is_some() {
                differ.push(*address);
            }
        }
        differ
    }

    /// Members of `set` whose state differs from `other`'s, both at the same height; only those with all bits known.
    pub fn disagreements(&self, other: &Self, set: &Set) -> Vec<Address> {
        let differs = |address: &Address| match (self.entries.get(address), other.entries.get(address)) {
            (Some(a), Some(_)) if a.window.bits.is_none() => false,
            (Some(a), Some(b)) => {
                a.jailed != b.jailed
                    || a.window.missed != b.window.missed
                    || a.window.index_offset != b.window.index_offset
                    || a.window.start_height != b.window.start_height
                    || (a.window.bits.is_some()
                        && b.window.bits.is_some()
                        && a.window.ghosts(&self.params) != b.window.ghosts(&other.params))
            }
            (a, b) => a.is_some() != b.is_some(),
        };
        set.members().iter().map(|m| m.address).filter(differs).collect()
    }
}
