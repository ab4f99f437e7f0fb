//! What has changed on a chain since a viewer was told last: a letter per validator and height, and the fields that
//! differ. A block of 1,000 validators is a few kilobytes so, where the whole view is most of a megabyte.
//!
//! `signed` and `flags` are never sent as fields: whoever follows the letters knows them. Fractions wobble with every
//! block and say little by it; they, and what is made of several values, are sent now and then, with four digits, and of
//! strangers what is made of several values is not sent at all: whoever looks at one of them asks for it.

use crate::metrics::Snapshot;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

type Fields = Map<String, Value>;

/// A chain as viewers know it.
#[derive(Clone, Debug)]
pub struct Image {
    /// Addresses; a letter's place is its validator's place here.
    order: Vec<String>,
    places: HashMap<String, usize>,
    rows: Vec<Fields>,
    facts: Fields,
}

/// What to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The difference.
    Delta(Value),
    /// Everything anew: the set has changed, or too much has happened.
    All,
}

impl Image {
    /// Of a chain as it is now, in its order.
    pub fn new(snapshot: &Snapshot) -> Self {
        let (facts, rows) = apart(snapshot);
        let order: Vec<String> = rows.iter().map(|row| address(row).to_owned()).collect();
        let places = order.iter().enumerate().map(|(place, a)| (a.clone(), place)).collect();
        let rows = rows.into_iter().map(|row| letters(row).0).collect();
        Self { order, places, rows, facts }
    }

    /// The whole chain for a new viewer, with the order that letters come in. `snapshot` is the one taken in last.
    pub fn whole(&self, snapshot: &Snapshot) -> Value {
        let (mut chain, rows) = apart(snapshot);
        chain.insert("validators".into(), rows.into_iter().map(Value::Object).collect());
        json!({ "order": self.order, "chain": chain })
    }

    /// Takes the chain as it is now. `slow`: fractions and structures as well.
    pub fn advance(&mut self, snapshot: &Snapshot, slow: bool) -> Told {
        let (facts, rows) = apart(snapshot);
        let to = |facts: &Fields| facts.get("grid_to").and_then(Value::as_i64);
        let (Some(now), known) = (to(&facts), rows.len() == self.rows.len()) else {
            return self.renew(snapshot);
        };
        let fresh = to(&self.facts).and_then(|before| usize::try_from(now - before).ok());
        let Some(fresh) = fresh.filter(|fresh| known && *fresh <= MOST) else { return self.renew(snapshot) };
        let mut columns = vec![vec!['-'; rows.len()]; fresh];
        let mut changes = Vec::new();
        for row in rows {
            let Some(place) = self.places.get(address(&row)).copied() else { return self.renew(snapshot) };
            let (row, letters) = letters(row);
            let skipped = letters.chars().count().saturating_sub(fresh);
            columns.iter_mut().zip(letters.chars().skip(skipped)).for_each(|(column, l)| column[place] = l);
            let changed = difference(&mut self.rows[place], row, slow);
            if !changed.is_empty() {
                changes.push(json!([place, changed]));
            }
        }
        let mut changed = difference(&mut self.facts, facts, slow);
        // Never old, whatever else is told.
        changed.insert("data_age_seconds".into(), json!(snapshot.data_age_seconds));
        let columns: Vec<String> = columns.into_iter().map(|column| column.into_iter().collect()).collect();
        Told::Delta(json!({ "columns": columns, "facts": changed, "rows": changes }))
    }

    fn renew(&mut self, snapshot: &Snapshot) -> Told {
        *self = Self::new(snapshot);
        Told::All
    }
}

/// Heights told as letters at once; after more everything is told anew.
const MOST: usize = 50;

/// The facts of the chain and the fields of its validators.
fn apart(snapshot: &Snapshot) -> (Fields, Vec<Fields>) {
    let Ok(Value::Object(mut facts)) = serde_json::to_value(snapshot) else { return Default::default() };
    let rows = match facts.remove("validators") {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    };
    let fields = |row| match row {
        Value::Object(mut fields) => {
            if fields.get("own") != Some(&Value::Bool(true)) {
                fields.retain(|_, value| !matches!(value, Value::Array(_) | Value::Object(_)));
            }
            Some(fields)
        }
        _ => None,
    };
    (facts, rows.into_iter().filter_map(fields).collect())
}

