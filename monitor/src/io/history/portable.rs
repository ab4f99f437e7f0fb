//! A whole history as one file that can be carried: lines of JSON, the rows sealed as in the store, a checksum at the end.
//!
//! Into an empty history the file is restored as it was. Into another one it is merged: nothing that is there is
//! overwritten, and what differs is said. Nothing is written before the checksum has been found right.

use super::{History, HistoryError, Merged, Reader, profile, read, rollup, write};
use crate::chain::Head;
use crate::history::chunk::{self, Dictionary, Sealed};
use crate::history::note::{Happened, Kind, Note};
use crate::history::segment::Segment;
use crate::history::{CHUNK, DAY, HOUR};
use crate::row::Row;
use crate::set::{Member, Set};
use crate::tally::Tally;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use comet::key::Address;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};
use std::sync::Arc;

const VERSION: u32 = 1;

/// Why a file cannot be written or taken in.
#[derive(Debug, thiserror::Error)]
pub enum PortableError {
    /// The store.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The file.
    #[error("{0}\ntry: check the disk and the path")]
    Io(#[from] std::io::Error),
    /// Cut, changed, or something else.
    #[error("line {line}: {reason}\ntry: export again, and copy the file whole; nothing has been imported")]
    Damaged {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// Of a later version.
    #[error(
        "the file is of version {found}, this program reads {VERSION}\ntry: the palisade-monitor that wrote it"
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// Of another chain.
    #[error("the file is of chain {found:?}, not {expected:?}\ntry: --chain {found}")]
    Chain {
        /// Its chain.
        found: String,
        /// The one that was asked for.
        expected: String,
    },
}

type Hex = String;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    PalisadeHistory {
        version: u32,
        chain_id: String,
        forgotten: Option<i64>,
    },
    Validator {
        number: u64,
        address: Hex,
        key: Hex,
    },
    Rows {
        frame: String,
        runs: Vec<(u64, String)>,
    },
    Rollup {
        span: i64,
        start: i64,
        address: Hex,
        counts: [u64; 7],
    },
    Event {
        height: i64,
        time: i64,
        kind: String,
        address: Option<Hex>,
    },
    Gap {
        from: i64,
        to: i64,
    },
    Name {
        address: Hex,
        valoper: String,
        moniker: String,
        jailed: bool,
    },
    Tally {
        address: Hex,
        counts: [u64; 5],
    },
    Head {
        height: i64,
        time: i64,
        hash: String,
        proposer: Option<Hex>,
        members: Option<Vec<(Hex, i64, Hex)>>,
    },
    Sha256(Hex),
}

/// Validators by number, in memory.
#[derive(Default)]
struct Numbers {
    numbers: HashMap<(Address, Vec<u8>), u64>,
    validators: Vec<(Address, Vec<u8>)>,
}

impl Dictionary for Numbers {
    fn number(&mut self, address: &Address, key: &[u8]) -> u64 {
        let next = self.validators.len() as u64;
        *self.numbers.entry((*address, key.into())).or_insert_with(|| {
            self.validators.push((*address, key.into()));
            next
        })
    }

    fn validator(&self, number: u64) -> Option<(Address, Vec<u8>)> {
        self.validators.get(usize::try_from(number).ok()?).cloned()
    }
}

struct Out<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Out<W> {
    fn line(&mut self, line: &Line) -> std::io::Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        self.hash.update(&text);
        self.out.write_all(text.as_bytes())
    }
}

