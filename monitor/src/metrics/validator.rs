//! Families with one series for each validator of a chain.

use super::{Value, count, flag, int};
use crate::view::ValidatorView;

pub(super) const FAMILIES: &[(&str, &str, Value<ValidatorView>)] = &[
    ("validator_signed_blocks_total", "Counted heights with a precommit, nil votes included.", |v| {
        Some(count(v.signed))
    }),
    ("validator_missed_blocks_total", "Counted heights without a precommit.", |v| Some(count(v.missed))),
    ("validator_nil_blocks_total", "Counted heights with a precommit for nil.", |v| Some(count(v.nil))),
    ("validator_proposed_blocks_total", "Counted heights it proposed.", |v| Some(count(v.proposed))),
    ("validator_consecutive_missed_blocks", "Misses in a row up to now.", |v| {
        Some(count(v.consecutive_missed))
    }),
    ("validator_window_missed_blocks", "Misses in the slashing window, as the chain counts them.", |v| {
        v.window_missed.map(int)
    }),
    ("validator_window_limit_blocks", "Misses the window allows; one more jails.", |v| {
        v.window_limit.map(int)
    }),
    ("validator_blocks_to_jail", "Blocks until it is jailed if it signs none of them.", |v| {
        v.blocks_to_jail.map(int)
    }),
    ("validator_seconds_to_jail", "The same in seconds, by the median block interval.", |v| {
        v.seconds_to_jail
    }),
    (
        "validator_uptime_ratio",
        "Share signed of the window, or of all counted heights where there is no window.",
        |v| v.uptime_ratio,
    ),
    ("validator_jailed", "1 in jail.", |v| v.jailed.map(flag)),
    ("validator_tombstoned", "1 out for ever.", |v| v.tombstoned.map(flag)),
    ("validator_bonded", "1 in the set and not in jail.", |v| Some(flag(v.bonded))),
    ("validator_power", "Power in the set.", |v| v.power.map(int)),
    ("validator_watched", "1 for own validators.", |v| Some(flag(v.own))),
];
