//! Families of what is ahead of a validator, what its operator owes, and why it misses; and of the chain likewise.
//!
//! Tokens are in the smallest unit of the bond denom, as floats: exact below 2^53, close enough to compare above.

use super::{Snapshot, Value, count, flag, int};
use crate::view::{ChainView, ValidatorView};

/// P(jail) by horizon, one family with the label `horizon`.
pub(super) const HORIZONS: &[(&str, Value<ValidatorView>)] = &[
    ("1h", |v| v.forecast.jail_probability_1h),
    ("24h", |v| v.forecast.jail_probability_24h),
    ("7d", |v| v.forecast.jail_probability_7d),
];

/// Of every validator.
pub(super) const ALL: &[(&str, &str, Value<ValidatorView>)] = &[
    ("validator_miss_budget_blocks", "Misses that the window still takes.", |v| v.forecast.budget.map(int)),
    ("validator_jail_time_seconds", "Unix time of its jailing if it signs none from now on.", |v| {
        v.forecast.jail_at_unix.map(int)
    }),
    ("validator_seconds_to_clean", "Signing until its window is clean.", |v| v.forecast.seconds_to_clean),
    ("validator_attributable_missed_blocks", "Misses in the window that the network had no part in.", |v| {
        v.forecast.attributable_missed.map(int)
    }),
    ("validator_solo_missed_blocks_total", "Misses while nearly all others signed.", |v| {
        Some(count(v.diagnosis.solo_missed))
    }),
    ("validator_outages_total", "Three misses in a row or more.", |v| Some(count(v.diagnosis.outages))),
    ("validator_empty_proposed_blocks_total", "Blocks it proposed without a transaction.", |v| {
        Some(count(v.diagnosis.empty_proposed))
    }),
    ("validator_proposes_too_few", "1 when chance does not explain how few blocks it proposed.", |v| {
        Some(flag(v.diagnosis.proposes_too_few))
    }),
    (
        "validator_excluding_proposers",
        "Next proposers that leave its votes out more than chance explains.",
        |v| Some(count(v.diagnosis.excluded_by.len() as u64)),
    ),
    ("validator_tokens", "Stake.", |v| amount(v.stake.tokens.as_deref())),
    ("validator_stake_rank", "Position by stake among all who are not in jail.", |v| {
        v.stake.rank.map(|n| count(n as u64))
    }),
    ("validator_commission_ratio", "Commission.", |v| amount(v.stake.commission_rate.as_deref())),
];

/// Of own validators.
pub(super) const OWN: &[(&str, &str, Value<ValidatorView>)] = &[
    ("validator_seconds_to_half", "Signing until half of the limit is used at most.", |v| {
        v.forecast.seconds_to_half
    }),
    ("validator_outage_blocks", "Estimated length of an outage of it.", |v| v.forecast.outage_blocks),
    (
        "validator_seat_margin_tokens",
        "Stake above whoever would take its seat; below zero: what a seat costs more.",
        |v| amount(v.stake.margin.as_deref()),
    ),
    ("validator_downtime_slash_tokens", "What a jailing for downtime burns.", |v| {
        amount(v.stake.downtime_slash.as_deref())
    }),
    ("validator_unjail_time_seconds", "Earliest unjail in Unix time, while in jail.", |v| {
        v.stake.unjail_unix.map(int)
    }),
    (
        "validator_unvoted_proposals",
        "Proposals in their voting period for which it certainly has not voted.",
        |v| v.duty.as_ref()?.unvoted.as_ref().map(|ids| count(ids.len() as u64)),
    ),
    ("validator_account_balance_tokens", "Balance of its operator's account.", |v| {
        amount(v.duty.as_ref()?.balance.as_deref())
    }),
    ("validator_self_delegation_tokens", "What its operator has delegated to it.", |v| {
        amount(v.duty.as_ref()?.self_delegation.as_deref())
    }),
    ("validator_unclaimed_commission_tokens", "Commission that was not withdrawn.", |v| {
        amount(v.duty.as_ref()?.unclaimed_commission.as_deref())
    }),
];

/// Of a chain.
pub(super) const CHAIN: &[(&str, &str, Value<Snapshot>)] = &[
    ("chain_seats", "Seats in the set.", |s| s.chain.seats.seats.map(f64::from)),
    ("chain_seat_price_tokens", "Stake of the last one with a seat; 0 while one is free.", |s| {
        amount(s.chain.seats.price.as_deref())
    }),
    ("chain_late_rounds_total", "Heights decided after round 0.", |s| {
        known(&s.chain).then(|| count(s.chain.health.late_rounds))
    }),
    ("chain_failed_rounds_total", "Rounds that decided nothing.", |s| {
        known(&s.chain).then(|| count(s.chain.health.failed_rounds))
    }),
    ("chain_empty_blocks_total", "Blocks without a transaction.", |s| {
        known(&s.chain).then(|| count(s.chain.health.empty_blocks))
    }),
    ("chain_transactions_total", "Transactions in all counted blocks.", |s| {
        known(&s.chain).then(|| count(s.chain.health.transactions))
    }),
    ("chain_network_events_total", "Heights at which a fifth of the power was absent.", |s| {
        known(&s.chain).then(|| count(s.chain.health.network_events))
    }),
    ("chain_co_miss_clusters", "Groups of validators that begin to miss together.", |s| {
        known(&s.chain).then(|| count(s.chain.health.clusters.len() as u64))
    }),
    ("chain_open_proposals", "Proposals in their voting period.", |s| {
        s.chain.proposals.as_ref().map(|p| count(p.len() as u64))
    }),
    ("chain_upgrade_height", "Height of the planned upgrade.", |s| {
        s.chain.upgrade.as_ref().map(|u| int(u.height))
    }),
    ("chain_upgrade_blocks", "Blocks until the planned upgrade.", |s| {
        s.chain.upgrade.as_ref().map(|u| int(u.blocks))
    }),
    ("chain_upgrade_seconds", "The same by the median block interval.", |s| {
        s.chain.upgrade.as_ref().and_then(|u| u.seconds)
    }),
    ("chain_upgrade_halt_expected", "1 when the last block before the planned upgrade is there.", |s| {
        s.chain.upgrade.as_ref().map(|u| flag(u.halt_expected))
    }),
];

fn known(chain: &ChainView) -> bool {
    chain.health.heights > 0
}

/// Decimal text as a number.
pub(super) fn amount(text: Option<&str>) -> Option<f64> {
    text?.parse().ok()
}
