//! What operators ask a history: uptime, misses, events; each answer is a table.
//!
//! Uptime is exact to the height as far back as there are rows. Before that it is made of whole hours, and where those are
//! gone too nothing is said: `unknown_heights` counts the heights of the range without a row.

use super::profile::Name;
use super::{HistoryError, Reader, read, rollup};
use crate::history::moment::Moment;
use crate::history::note::Kind as Event;
use crate::history::segment::Segment;
use crate::history::table::{Cell, Kind, Table};
use crate::history::{DAY, HOUR, span_of};
use comet::key::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Over what the counters are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The whole range.
    Total,
    /// Each day, UTC.
    Day,
    /// Each hour.
    Hour,
}

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// Nobody is everybody.
    pub who: Vec<Address>,
    /// From here, inclusive; `None`: from the beginning.
    pub from: Option<Moment>,
    /// To here: a height is inclusive, a time is not.
    pub to: Option<Moment>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The file.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Nothing is there.
    #[error("the history holds no block yet\ntry: `palisade-monitor run` until the first block is counted")]
    Empty,
}

type Asked<T> = Result<T, AskError>;

const NAMES: [(&str, Kind); 3] = [("address", Kind::Text), ("valoper", Kind::Text), ("moniker", Kind::Text)];

fn names(names: &BTreeMap<Address, Name>, address: &Address) -> [Cell; 3] {
    let name = names.get(address);
    let text = |f: fn(&Name) -> &String| name.map_or(Cell::Unknown, |n| Cell::Text(f(n).clone()));
    [address.to_string().into(), text(|n| &n.valoper), text(|n| &n.moniker)]
}

/// The heights that are meant, within those that there are.
fn heights(reader: &Reader, question: &Question) -> Asked<RangeInclusive<i64>> {
    let failed = |e| AskError::History(reader.failed(e));
    let connection = reader.connection();
    let bounds = read::bounds(connection).map_err(failed)?.ok_or(AskError::Empty)?;
    let at = |time| read::height_at(connection, time).map_err(failed);
    let from = match question.from {
        None => *bounds.start(),
        Some(Moment::Height(height)) => height,
        Some(Moment::Time(time)) => at(time)?.unwrap_or(bounds.end() + 1),
    };
    let to = match question.to {
        None => *bounds.end(),
        Some(Moment::Height(height)) => height.min(*bounds.end()),
        Some(Moment::Time(time)) => at(time)?.map_or(*bounds.end(), |height| height - 1),
    };
    Ok(from..=to)
}

fn only(who: &[Address]) -> Option<&Address> {
    if let [one] = who { Some(one) } else { None }
}

/// Signed, missed, nil, proposed, longest streak and uptime.
pub fn uptime(reader: &Reader, question: &Question, by: By) -> Asked<Table> {
    let failed = |e| AskError::History(reader.failed(e));
    let heights = heights(reader, question)?;
    let bucket = |time: i64| match by {
        By::Total => 0,
        By::Day => span_of(time, DAY),
        By::Hour => span_of(time, HOUR),
    };
    let asked = |address: &Address| question.who.is_empty() || question.who.contains(address);
    let mut sums: BTreeMap<(i64, Address), Segment> = BTreeMap::new();
    let until = forgotten(reader, question, &mut |start, address, segment| {
        if asked(&address) {
            let sum = sums.entry((bucket(start * 1_000_000_000), address)).or_default();
            *sum = sum.then(segment);
        }
    })
    .map_err(failed)?;
    let mut seen: BTreeMap<i64, (i64, i64, i64)> = BTreeMap::new();
    let take = |rows: &[std::sync::Arc<crate::row::Row>]| {
        for row in rows {
            let at = bucket(row.time);
            let part = seen.entry(at).or_insert((row.height, row.height, 0));
            *part = (part.0, row.height, part.2 + 1);
            if row.time < until {
                continue;
            }
            for (index, (member, flag)) in row.set.members().iter().zip(&row.flags).enumerate() {
                if asked(&member.address) {
                    let sum = sums.entry((at, member.address)).or_default();
                    *sum = sum.then(Segment::of(*flag, row.proposer == Some(index)));
                }
            }
        }
    };
    read::rows(reader.connection(), heights.clone(), only(&question.who), take).map_err(failed)?;
    let known = reader.names()?;
    let mut columns = NAMES.to_vec();
    if by != By::Total {
        columns.push(("start", Kind::Time));
    }
    for name in [
        "from_height",
        "to_height",
        "signed",
        "missed",
        "nil",
        "proposed",
        "longest_missed",
        "unknown_heights",
    ] {
        columns.push((name, Kind::Int));
    }
    columns.push(("uptime", Kind::Ratio));
    let mut rows = Vec::new();
    for ((at, address), sum) in &sums {
        let mut row = names(&known, address).to_vec();
        if by != By::Total {
            row.push((at * 1_000_000_000).into());
        }
        // Of the whole range what was asked for counts, of an hour what lies between its first and last row.
        let part = seen.get(at).copied();
        let (from, to) = match (by, part) {
            (By::Total, _) => (Some(*heights.start()), Some(*heights.end())),
            (_, part) => (part.map(|p| p.0), part.map(|p| p.1)),
        };
        let rows_there = part.map_or(0, |p| p.2);
        let unknown = from.zip(to).map(|(from, to)| (to - from + 1 - rows_there).max(0));
        let height = |height: Option<i64>| height.map_or(Cell::Unknown, Cell::Int);
        row.extend([height(from), height(to)]);
        row.extend([sum.signed, sum.missed, sum.nil, sum.proposed, sum.longest].map(Cell::from));
        row.extend([height(unknown), sum.uptime().into()]);
        rows.push(row);
    }
    Ok(Table { columns, rows })
}

