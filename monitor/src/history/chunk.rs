//! Rows sealed: what the rows of a chunk have in common is written once, column by column, and the flags validator by
//! validator, so that the years of one validator are read without those of the others.
//!
//! Validators are numbers of a dictionary that the store keeps. Sets are told as what changed since the one before: on a
//! busy chain every block has another set, because somebody delegated.

use super::{runs, varint};
use crate::flag::Flag;
use crate::row::Row;
use crate::set::{Member, Set};
use comet::key::Address;
use std::collections::BTreeMap;
use std::sync::Arc;

const VERSION: u8 = 1;

/// Validators by the number that chunks use for them.
pub trait Dictionary {
    /// The number of this validator, a new one where it has none.
    fn number(&mut self, address: &Address, key: &[u8]) -> u64;
    /// The validator of this number.
    fn validator(&self, number: u64) -> Option<(Address, Vec<u8>)>;
}

/// The rows of a chunk without flags, and the flags of those who did not sign all of them, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Heights, times, rounds, proposers, sets.
    pub frame: Vec<u8>,
    /// Runs of those who have any.
    pub runs: BTreeMap<u64, Vec<u8>>,
}

/// Seals ascending rows.
pub fn seal(rows: &[Arc<Row>], dictionary: &mut dyn Dictionary) -> Sealed {
    let mut frame = vec![VERSION];
    varint::put(&mut frame, rows.len() as u64);
    let (mut height, mut time) = (0, 0);
    for row in rows {
        varint::put_signed(&mut frame, row.height - height);
        varint::put_signed(&mut frame, row.time.wrapping_sub(time));
        (height, time) = (row.height, row.time);
    }
    put_runs(&mut frame, rows, |row| i64::from(row.round));
    for row in rows {
        varint::put(&mut frame, row.proposer.map_or(0, |p| p as u64 + 1));
    }
    let mut sets: Vec<&Arc<Set>> = Vec::new();
    let mut of_row = Vec::new();
    for row in rows {
        let known = sets.iter().rposition(|set| Arc::ptr_eq(set, &row.set) || **set == row.set);
        of_row.push(known.unwrap_or_else(|| {
            sets.push(&row.set);
            sets.len() - 1
        }));
    }
    put_runs(&mut frame, &of_row, |index| i64::try_from(*index).unwrap_or(0));
    varint::put(&mut frame, sets.len() as u64);
    let mut before: Vec<(u64, i64)> = Vec::new();
    for set in sets {
        before = put_set(&mut frame, set, &before, dictionary);
    }
    let mut flags: BTreeMap<u64, Vec<Flag>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        for (member, flag) in row.set.members().iter().zip(&row.flags).filter(|(_, f)| **f != Flag::Commit) {
            let number = dictionary.number(&member.address, &member.key);
            flags.entry(number).or_insert_with(|| vec![Flag::Commit; rows.len()])[at] = *flag;
        }
    }
    Sealed { frame, runs: flags.into_iter().map(|(number, flags)| (number, runs::pack(&flags))).collect() }
}

/// The rows again, with every flag a commit where `sealed.runs` says nothing else; `None` for what was never sealed.
pub fn open(sealed: &Sealed, dictionary: &dyn Dictionary) -> Option<Vec<Row>> {
    let bytes = &mut sealed.frame.as_slice();
    if varint::take_bytes(bytes, 1)? != [VERSION] {
        return None;
    }
    let count = varint::take_count(bytes)?;
    let (mut height, mut time) = (0i64, 0i64);
    let mut moments = Vec::with_capacity(count);
    for _ in 0..count {
        height = height.checked_add(varint::take_signed(bytes)?)?;
        time = time.wrapping_add(varint::take_signed(bytes)?);
        moments.push((height, time));
    }
    let rounds = take_runs(bytes, count)?;
    let proposers: Vec<u64> = (0..count).map(|_| varint::take(bytes)).collect::<Option<_>>()?;
    let of_row = take_runs(bytes, count)?;
    let mut sets = Vec::new();
    let mut before = Vec::new();
    for _ in 0..varint::take_count(bytes)? {
        let (set, numbers) = take_set(bytes, &before, dictionary)?;
        sets.push(Arc::new(set));
        before = numbers;
    }
    let mut rows = Vec::with_capacity(count);
    for (at, (height, time)) in moments.into_iter().enumerate() {
        let set = sets.get(usize::try_from(of_row[at]).ok()?)?.clone();
        let proposer = match proposers[at] {
            0 => None,
            p => Some(usize::try_from(p - 1).ok().filter(|p| *p < set.members().len())?),
        };
        let flags = vec![Flag::Commit; set.members().len()];
        rows.push(Row { height, time, round: i32::try_from(rounds[at]).ok()?, proposer, set, flags });
    }
    for (number, packed) in &sealed.runs {
        let (address, _) = dictionary.validator(*number)?;
        for (row, flag) in rows.iter_mut().zip(runs::unpack(packed, count)?) {
            if flag != Flag::Commit {
                let index = row.set.index(&address)?;
                row.flags[index] = flag;
            }
        }
    }
    Some(rows)
}