fn address(row: &Fields) -> &str {
    row.get("address").and_then(Value::as_str).unwrap_or_default()
}

/// The fields without what the letters tell, and the letters.
fn letters(mut row: Fields) -> (Fields, String) {
    row.remove("signed");
    match row.remove("flags") {
        Some(Value::String(letters)) => (row, letters),
        _ => (row, String::new()),
    }
}

/// Moves `known` to `now` and returns what was different. Slow fields wait for their turn.
fn difference(known: &mut Fields, now: Fields, slow: bool) -> Fields {
    let mut changed = Fields::new();
    for (name, mut value) in now {
        let before = known.get(&name);
        let quick = is_quick(&value) && before.is_none_or(is_quick);
        if !quick && !slow {
            continue;
        }
        shorten(&mut value);
        if before != Some(&value) {
            known.insert(name.clone(), value.clone());
            changed.insert(name, value);
        }
    }
    changed
}

fn is_quick(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(_) | Value::Object(_) => false,
        _ => true,
    }
}

/// Four digits.
fn shorten(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|n| format!("{n:.3e}").parse::<f64>().ok());
            if let Some(Value::Number(short)) = short.map(|n| json!(n)) {
                *number = short;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{ChainView, ValidatorView};

    fn snapshot(to: i64, flags: &[(&str, &str)], change: impl Fn(&mut ValidatorView)) -> Snapshot {
        let mut validators: Vec<_> = flags
            .iter()
            .map(|(address, flags)| ValidatorView {
                address: (*address).into(),
                flags: (*flags).into(),
                signed: 7,
                uptime_ratio: Some(0.123_456),
                ..ValidatorView::default()
            })
            .collect();
        validators.iter_mut().for_each(change);
        let chain = ChainView { grid_to: Some(to), validators, ..ChainView::default() }.into();
        Snapshot { chain, data_age_seconds: Some(0.5), ..Snapshot::default() }
    }

    #[test]
    fn a_block_is_a_letter_for_each_in_the_first_order() {
        let mut image = Image::new(&snapshot(10, &[("A", "ss"), ("B", "sm")], |_| {}));
        let next = snapshot(12, &[("B", "mN"), ("A", "ns")], |v| v.signed += 1);
        let Told::Delta(delta) = image.advance(&next, false) else { panic!("a new image") };
        assert_eq!(delta["columns"], json!(["nm", "sN"]));
        assert_eq!(delta["rows"], json!([]), "signed is told by the letters");
        assert_eq!(delta["facts"], json!({ "grid_to": 12, "data_age_seconds": 0.5 }));
    }

    #[test]
    fn only_what_differs_and_fractions_in_their_turn() {
        let mut image = Image::new(&snapshot(10, &[("A", "s"), ("B", "s")], |_| {}));
        let next = snapshot(10, &[("A", "s"), ("B", "s")], |v| {
            if v.address == "B" {
                v.missed = 3;
                v.uptime_ratio = Some(0.987_654);
            }
        });
        let Told::Delta(delta) = image.advance(&next, false) else { panic!("a new image") };
        assert_eq!(delta["rows"], json!([[1, { "missed": 3 }]]));
        assert_eq!(delta["columns"], json!([]));
        let Told::Delta(delta) = image.advance(&next, true) else { panic!("a new image") };
        assert_eq!(delta["rows"][1], json!([1, { "uptime_ratio": 0.9877 }]));
        let Told::Delta(delta) = image.advance(&next, true) else { panic!("a new image") };
        assert_eq!(delta["rows"], json!([]));
    }

    #[test]
    fn another_set_or_a_leap_tells_everything() {
        let first = snapshot(10, &[("A", "s")], |_| {});
        let leap = snapshot(10 + 51, &[("A", "s")], |_| {});
        let other = snapshot(11, &[("B", "s")], |_| {});
        let more = snapshot(11, &[("A", "s"), ("B", "s")], |_| {});
        let back = snapshot(9, &[("A", "s")], |_| {});
        let none = Snapshot::default();
        for then in [leap, other, more, back, none] {
            let mut image = Image::new(&first);
            assert_eq!(image.advance(&then, false), Told::All);
            assert_eq!(image.whole(&then)["order"].as_array().unwrap().len(), then.chain.validators.len());
        }
    }
}
