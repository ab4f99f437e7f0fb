//! Where in the text of a TOML file its values and tables stand.
//!
//! Names are compared as a node compares them, without regard to case.

use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file's values with their places.
pub(super) struct Layout<'t> {
    root: Spanned<DeTable<'t>>,
}

/// What stands under a path.
pub(super) enum Place {
    /// A value, there.
    Value(Range<usize>),
    /// No such key; a line for it belongs after this place, in the table that is named.
    After(usize),
    /// No such key, and no such table.
    NoTable,
    /// The key stands twice, in different case; or something on the way to it is no table.
    Unclear,
}

impl<'t> Layout<'t> {
    /// Reads the text.
    pub(super) fn of(text: &'t str) -> Result<Self, toml::de::Error> {
        Ok(Self { root: DeTable::parse(text)? })
    }

    /// Where the value of `key` stands or belongs; `key` has its tables before it, separated by dots.
    pub(super) fn find(&self, key: &str) -> Place {
        let mut table: &DeTable<'t> = self.root.get_ref();
        let mut start = 0;
        let (tables, name) = match key.rsplit_once('.') {
            Some((tables, name)) => (tables.split('.').collect(), name),
            None => (Vec::new(), key),
        };
        for part in tables {
            let mut inner = named(table, part);
            match (inner.next(), inner.next()) {
                (None, _) => return Place::NoTable,
                (Some(value), None) => {
                    let DeValue::Table(next) = value.get_ref() else { return Place::Unclear };
                    (table, start) = (next, value.span().end);
                }
                _ => return Place::Unclear,
            }
        }
        let mut found = named(table, name);
        match (found.next(), found.next()) {
            (Some(value), None) if value.get_ref().is_table() => Place::Unclear,
            (Some(value), None) => Place::Value(value.span()),
            (Some(_), Some(_)) => Place::Unclear,
            (None, _) => {
                let ends = table.values().filter(|v| !holds_tables(v.get_ref())).map(|v| v.span().end);
                Place::After(ends.max().unwrap_or(start))
            }
        }
    }
}

fn named<'a, 't>(table: &'a DeTable<'t>, name: &'a str) -> impl Iterator<Item = &'a Spanned<DeValue<'t>>> {
    table.iter().filter(move |(key, _)| key.get_ref().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Whether it may be written as `[table]` or `[[table]]` of its own, behind which the parent's keys cannot go on.
fn holds_tables(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items.iter().any(|item| item.get_ref().is_table()),
        _ => false,
    }
}
