//! Families about the histories, and about those to whom something is pushed.

use super::{Snapshot, Value, count, int};
use serde::Serialize;

/// The history of one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HistoryView {
    /// Heights with a row.
    pub rows: i64,
    /// Size of the file.
    pub bytes: i64,
    /// Lowest height with a row.
    pub oldest: Option<i64>,
    /// Heights that no endpoint has given yet.
    pub missing: i64,
}

/// What became of what was to be pushed to one receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// `remote_write` or `postgres`.
    pub kind: &'static str,
    /// Whom to: `host:port`.
    pub target: String,
    /// Samples or rows that were taken.
    pub sent: u64,
    /// Attempts that failed and are repeated.
    pub failed: u64,
    /// Samples that were given up.
    pub dropped: u64,
    /// Requests or heights that wait.
    pub waiting: u64,
    /// Heights at which the receiver has something else than we.
    pub differ: u64,
}

/// The entry of one receiver.
pub fn pushed_to<'a>(all: &'a mut Vec<Pushed>, kind: &'static str, target: &str) -> &'a mut Pushed {
    let at = all.iter().position(|p| p.kind == kind && p.target == target).unwrap_or_else(|| {
        all.push(Pushed { kind, target: target.into(), ..Pushed::default() });
        all.len() - 1
    });
    &mut all[at]
}

pub(super) const FAMILIES: &[(&str, &str, Value<Snapshot>)] = &[
    ("history_rows", "Heights in the history.", |s| s.history.as_ref().map(|h| int(h.rows))),
    ("history_bytes", "Size of the history's file.", |s| s.history.as_ref().map(|h| int(h.bytes))),
    ("history_oldest_height", "Lowest height in the history.", |s| s.history.as_ref()?.oldest.map(int)),
    ("history_missing_heights", "Heights in gaps that no endpoint could fill yet.", |s| {
        s.history.as_ref().map(|h| int(h.missing))
    }),
];

pub(super) const PUSHED: &[(&str, &str, Value<Pushed>)] = &[
    ("push_sent_total", "Samples or heights that the receiver has taken.", |p| Some(count(p.sent))),
    ("push_failures_total", "Attempts that failed and are repeated.", |p| Some(count(p.failed))),
    ("push_dropped_total", "Samples that were given up.", |p| Some(count(p.dropped))),
    ("push_waiting", "Requests or heights that wait to be pushed.", |p| Some(count(p.waiting))),
    ("push_differences_total", "Heights at which the receiver has something else.", |p| {
        Some(count(p.differ))
    }),
];
