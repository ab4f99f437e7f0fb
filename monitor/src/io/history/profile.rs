//! Who is who, for those who ask the history later; and who came out of jail, which no event of x/slashing says.

use super::write::put_note;
use crate::history::note::{Happened, Kind, Note};
use crate::profile::Profiles;
use comet::key::Address;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// A validator's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// `…valoper1…`
    pub valoper: String,
    /// What it calls itself.
    pub moniker: String,
    /// In jail when it was last seen.
    pub jailed: bool,
}

/// All names, by consensus address.
pub(super) fn names(connection: &Connection) -> rusqlite::Result<BTreeMap<Address, Name>> {
    let mut statement = connection.prepare_cached("SELECT address, valoper, moniker, jailed FROM profile")?;
    let read = statement.query_map([], |row| {
        let name = Name { valoper: row.get(1)?, moniker: row.get(2)?, jailed: row.get(3)? };
        Ok((Address::from_bytes(&row.get::<_, Vec<u8>>(0)?), name))
    })?;
    read.filter_map(|n| n.map(|(a, n)| Some((a?, n))).transpose()).collect()
}

/// Writes what is new about them. A change of `jailed` is an event at the height it was seen at, unless the jailing has
/// been seen in its block already.
pub(super) fn write(connection: &mut Connection, profiles: &Profiles, time: i64) -> rusqlite::Result<()> {
    let known = names(connection)?;
    let changed = |(address, p): &(&Address, &crate::profile::Profile)| {
        known.get(*address).is_none_or(|name| {
            name.valoper != p.valoper || name.moniker != p.moniker || name.jailed != p.jailed
        })
    };
    let changed: Vec<_> = profiles.by_address.iter().filter(changed).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for (address, profile) in changed {
        let before = known.get(address).is_some_and(|name| name.jailed);
        let height = profiles.height;
        let kind = if profile.jailed { Kind::Jailed } else { Kind::Unjailed };
        if before != profile.jailed && last(&transaction, address, height)? != Some(kind) {
            let note = Note::Happened(Happened { height, time, kind, address: Some(*address) });
            put_note(&transaction, &note)?;
        }
        transaction.execute(
            "INSERT OR REPLACE INTO profile VALUES (?1, ?2, ?3, ?4, ?5)",
            params![address.0, profile.valoper, profile.moniker, profile.jailed, height],
        )?;
    }
    transaction.commit()
}

/// Writes a name, unless there is one.
pub(super) fn put_if_new(connection: &Connection, address: &Address, name: &Name) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR IGNORE INTO profile VALUES (?1, ?2, ?3, ?4, 0)",
        params![address.0, name.valoper, name.moniker, name.jailed],
    )?;
    Ok(())
}

/// The last of the two kinds for this validator.
fn last(connection: &Connection, address: &Address, height: i64) -> rusqlite::Result<Option<Kind>> {
    let mut statement = connection.prepare_cached(
        "SELECT kind FROM event WHERE address = ?1 AND kind IN ('jailed', 'unjailed') AND height <= ?2 \
         ORDER BY height DESC LIMIT 1",
    )?;
    let mut rows = statement.query(params![address.0, height])?;
    Ok(rows.next()?.map(|row| row.get::<_, String>(0)).transpose()?.and_then(|kind| Kind::parse(&kind)))
}
