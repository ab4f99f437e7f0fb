//! Families with one series for each endpoint of a chain, and the view that they and the page show.

use super::{Value, count, flag, int};
use crate::health::Class;
use serde::Serialize;

/// Health of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SourceView {
    /// `host:port`, with the path where there is one.
    pub endpoint: String,
    /// `rpc`, `grpc` or `rest`.
    pub transport: &'static str,
    /// Answers, is on our chain and is not syncing.
    pub up: bool,
    /// Blocks are read from it now.
    pub chosen: bool,
    /// It is put aside and only asked for its status.
    pub quarantined: bool,
    /// Why: `other_chain`, `forked` or `lied`.
    pub quarantine: Option<&'static str>,
    /// It asked for less traffic, and is left alone for as long as it said.
    pub rate_limited: bool,
    /// Its latest height.
    pub height: Option<i64>,
    /// The lowest height it still has.
    pub earliest: Option<i64>,
    /// Blocks behind the best endpoint.
    pub lag: Option<i64>,
    /// Seconds since its last good answer.
    pub age_seconds: Option<f64>,
    /// Failed requests.
    pub errors: u64,
    /// The same by class, without those that did not happen.
    pub errors_by_class: Vec<(&'static str, u64)>,
    /// The last failure.
    pub last_error: Option<String>,
}

pub(super) const FAMILIES: &[(&str, &str, Value<SourceView>)] = &[
    ("source_up", "1 when it answers, is on this chain and is not syncing.", |s| Some(flag(s.up))),
    ("source_chosen", "1 when blocks are read from it.", |s| Some(flag(s.chosen))),
    ("source_quarantined", "1 when it is put aside: of another chain, with other blocks, or untrue.", |s| {
        Some(flag(s.quarantined))
    }),
    ("source_rate_limited", "1 while it wants to be left alone.", |s| Some(flag(s.rate_limited))),
    ("source_height", "Its latest height.", |s| s.height.map(int)),
    ("source_earliest_height", "The lowest height it still has.", |s| s.earliest.map(int)),
    ("source_lag_blocks", "Blocks behind the best endpoint.", |s| s.lag.map(int)),
    ("source_age_seconds", "Time since its last good answer.", |s| s.age_seconds),
];

/// Failed requests of one endpoint by class, every class from the start: a counter that appears with its first failure
/// hides that failure from `rate()`.
pub(super) fn errors(source: &SourceView) -> impl Iterator<Item = (&'static str, f64)> {
    Class::ALL.into_iter().map(|class| {
        let found = source.errors_by_class.iter().find(|(name, _)| *name == class.name());
        (class.name(), count(found.map_or(0, |(_, n)| *n)))
    })
}
