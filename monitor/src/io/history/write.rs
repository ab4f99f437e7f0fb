//! One transaction for all that one moment brought.

use super::Written;
use crate::flag;
use crate::history::note::Note;
use crate::row::Row;
use crate::set::{Member, Set};
use crate::tally::Tally;
use comet::key::Address;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::VecDeque;

/// Sets whose number is known without asking the file; on a busy chain nearly every block has another.
const KNOWN: usize = 16;

/// The numbers of the sets seen last.
#[derive(Debug, Default)]
pub(super) struct SetIds(VecDeque<(String, i64)>);

impl SetIds {
    /// The number of a set, which is written when it is new.
    pub(super) fn of(&mut self, connection: &Connection, set: &Set) -> rusqlite::Result<i64> {
        if let Some((_, id)) = self.0.iter().find(|(hash, _)| hash == set.hash()) {
            return Ok(*id);
        }
        let id = connection
            .prepare_cached("SELECT id FROM validator_set WHERE hash = ?1")?
            .query_row([set.hash()], |row| row.get(0))
            .optional()?;
        let id = match id {
            Some(id) => id,
            None => {
                connection
                    .prepare_cached("INSERT INTO validator_set (hash, members) VALUES (?1, ?2)")?
                    .execute(params![set.hash(), pack_members(set)])?;
                connection.last_insert_rowid()
            }
        };
        self.0.push_front((set.hash().into(), id));
        self.0.truncate(KNOWN);
        Ok(id)
    }

    /// Forgets all, because sets were deleted.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

pub(super) fn write<'t>(
    connection: &mut Connection,
    ids: &mut SetIds,
    written: Written<'_>,
    tally: impl Fn(&Address) -> Option<&'t Tally>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let result = (|| {
        if let Some(set) = written.head_set {
            ids.of(&transaction, set)?;
        }
        for row in written.rows {
            block(&transaction, ids, row)?;
        }
        let mut counted: Vec<Address> = Vec::new();
        for same in written.rows.chunk_by(|a, b| std::sync::Arc::ptr_eq(&a.set, &b.set)) {
            counted.extend(same[0].set.members().iter().map(|m| m.address));
        }
        counted.sort_unstable();
        counted.dedup();
        let mut put = transaction.prepare_cached(PUT_TALLY)?;
        for address in counted {
            if let Some(tally) = tally(&address) {
                put.execute(counters(&address, tally))?;
            }
        }
        drop(put);
        for note in written.notes {
            put_note(&transaction, note)?;
        }
        if let Some(head) = written.head {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO head VALUES (1, ?1, ?2, ?3, ?4)")?
                .execute(params![head.height, head.time, head.set_hash, head.proposer.map(|p| p.0)])?;
        }
        Ok(())
    })();
    if let Err(error) = result {
        // Numbers given out in here are void.
        ids.clear();
        return Err(error);
    }
    transaction.commit()
}

/// Writes a row among those that are not sealed.
pub(super) fn block(connection: &Connection, ids: &mut SetIds, row: &Row) -> rusqlite::Result<()> {
    let set = ids.of(connection, &row.set)?;
    let proposer = row.proposer.and_then(|p| i64::try_from(p).ok());
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO block (height, time, round, proposer, set_id, flags) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![row.height, row.time, row.round, proposer, set, flag::pack(&row.flags)])?;
    Ok(())
}

const PUT_TALLY: &str = "INSERT OR REPLACE INTO tally (address, signed, missed, nil, consecutive_missed, proposed) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

fn counters(address: &Address, t: &Tally) -> ([u8; 20], i64, i64, i64, i64, i64) {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    (
        address.0,
        count(t.signed),
        count(t.missed),
        count(t.nil),
        count(t.consecutive_missed),
        count(t.proposed),
    )
}

pub(super) fn put_tally(connection: &Connection, address: &Address, tally: &Tally) -> rusqlite::Result<()> {
    connection.prepare_cached(PUT_TALLY)?.execute(counters(address, tally))?;
    Ok(())
}

pub(super) fn put_note(connection: &Connection, note: &Note) -> rusqlite::Result<()> {
    match note {
        Note::Gap { from, to } => {
            connection
                .prepare_cached("INSERT OR REPLACE INTO gap VALUES (?1, ?2)")?
                .execute(params![from, to])?;
        }
        Note::Happened(event) => {
            // Of the whole chain: an empty address, because NULL would not be unique.
            let address = event.address.map(|a| a.0.to_vec()).unwrap_or_default();
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO event (height, kind, address, time) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![event.height, event.kind.name(), address, event.time])?;
        }
    }
    Ok(())
}

/// 20 bytes of address, 8 of power, one of key length, the key.
pub(crate) fn pack_members(set: &Set) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(set.members().len() * 61);
    for member in set.members() {
        bytes.extend_from_slice(&member.address.0);
        bytes.extend_from_slice(&member.power.to_be_bytes());
        let length = u8::try_from(member.key.len()).unwrap_or(0);
        bytes.push(length);
        bytes.extend_from_slice(&member.key[..length.into()]);
    }
    bytes
}

pub(super) fn unpack_members(mut bytes: &[u8]) -> Vec<Member> {
    let mut members = Vec::new();
    while let Some((fixed, rest)) = bytes.split_at_checked(29) {
        let Some((key, rest)) = rest.split_at_checked(fixed[28].into()) else { break };
        let power = fixed[20..28].iter().fold(0, |n: i64, b| n << 8 | i64::from(*b));
        let Some(address) = Address::from_bytes(&fixed[..20]) else { break };
        members.push(Member { address, power, key: key.into() });
        bytes = rest;
    }
    members
}
