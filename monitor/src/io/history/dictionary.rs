//! The numbers that chunks use for validators, as a table.

use crate::history::chunk::Dictionary;
use comet::key::Address;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap};

/// All validators of the file; new ones are written by [`Book::save`].
#[derive(Debug, Default)]
pub(super) struct Book {
    numbers: HashMap<(Address, Vec<u8>), u64>,
    validators: BTreeMap<u64, (Address, Vec<u8>)>,
    new: Vec<u64>,
}

impl Book {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut book = Self::default();
        let mut statement = connection.prepare_cached("SELECT id, address, key FROM validator")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(address) = Address::from_bytes(row.get_ref(1)?.as_blob()?) else { continue };
            book.add(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), address, row.get(2)?);
        }
        Ok(book)
    }

    fn add(&mut self, number: u64, address: Address, key: Vec<u8>) {
        self.numbers.insert((address, key.clone()), number);
        self.validators.insert(number, (address, key));
    }

    /// Writes the new ones.
    pub(super) fn save(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached("INSERT INTO validator VALUES (?1, ?2, ?3)")?;
        for number in self.new.drain(..) {
            let Some((address, key)) = self.validators.get(&number) else { continue };
            insert.execute(params![i64::try_from(number).unwrap_or(0), address.0, key])?;
        }
        Ok(())
    }

    /// The numbers of one address; more than one where it had several keys.
    pub(super) fn of(&self, address: &Address) -> Vec<u64> {
        self.validators.iter().filter(|(_, (a, _))| a == address).map(|(n, _)| *n).collect()
    }
}

impl Dictionary for Book {
    fn number(&mut self, address: &Address, key: &[u8]) -> u64 {
        if let Some(number) = self.numbers.get(&(*address, key.to_vec())) {
            return *number;
        }
        let number = self.validators.last_key_value().map_or(1, |(last, _)| last + 1);
        self.add(number, *address, key.into());
        self.new.push(number);
        number
    }

    fn validator(&self, number: u64) -> Option<(Address, Vec<u8>)> {
        self.validators.get(&number).cloned()
    }
}
