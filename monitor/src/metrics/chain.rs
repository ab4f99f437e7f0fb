//! Families with one series for each chain.

use super::{Snapshot, Value, count, flag, int};

pub(super) const FAMILIES: &[(&str, &str, Value<Snapshot>)] = &[
    ("chain_height", "Height of the last block seen.", |s| s.chain.height.map(int)),
    ("chain_counted_height", "Last height whose signatures are counted.", |s| {
        s.chain.counted_height.map(int)
    }),
    ("chain_block_time_seconds", "Unix time of the last block.", |s| s.chain.block_time_unix.map(int)),
    ("chain_block_interval_seconds", "Median time between the last 500 blocks.", |s| s.chain.block_seconds),
    ("chain_round", "Round that decided the last counted height.", |s| s.chain.round.map(f64::from)),
    ("chain_validators", "Members of the validator set.", |s| {
        s.chain.height.map(|_| s.chain.set_size as u64).map(count)
    }),
    ("chain_signed_power_ratio", "Share of the power that signed the last counted height.", |s| {
        s.chain.signed_power_ratio
    }),
    ("chain_window_blocks", "Slashing window.", |s| s.chain.window.as_ref().map(|w| int(w.blocks))),
    (
        "chain_self_check_disagreements_total",
        "Times own slashing arithmetic and the chain's word differed.",
        |s| Some(count(s.chain.disagreements)),
    ),
    ("chain_unknown_heights_total", "Heights that no endpoint could give.", |s| {
        Some(count(s.chain.unknown_heights))
    }),
    ("chain_data_age_seconds", "Time since the last new block arrived.", |s| s.data_age_seconds),
    ("chain_source_forked", "1 when endpoints disagree on a block and none is proved right.", |s| {
        Some(flag(s.source_forked.is_some()))
    }),
    ("chain_source_below", "1 when every endpoint is below the last counted block.", |s| {
        Some(flag(s.source_below.is_some()))
    }),
    ("chain_blind", "1 when no new block arrived for too long.", |s| Some(flag(s.blind))),
    ("chain_quiet", "1 when endpoints answer and none of them has a newer block.", |s| {
        Some(flag(crate::alert::facts::quiet(s.chain.height, &s.sources)))
    }),
];
