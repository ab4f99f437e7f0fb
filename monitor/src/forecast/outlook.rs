//! Probabilities of jail for many validators at once, from a copy of the windows: slow work, done beside the blocks.
//!
//! Blocks that a fifth of the other power missed too, or that needed more than one round, say nothing about a validator's
//! own habits. They are left out of the estimate, and never out of the counter.

use super::habit::{Priors, Record, down_after};
use super::walk::{Habit, Start, curve};
use crate::flag::Flag;
use crate::jailing::{Params, Partial};
use crate::row::Row;
use crate::set::Set;
use crate::windows::{Entry, Windows};
use comet::key::Address;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What is needed of a chain.
#[derive(Clone, Debug)]
pub struct Question {
    /// The windows.
    pub windows: Windows,
    /// The set.
    pub set: Arc<Set>,
    /// The newest rows, ascending.
    pub rows: VecDeque<Arc<Row>>,
    /// Median block time, nanoseconds.
    pub pace: i64,
    /// Who is asked for.
    pub who: BTreeSet<Address>,
    /// Of these, who deserves the finest steps.
    pub fine: BTreeSet<Address>,
}

/// The answer for one validator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance {
    /// Height of the windows.
    pub height: i64,
    /// P(jail) within an hour.
    pub hour: f64,
    /// Within a day.
    pub day: f64,
    /// Within a week.
    pub week: f64,
    /// Misses in its window that are its own.
    pub attributable: i64,
    /// Its habits.
    pub habit: Habit,
}

/// Steps a window for own validators, and for others.
const FINE: usize = 256;
const COARSE: usize = 96;
/// A window this small is walked block by block for everyone.
const SMALL: usize = 128;

/// Ages of misses (0 = the newest handled block), oldest first, and how many blocks are known.
struct Past {
    missed: Vec<usize>,
    span: usize,
}

/// Computes what is asked for.
pub fn answer(question: &Question) -> BTreeMap<Address, Chance> {
    let Question { windows, set, rows, pace, who, fine } = question;
    let params = &windows.params;
    let Some(limit) = params.max_missed() else { return BTreeMap::new() };
    let pasts: Vec<(usize, &Entry, Past)> = set
        .members()
        .iter()
        .enumerate()
        .filter_map(|(i, m)| Some((i, m, windows.entries.get(&m.address).filter(|e| !e.jailed)?)))
        .map(|(i, m, entry)| (i, entry, past(entry, params, rows, &m.address)))
        .collect();
    let shared = Shared::new(set, rows, windows.height, params.slots(), &pasts);
    let records: Vec<Record> = pasts.iter().map(|(i, _, past)| shared.record(*i, past).0).collect();
    let priors = Priors::fit(&records, as_float((*pace).max(1)) / 6e9);
    let mut out = BTreeMap::new();
    for (at, (index, entry, past)) in pasts.iter().enumerate() {
        let address = set.members()[*index].address;
        if !who.contains(&address) {
            continue;
        }
        let habit = priors.habit(&records[at]);
        let (start, steps) = (start(entry, params, limit, windows.height, &habit, past), params.slots());
        let steps = if steps <= SMALL {
            steps
        } else if fine.contains(&address) {
            FINE
        } else {
            COARSE
        };
        let blocks = |hours: f64| hours * 3.6e12 / as_float((*pace).max(1));
        let curve = curve(&habit, &start, blocks(168.0), steps);
        let attributable = shared.record(*index, past).1;
        out.insert(
            address,
            Chance {
                height: windows.height,
                hour: curve.at(blocks(1.0)),
                day: curve.at(blocks(24.0)),
                week: curve.at(blocks(168.0)),
                attributable,
                habit,
            },
        );
    }
    out
}

#[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds, a few digits are enough")]
fn as_float(n: i64) -> f64 {
    n as f64
}

/// From the bitmap where there is one, which survives restarts, and from the rows at hand where there is none.
fn past(entry: &Entry, params: &Params, rows: &VecDeque<Arc<Row>>, address: &Address) -> Past {
    let window = &entry.window;
    let slots = params.slots();
    if let Some(bits) = &window.bits {
        let span = usize::try_from(window.index_offset).unwrap_or(0).min(slots);
        if bits.count(slots) == 0 {
            return Past { missed: vec![], span };
        }
        let slot = window.slot(params);
        let missed = (0..span).rev().filter(|age| bits.get((slot + slots - 1 - age) % slots)).collect();
        return Past { missed, span };
    }
    let flags: Vec<Flag> =
        rows.iter().rev().take(slots).map_while(|r| r.of(address)).map(|(f, _)| f).collect();
    let missed = (0..flags.len()).rev().filter(|age| flags[*age].missed()).collect();
    Past { missed, span: flags.len() }
}

fn start(entry: &Entry, params: &Params, limit: i64, height: i64, habit: &Habit, past: &Past) -> Start {
    let window = &entry.window;
    let slots = params.slots();
    let slot = window.slot(params);
    // A slot that is not known does not fall out, which is the careful side.
    let old = match window.bits.as_ref().or(window.partial.as_ref().map(Partial::bits)) {
        Some(bits) => (0..slots).map(|j| bits.get((slot + j) % slots)).collect(),
        None => vec![false; slots],
    };
    let streak = past.missed.iter().rev().enumerate().take_while(|(i, age)| i == *age).count();
    Start {
        budget: limit - window.missed,
        limit: limit - window.ghosts(params).unwrap_or(0).max(0),
        guard: window.start_height + params.window + 1 - height,
        down: down_after(habit, streak as u64),
        old,
    }
}

/// What the set missed together.
struct Shared<'a> {
    set: &'a Set,
    total: i64,
    /// Absent power by age.
    absent: Vec<i64>,
    /// Needed more than one round, by age.
    late: Vec<bool>,
}

impl<'a> Shared<'a> {
    fn new(
        set: &'a Set,
        rows: &VecDeque<Arc<Row>>,
        height: i64,
        slots: usize,
        pasts: &[(usize, &Entry, Past)],
    ) -> Self {
        let mut absent = vec![0_i64; slots];
        for (index, _, past) in pasts {
            let power = set.members()[*index].power;
            past.missed.iter().for_each(|age| absent[*age] = absent[*age].saturating_add(power));
        }
        let mut late = vec![false; slots];
        for row in rows.iter().filter(|r| r.round > 0) {
            let age = usize::try_from(height - 1 - row.height).ok();
            if let Some(late) = age.and_then(|age| late.get_mut(age)) {
                *late = true;
            }
        }
        Self { set, total: set.power(), absent, late }
    }

    /// Whether the block of `age` says nothing about a validator of `power` that missed it.
    fn is_event(&self, age: usize, power: i64) -> bool {
        let others = self.total - power;
        self.late[age] || (self.absent[age] - power).saturating_mul(5) >= others.max(1)
    }

    /// The record without network events, and the misses in it.
    fn record(&self, index: usize, past: &Past) -> (Record, i64) {
        let power = self.set.members()[index].power;
        // A block that is left out closes no outage: those on both sides of it become neighbours. Whoever is down makes
        // rounds fail itself.
        let mut dropped = 0;
        let mut own = Vec::new();
        for age in past.missed.iter().rev() {
            if self.is_event(*age, power) { dropped += 1 } else { own.push(age - dropped) }
        }
        own.reverse();
        let attributable = i64::try_from(own.len()).unwrap_or(i64::MAX);
        (Record::read(own.into_iter(), past.span - dropped), attributable)
    }
}

#[cfg(test)]
mod tests;