fn put_runs<T>(bytes: &mut Vec<u8>, items: &[T], value: impl Fn(&T) -> i64) {
    for run in items.chunk_by(|a, b| value(a) == value(b)) {
        varint::put(bytes, run.len() as u64);
        varint::put_signed(bytes, value(&run[0]));
    }
}

fn take_runs(bytes: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let length = usize::try_from(varint::take(bytes)?).ok()?;
        let value = varint::take_signed(bytes)?;
        if length == 0 || length > count - values.len() {
            return None;
        }
        values.resize(values.len() + length, value);
    }
    Some(values)
}

/// Writes a set: its hash, who left since `before`, who came or has another power. Gives its members back.
fn put_set(
    bytes: &mut Vec<u8>,
    set: &Set,
    before: &[(u64, i64)],
    dictionary: &mut dyn Dictionary,
) -> Vec<(u64, i64)> {
    put_hash(bytes, set.hash());
    let members = set.members().iter();
    let now: Vec<_> = members.map(|m| (dictionary.number(&m.address, &m.key), m.power)).collect();
    let (old, new): (BTreeMap<u64, i64>, BTreeMap<u64, i64>) =
        (before.iter().copied().collect(), now.iter().copied().collect());
    let sorted = in_order(new.clone(), dictionary).is_some_and(|sorted| sorted == now);
    bytes.push(u8::from(sorted));
    let (left, came): (Vec<_>, Vec<_>) = if sorted {
        let left = old.keys().filter(|n| !new.contains_key(n)).copied().collect();
        (left, new.iter().filter(|(n, p)| old.get(n) != Some(p)).map(|(n, p)| (*n, *p)).collect())
    } else {
        // An order of its own, or somebody twice: as it stands.
        (Vec::new(), now.clone())
    };
    varint::put(bytes, left.len() as u64);
    left.iter().for_each(|number| varint::put(bytes, *number));
    varint::put(bytes, came.len() as u64);
    for (number, power) in came {
        varint::put(bytes, number);
        varint::put_signed(bytes, power);
    }
    now
}

fn take_set(
    bytes: &mut &[u8],
    before: &[(u64, i64)],
    dictionary: &dyn Dictionary,
) -> Option<(Set, Vec<(u64, i64)>)> {
    let hash = take_hash(bytes)?;
    let sorted = varint::take_bytes(bytes, 1)? == [1];
    let left = (0..varint::take_count(bytes)?).map(|_| varint::take(bytes)).collect::<Option<Vec<_>>>()?;
    let came = (0..varint::take_count(bytes)?)
        .map(|_| Some((varint::take(bytes)?, varint::take_signed(bytes)?)))
        .collect::<Option<Vec<_>>>()?;
    let numbers = if sorted {
        let mut all: BTreeMap<u64, i64> = before.iter().copied().collect();
        all.retain(|number, _| !left.contains(number));
        all.extend(came);
        in_order(all, dictionary)?
    } else {
        came
    };
    let member = |(number, power): &(u64, i64)| {
        let (address, key) = dictionary.validator(*number)?;
        Some(Member { address, power: *power, key })
    };
    Some((Set::new(hash, numbers.iter().map(member).collect::<Option<_>>()?), numbers))
}

/// The order of every CometBFT set: most power first, then by address.
fn in_order(members: BTreeMap<u64, i64>, dictionary: &dyn Dictionary) -> Option<Vec<(u64, i64)>> {
    let keyed = members.into_iter().map(|(n, power)| Some((-power, dictionary.validator(n)?.0, n)));
    let mut keyed = keyed.collect::<Option<Vec<_>>>()?;
    keyed.sort_unstable();
    Some(keyed.into_iter().map(|(power, _, number)| (number, -power)).collect())
}

/// A hash of 32 bytes is written as such, any other text as it is.
fn put_hash(bytes: &mut Vec<u8>, hash: &str) {
    match hex::decode(hash).ok().filter(|raw| raw.len() == 32 && hex::encode_upper(raw) == hash) {
        Some(raw) => {
            bytes.push(0);
            bytes.extend_from_slice(&raw);
        }
        None => {
            varint::put(bytes, hash.len() as u64 + 1);
            bytes.extend_from_slice(hash.as_bytes());
        }
    }
}

fn take_hash(bytes: &mut &[u8]) -> Option<String> {
    match varint::take(bytes)? {
        0 => Some(hex::encode_upper(varint::take_bytes(bytes, 32)?)),
        length => {
            let text = varint::take_bytes(bytes, usize::try_from(length - 1).ok()?)?;
            String::from_utf8(text.to_vec()).ok()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
