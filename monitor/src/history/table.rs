//! Answers about a history, as tables for eyes, spreadsheets and programs.
//!
//! A moniker is hostile text: it cannot break a line of the table, and in CSV it is no formula.

use crate::decode::timestamp;
use serde_json::{Map, Value};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A share between 0 and 1.
    Ratio,
    /// Unix nanoseconds, shown as RFC 3339.
    Time,
}

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A whole number, or Unix nanoseconds.
    Int(i64),
    /// A share.
    Ratio(f64),
    /// Not known.
    Unknown,
}

impl From<u64> for Cell {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Unknown, Self::Ratio)
    }
}

/// Columns and rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name and kind of each column.
    pub columns: Vec<(&'static str, Kind)>,
    /// As many cells each.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    fn texts(&self, unknown: &str) -> Vec<Vec<String>> {
        let text = |(cell, (_, kind)): (&Cell, &(&str, Kind))| match (cell, kind) {
            (Cell::Unknown, _) => unknown.into(),
            (Cell::Text(text), _) => text.chars().filter(|c| !c.is_control()).collect(),
            (Cell::Int(time), Kind::Time) => timestamp(*time),
            (Cell::Int(n), _) => n.to_string(),
            (Cell::Ratio(share), _) => format!("{share:.6}"),
        };
        self.rows.iter().map(|row| row.iter().zip(&self.columns).map(text).collect()).collect()
    }

    /// For eyes: columns of even width, numbers to the right.
    pub fn text(&self) -> String {
        let texts = self.texts("-");
        let width = |at: usize| {
            let cells = texts.iter().map(|row| row[at].chars().count());
            cells.chain([self.columns[at].0.len()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for ((cell, width), (_, kind)) in cells.zip(&widths).zip(&self.columns) {
                let pad = " ".repeat(width - cell.chars().count());
                let (before, after) = match kind {
                    Kind::Int | Kind::Ratio => (pad.as_str(), ""),
                    Kind::Text | Kind::Time => ("", pad.as_str()),
                };
                line += &format!("{before}{cell}{after}  ");
            }
            line.truncate(line.trim_end().len());
            line + "\n"
        };
        let mut all = line(&mut self.columns.iter().map(|c| c.0));
        texts.iter().for_each(|row| all += &line(&mut row.iter().map(String::as_str)));
        all
    }

    /// RFC 4180. Text that a spreadsheet would take for a formula begins with an apostrophe.
    pub fn csv(&self) -> String {
        let field = |text: &str, kind: Kind| {
            let formula = kind == Kind::Text && text.starts_with(['=', '+', '-', '@']);
            let text = if formula { format!("'{text}") } else { text.into() };
            if text.contains(['"', ',', '\n', '\r']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text
            }
        };
        let names: Vec<_> = self.columns.iter().map(|c| c.0).collect();
        let mut all = names.join(",") + "\r\n";
        for row in self.texts("") {
            let fields: Vec<_> = row.iter().zip(&self.columns).map(|(t, (_, k))| field(t, *k)).collect();
            all += &(fields.join(",") + "\r\n");
        }
        all
    }

    /// A list of objects; what is not known is null.
    pub fn json(&self) -> String {
        let value = |(cell, (_, kind)): (&Cell, &(&str, Kind))| match (cell, kind) {
            (Cell::Unknown, _) => Value::Null,
            (Cell::Text(text), _) => text.as_str().into(),
            (Cell::Int(time), Kind::Time) => timestamp(*time).into(),
            (Cell::Int(n), _) => (*n).into(),
            (Cell::Ratio(share), _) => (*share).into(),
        };
        let object = |row: &Vec<Cell>| {
            let values = row.iter().zip(&self.columns).map(value);
            Value::Object(self.columns.iter().map(|c| c.0.to_owned()).zip(values).collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect()).to_string() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            columns: vec![
                ("moniker", Kind::Text),
                ("at", Kind::Time),
                ("missed", Kind::Int),
                ("uptime", Kind::Ratio),
            ],
            rows: vec![
                vec![Cell::Text("=cmd|\"x\"\n,y".into()), Cell::Int(0), Cell::Int(-3), Cell::Ratio(0.5)],
                vec![Cell::Text("é".into()), Cell::Unknown, Cell::Int(12), Cell::Unknown],
            ],
        }
    }

    #[test]
    fn hostile_text_stays_in_its_field() {
        let text = table().text();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert_eq!(text.lines().nth(2), Some("é           -                         12         -"));
        let csv = table().csv();
        assert_eq!(csv.split("\r\n").nth(1), Some("\"'=cmd|\"\"x\"\",y\",1970-01-01T00:00:00Z,-3,0.500000"));
        let json: Value = serde_json::from_str(&table().json()).unwrap();
        assert_eq!(json[0]["moniker"], "=cmd|\"x\"\n,y");
        assert_eq!((&json[1]["uptime"], &json[1]["missed"]), (&Value::Null, &Value::from(12)));
    }

    #[test]
    fn parquet_says_the_same() {
        use parquet::file::reader::{FileReader as _, SerializedFileReader};
        use parquet::record::RowAccessor as _;
        let bytes = crate::history::columnar::parquet(&table()).unwrap();
        let reader = SerializedFileReader::new(hyper::body::Bytes::from(bytes)).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows[0].get_string(0).unwrap(), "=cmd|\"x\"\n,y");
        assert_eq!((rows[1].get_long(2).unwrap(), rows[0].get_double(3).unwrap()), (12, 0.5));
        assert!(rows[1].get_double(3).is_err(), "null");
    }
}