/// Gives out the hours before the rows begin, where rows were forgotten and the range reaches back so far; Unix
/// nanoseconds from which on the rows are to be read.
fn forgotten(
    reader: &Reader,
    question: &Question,
    take: &mut dyn FnMut(i64, Address, Segment),
) -> rusqlite::Result<i64> {
    let connection = reader.connection();
    if rollup::progress(connection, "forgotten")?.is_none() {
        return Ok(i64::MIN);
    }
    let from = match question.from {
        None => i64::MIN,
        Some(Moment::Time(time)) => time,
        Some(Moment::Height(_)) => return Ok(i64::MIN),
    };
    let Some(first) = read::bounds(connection)?.map(|bounds| *bounds.start()) else { return Ok(i64::MIN) };
    let mut oldest = None;
    read::rows(connection, first..=first, None, |rows| oldest = rows.first().map(|row| row.time))?;
    // The hour in which the rows begin is whole only as a rollup.
    let begin = oldest.map_or(0, |time| span_of(time, HOUR));
    if from > begin * 1_000_000_000 {
        return Ok(i64::MIN);
    }
    let to = match question.to {
        Some(Moment::Time(time)) => time.div_euclid(1_000_000_000) - HOUR,
        _ => i64::MAX,
    };
    let from = from.div_euclid(1_000_000_000);
    let from = from.checked_add(HOUR - 1).map_or(from, |up| up - up.rem_euclid(HOUR));
    for (start, address, segment) in
        read::rollups(connection, HOUR, from..=begin.min(to), only(&question.who))?
    {
        take(start, address, segment);
    }
    Ok((begin + HOUR) * 1_000_000_000)
}

/// Every stretch of heights that somebody missed.
pub fn misses(reader: &Reader, question: &Question) -> Asked<Table> {
    let mut runs: Vec<(Address, i64, i64, i64, i64)> = Vec::new();
    let mut open: BTreeMap<Address, usize> = BTreeMap::new();
    let asked: BTreeSet<Address> = question.who.iter().copied().collect();
    let take = |rows: &[std::sync::Arc<crate::row::Row>]| {
        for row in rows {
            for (member, flag) in row.set.members().iter().zip(&row.flags) {
                if !flag.missed() || !(asked.is_empty() || asked.contains(&member.address)) {
                    continue;
                }
                let last = open.get(&member.address).copied();
                match last.and_then(|at| runs.get_mut(at)).filter(|run| run.2 + 1 == row.height) {
                    Some(run) => (run.2, run.4) = (row.height, row.time),
                    None => {
                        open.insert(member.address, runs.len());
                        runs.push((member.address, row.height, row.height, row.time, row.time));
                    }
                }
            }
        }
    };
    read::rows(reader.connection(), heights(reader, question)?, only(&question.who), take)
        .map_err(|e| reader.failed(e))?;
    let known = reader.names()?;
    let mut columns = NAMES.to_vec();
    columns.extend([("first_height", Kind::Int), ("last_height", Kind::Int), ("blocks", Kind::Int)]);
    columns.extend([("first_time", Kind::Time), ("last_time", Kind::Time)]);
    let row = |(who, first, last, from, to): (Address, i64, i64, i64, i64)| {
        let mut row = names(&known, &who).to_vec();
        row.extend([first, last, last - first + 1, from, to].map(Cell::from));
        row
    };
    Ok(Table { columns, rows: runs.into_iter().map(row).collect() })
}

/// What happened, of the kinds that are wanted.
pub fn events(reader: &Reader, question: &Question, kinds: &[Event]) -> Asked<Table> {
    // Events reach one block further than the rows: that of the head.
    let rows = heights(reader, question)?;
    let to = if question.to.is_none() { i64::MAX } else { *rows.end() };
    let from = if question.from.is_none() { 0 } else { *rows.start() };
    let events = read::events(reader.connection(), from..=to).map_err(|e| reader.failed(e))?;
    let known = reader.names()?;
    let mut columns = vec![("height", Kind::Int), ("time", Kind::Time), ("event", Kind::Text)];
    columns.extend(NAMES);
    let asked =
        |who: Option<Address>| question.who.is_empty() || who.is_some_and(|who| question.who.contains(&who));
    let wanted = events.into_iter().filter(|e| kinds.contains(&e.kind) && asked(e.address));
    let row = |event: crate::history::note::Happened| {
        let mut row = vec![event.height.into(), event.time.into(), event.kind.name().to_owned().into()];
        let who = event.address.map(|who| names(&known, &who));
        row.extend(who.unwrap_or([Cell::Unknown, Cell::Unknown, Cell::Unknown]));
        row
    };
    Ok(Table { columns, rows: wanted.map(row).collect() })
}