/// Writes the history of `chain_id` to `out`; how many rows there were.
pub fn export(reader: &Reader, chain_id: &str, out: impl Write) -> Result<u64, PortableError> {
    let failed = |e| PortableError::History(reader.failed(e));
    let connection = reader.connection();
    let mut out = Out { out, hash: Sha256::new() };
    let forgotten = rollup::progress(connection, "forgotten").map_err(failed)?;
    out.line(&Line::PalisadeHistory { version: VERSION, chain_id: chain_id.into(), forgotten })?;
    let mut book = Numbers::default();
    let (mut said, mut count, mut result) = (0, 0, Ok(()));
    read::rows(connection, 0..=i64::MAX - CHUNK, None, |rows| {
        count += rows.len() as u64;
        let sealed = chunk::seal(rows, &mut book);
        let mut write = || {
            for (number, (address, key)) in book.validators.iter().enumerate().skip(said) {
                let (number, key) = (number as u64, hex::encode(key));
                out.line(&Line::Validator { number, address: address.to_string(), key })?;
            }
            let runs = sealed.runs.iter().map(|(number, runs)| (*number, BASE64.encode(runs))).collect();
            out.line(&Line::Rows { frame: BASE64.encode(&sealed.frame), runs })
        };
        if result.is_ok() {
            result = write();
        }
        said = book.validators.len();
    })
    .map_err(failed)?;
    result?;
    for span in [HOUR, DAY] {
        for (start, address, s) in read::rollups(connection, span, 0..=i64::MAX, None).map_err(failed)? {
            let counts = [s.signed, s.missed, s.nil, s.proposed, s.head, s.tail, s.longest];
            out.line(&Line::Rollup { span, start, address: address.to_string(), counts })?;
        }
    }
    for event in read::events(connection, 0..=i64::MAX).map_err(failed)? {
        let Happened { height, time, kind, address } = event;
        let address = address.map(|a| a.to_string());
        out.line(&Line::Event { height, time, kind: kind.name().into(), address })?;
    }
    for gap in read::gaps(connection).map_err(failed)? {
        out.line(&Line::Gap { from: *gap.start(), to: *gap.end() })?;
    }
    for (address, name) in reader.names()? {
        let profile::Name { valoper, moniker, jailed } = name;
        out.line(&Line::Name { address: address.to_string(), valoper, moniker, jailed })?;
    }
    for (address, t) in read::tallies(connection).map_err(failed)? {
        let counts = [t.signed, t.missed, t.nil, t.consecutive_missed, t.proposed];
        out.line(&Line::Tally { address: address.to_string(), counts })?;
    }
    if let Some(Head { height, time, set_hash, proposer }) = read::head(connection).map_err(failed)? {
        let set = read::set(connection, &set_hash).map_err(failed)?;
        let member = |m: &Member| (m.address.to_string(), m.power, hex::encode(&m.key));
        let members = set.map(|set| set.members().iter().map(member).collect());
        let proposer = proposer.map(|p| p.to_string());
        out.line(&Line::Head { height, time, hash: set_hash, proposer, members })?;
    }
    let hash = hex::encode(out.hash.clone().finalize());
    out.line(&Line::Sha256(hash))?;
    out.out.flush()?;
    Ok(count)
}

/// Reads all of a file and says whether it is whole: its version, chain and checksum.
pub fn check(input: impl BufRead, chain_id: &str) -> Result<(), PortableError> {
    let mut hash = Sha256::new();
    let mut closed = false;
    let mut number = 0;
    for text in input.lines() {
        number += 1;
        let damaged = |reason: &str| PortableError::Damaged { line: number, reason: reason.into() };
        let text = text.map_err(|e| damaged(&e.to_string()))?;
        if closed {
            return Err(damaged("there is something after the checksum"));
        }
        let line: Line = serde_json::from_str(&text).map_err(|e| damaged(&e.to_string()))?;
        match line {
            Line::PalisadeHistory { version, chain_id: found, .. } if number == 1 => {
                if version != VERSION {
                    return Err(PortableError::Version { found: version });
                }
                if found != chain_id {
                    return Err(PortableError::Chain { found, expected: chain_id.into() });
                }
            }
            _ if number == 1 => return Err(damaged("it is no history of palisade-monitor")),
            Line::Sha256(expected) => {
                if hex::encode(hash.clone().finalize()) != expected {
                    return Err(damaged("the checksum is wrong, the file was changed"));
                }
                closed = true;
            }
            _ => {}
        }
        hash.update(&text);
        hash.update("\n");
    }
    if closed {
        Ok(())
    } else {
        Err(PortableError::Damaged { line: number, reason: "the file ends too early".into() })
    }
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Of the rows. `new` is left empty: `rows` counts them.
    pub merged: Merged,
    /// Rows that were not there.
    pub rows: u64,
    /// Rows at or above the own head, which the monitor counts itself.
    pub ahead: u64,
    /// The history was empty and is now as the file says.
    pub restored: bool,
}

