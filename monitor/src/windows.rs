//! x/slashing's state for every validator, stepped block by block from an anchor.
//!
//! The anchor is what the chain itself stores at one height; from there on each block advances all windows exactly as
//! BeginBlock does (spec/slashing.md §1, §3). A later anchor is first replayed to the same height and then compared:
//! differences are counted as disagreements, and the chain's word wins.

use crate::flag::Flag;
use crate::jailing::{Params, Window};
use crate::row::Row;
use crate::set::Set;
use comet::key::Address;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Where the windows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The module's raw store: bitmaps and counters, everything exact.
    Store,
    /// Signing infos only: counters are upper bounds between reads, forecasts are lower bounds.
    Counter,
}

impl Source {
    /// For labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Counter => "counter",
        }
    }
}

/// One validator's slashing state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its window.
    pub window: Window,
    /// In jail: not counted (§1 [A]).
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
    /// By consensus address.
    pub entries: BTreeMap<Address, Entry>,
}

/// What one step did to one validator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The counter of each validator that missed.
    pub liveness: BTreeMap<Address, i64>,
    /// Who went to jail.
    pub jailed: Vec<Address>,
}

impl Windows {
    /// BeginBlock of `row.height + 1` at `time`. `before` is the set of the height before `row`, to see who has just
    /// bonded; where it is not known nobody has.
    pub fn step(&mut self, row: &Row, before: Option<&Set>, time: i64) -> Step {
        let height = row.height + 1;
        let mut step = Step::default();
        for (member, flag) in row.set.members().iter().zip(&row.flags) {
            // In the set from U + 2 when bonded at the end of U (§3).
            let bonded = row.height - 2;
            let entered = before.is_some_and(|set| set.index(&member.address).is_none());
            let entry = self.entries.entry(member.address).or_insert_with(|| Entry::bonded(bonded));
            if entered {
                entry.window.start_height = bonded;
                entry.jailed = false;
                entry.jailed_since = bonded;
            }
            if entry.jailed || *flag == Flag::Unknown {
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
        self.height = height;
        step
    }

    /// A jailing that x/slashing did not decide: for double signing, or unseen because only the counter is known.
    pub fn jail(&mut self, address: &Address, height: i64) {
        let Some(entry) = self.entries.get_mut(address) else { return };
        entry.jailed = true;
        entry.jailed_since = height;
        if entry.window.bits.is_none() {
            entry.window.reset();
        }
    }

    /// Steps through the rows that follow this state up to `head`, with the jailings that other modules did in those
    /// blocks. `None` when rows are missing.
    pub fn replay(
        mut self,
        rows: &VecDeque<Arc<Row>>,
        jailings: &VecDeque<(i64, Address)>,
        head: i64,
        head_time: i64,
    ) -> Option<Self> {
        while self.height < head {
            let at = rows.binary_search_by_key(&self.height, |row| row.height).ok()?;
            let before = at.checked_sub(1).map(|i| &rows[i]).filter(|row| row.height + 1 == self.height);
            let time = rows.get(at + 1).map_or(head_time, |next| next.time);
            self.step(&rows[at], before.map(|row| &*row.set), time);
            let now = self.height;
            jailings
                .iter()
                .filter(|(height, _)| *height == now)
                .for_each(|(height, who)| self.jail(who, *height));
        }
        (self.height == head).then_some(self)
    }

    /// Members of `set` whose state differs from `other`'s, both at the same height.
    pub fn disagreements(&self, other: &Self, set: &Set) -> Vec<Address> {
        let differs = |address: &Address| match (self.entries.get(address), other.entries.get(address)) {
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
