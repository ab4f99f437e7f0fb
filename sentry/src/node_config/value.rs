//! A value as a node's configuration holds it.

use core::fmt;

/// What a key shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string; empty clears.
    Text(String),
    /// A boolean.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A number that may be larger already.
    AtLeast(i64),
    /// A list of strings; empty clears.
    List(Vec<String>),
}

impl Value {
    /// Whether a value that stands in a file will do. Nodes take the text "true" for true.
    pub fn is_met_by(&self, there: &toml::Value) -> bool {
        match (self, there) {
            (Self::Text(want), toml::Value::String(has)) => want == has,
            (Self::Flag(want), toml::Value::Boolean(has)) => want == has,
            (Self::Number(want), toml::Value::Integer(has)) => want == has,
            (Self::AtLeast(want), toml::Value::Integer(has)) => want <= has,
            (Self::List(want), toml::Value::Array(has)) => {
                want.len() == has.len() && want.iter().zip(has).all(|(w, h)| h.as_str() == Some(w))
            }
            _ => false,
        }
    }

    /// The same for a reader of TOML.
    pub(super) fn to_toml(&self) -> toml::Value {
        match self {
            Self::Text(text) => toml::Value::String(text.clone()),
            Self::Flag(flag) => toml::Value::Boolean(*flag),
            Self::Number(number) | Self::AtLeast(number) => toml::Value::Integer(*number),
            Self::List(items) => items.iter().cloned().map(toml::Value::String).collect::<Vec<_>>().into(),
        }
    }
}

impl fmt::Display for Value {
    /// As TOML on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quoted(f, text),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) | Self::AtLeast(number) => write!(f, "{number}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    quoted(f, item)?;
                }
                f.write_str("]")
            }
        }
    }
}

/// A basic string, as nodes write them.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{:04X}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
