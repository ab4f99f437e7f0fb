//! `[history]`: for how long things are kept. Nothing is forgotten where nothing is said: a million blocks of 64
//! validators take about ten megabytes.

use super::ConfigError;
use crate::history::moment;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    keep_blocks: Option<i64>,
    keep: Option<String>,
    keep_hours: Option<String>,
}

/// For how long things are kept; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Rows: so many heights.
    pub blocks: Option<i64>,
    /// Rows: so many seconds.
    pub rows: Option<i64>,
    /// Hours: so many seconds. Days, events and counters stay for ever.
    pub hours: Option<i64>,
}

pub(super) fn resolve(raw: &Raw, file: &str) -> Result<Keep, ConfigError> {
    let syntax = |reason: String| ConfigError::Syntax { file: file.into(), reason };
    let seconds = |key: &str, text: &Option<String>| {
        let read = |text: &String| {
            let seconds = moment::seconds(text).filter(|s| *s >= 3600);
            seconds.ok_or_else(|| {
                syntax(format!("[history] {key} = {text:?} is no duration of an hour or more, as \"90d\""))
            })
        };
        text.as_ref().map(read).transpose()
    };
    if raw.keep_blocks.is_some_and(|blocks| blocks < 10_000) {
        return Err(syntax("[history] keep_blocks is less than 10000".into()));
    }
    let (rows, hours) = (seconds("keep", &raw.keep)?, seconds("keep_hours", &raw.keep_hours)?);
    if hours.is_some_and(|hours| rows.is_none_or(|rows| hours < rows)) {
        return Err(syntax(
            "[history] keep_hours is shorter than keep: hours must outlive their rows".into(),
        ));
    }
    Ok(Keep { blocks: raw.keep_blocks, rows, hours })
}