/// Takes in a file that [`check`] has found whole.
pub fn import(history: &mut History, input: impl BufRead) -> Result<Imported, PortableError> {
    let failed = |history: &History, e| PortableError::History(history.failed(e));
    let head = read::head(history.connection()).map_err(|e| failed(history, e))?;
    let bounds = read::bounds(history.connection()).map_err(|e| failed(history, e))?;
    let restored = head.is_none() && bounds.is_none();
    let limit = head.map_or(i64::MAX, |head| head.height);
    let mut done = Imported { restored, ..Imported::default() };
    let mut book = Numbers::default();
    for (number, text) in input.lines().enumerate() {
        let damaged = |reason: &str| PortableError::Damaged { line: number + 1, reason: reason.into() };
        let line: Line = serde_json::from_str(&text?).map_err(|e| damaged(&e.to_string()))?;
        let who = |hex: &str| Address::from_hex(hex).ok_or_else(|| damaged("an address is none"));
        match line {
            Line::Validator { number, address, key } => {
                let key = hex::decode(&key).map_err(|_| damaged("a key is no hex"))?;
                if book.number(&who(&address)?, &key) != number {
                    return Err(damaged("validators are not in order"));
                }
            }
            Line::Rows { frame, runs } => {
                let bytes = |text: &str| BASE64.decode(text).map_err(|_| damaged("it is not base64"));
                let runs = runs.iter().map(|(n, runs)| Ok((*n, bytes(runs)?)));
                let sealed = Sealed {
                    frame: bytes(&frame)?,
                    runs: runs.collect::<Result<BTreeMap<_, _>, PortableError>>()?,
                };
                let rows = chunk::open(&sealed, &book).ok_or_else(|| damaged("the rows cannot be opened"))?;
                let mut rows: Vec<Arc<Row>> = rows.into_iter().map(Arc::new).collect();
                let below = rows.partition_point(|row| row.height < limit);
                done.ahead += (rows.len() - below) as u64;
                rows.truncate(below);
                let merged = history.merge(&rows, !restored)?;
                done.rows += merged.new.len() as u64;
                done.merged.same += merged.same;
                done.merged.forgotten += merged.forgotten;
                done.merged.differ.extend(merged.differ);
            }
            other => {
                let error = restore_line(history, other, restored, &who)?;
                error.map_err(|e| failed(history, e))?;
            }
        }
    }
    while history.maintain()? {}
    Ok(done)
}

/// All that is no row. What a history already has stays; counters, rollups and head only go into an empty one.
fn restore_line(
    history: &mut History,
    line: Line,
    restored: bool,
    who: &dyn Fn(&str) -> Result<Address, PortableError>,
) -> Result<rusqlite::Result<()>, PortableError> {
    let connection = history.connection();
    Ok(match line {
        Line::Event { height, time, kind, address } => {
            let address = address.as_deref().map(who).transpose()?;
            match Kind::parse(&kind) {
                Some(kind) => {
                    write::put_note(connection, &Note::Happened(Happened { height, time, kind, address }))
                }
                None => Ok(()),
            }
        }
        Line::Name { address, valoper, moniker, jailed } => {
            profile::put_if_new(connection, &who(&address)?, &profile::Name { valoper, moniker, jailed })
        }
        Line::Gap { from, to } if restored => write::put_note(connection, &Note::Gap { from, to }),
        Line::PalisadeHistory { forgotten: Some(height), .. } if restored => {
            rollup::set_progress(connection, "forgotten", height)
        }
        Line::Rollup {
            span,
            start,
            address,
            counts: [signed, missed, nil, proposed, head, tail, longest],
        } if restored => {
            let segment = Segment { signed, missed, nil, proposed, head, tail, longest };
            let name = if span == HOUR { "rolled" } else { "days" };
            rollup::put(connection, span, start, &BTreeMap::from([(who(&address)?, segment)]))
                .and_then(|()| rollup::progress(connection, name))
                .and_then(|at| rollup::set_progress(connection, name, at.unwrap_or(0).max(start + span)))
        }
        Line::Tally { address, counts: [signed, missed, nil, consecutive_missed, proposed] } if restored => {
            let tally = Tally { signed, missed, nil, consecutive_missed, proposed };
            write::put_tally(connection, &who(&address)?, &tally)
        }
        Line::Head { height, time, hash, proposer, members: Some(members) } if restored => {
            let proposer = proposer.as_deref().map(who).transpose()?;
            let member = |(address, power, key): (Hex, i64, Hex)| {
                Ok(Member { address: who(&address)?, power, key: hex::decode(key).unwrap_or_default() })
            };
            let members = members.into_iter().map(member).collect::<Result<_, PortableError>>()?;
            let set = Arc::new(Set::new(hash.clone(), members));
            let head = Head { height, time, set_hash: hash, proposer };
            let written = super::Written { head: Some(&head), head_set: Some(&set), ..Default::default() };
            history.record(written, |_| None)?;
            Ok(())
        }
        _ => Ok(()),
    })
}
