//! Families with one series for each endpoint of a chain, and the view that they and the page show.

use super::{Value, count, flag, int};
use serde::Serialize;

/// Health of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SourceView {
    /// `host:port`
    pub endpoint: String,
    /// Answers, is on our chain and is not syncing.
    pub up: bool,
    /// Blocks are read from it now.
    pub chosen: bool,
    /// It answered with another chain id and is not asked for blocks.
    pub quarantined: bool,
    /// Its latest height.
    pub height: Option<i64>,
    /// Blocks behind the best endpoint.
    pub lag: Option<i64>,
    /// Seconds since its last good answer.
    pub age_seconds: Option<f64>,
    /// Failed requests.
    pub errors: u64,
    /// The last failure.
    pub last_error: Option<String>,
}

pub(super) const FAMILIES: &[(&str, &str, Value<SourceView>)] = &[
    ("source_up", "1 when it answers, is on this chain and is not syncing.", |s| Some(flag(s.up))),
    ("source_chosen", "1 when blocks are read from it.", |s| Some(flag(s.chosen))),
    ("source_quarantined", "1 when it answered with another chain id.", |s| Some(flag(s.quarantined))),
    ("source_height", "Its latest height.", |s| s.height.map(int)),
    ("source_lag_blocks", "Blocks behind the best endpoint.", |s| s.lag.map(int)),
    ("source_age_seconds", "Time since its last good answer.", |s| s.age_seconds),
    ("source_errors_total", "Requests to it that failed.", |s| Some(count(s.errors))),
];
