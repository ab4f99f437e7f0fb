//! `cosmos_validator_watcher_*`: `chain_id` for the chain, with `address` (consensus, hex) and `name` for validators, `node` for
//! nodes; blocks are counters.

use super::super::forecast::amount;
use super::super::{Snapshot, count, flag, int};
use super::{Series, counter, gauge, labels, watched};
use crate::view::ValidatorView;
use prometheus::proto::{LabelPair, MetricFamily};

type OfChain = fn(&Snapshot) -> Option<f64>;
type Of = fn(&ValidatorView) -> Option<f64>;

const CHAIN: &[(&str, bool, &str, OfChain)] = &[
    ("block_height", false, "Latest known block height.", |s| s.chain.height.map(int)),
    ("active_set", false, "Validators in the set.", |s| {
        s.chain.height.map(|_| count(s.chain.set_size as u64))
    }),
    ("tracked_blocks", true, "Blocks tracked since start.", |s| Some(count(s.chain.health.heights))),
    ("skipped_blocks", true, "Blocks that stay unknown.", |s| Some(count(s.chain.unknown_heights))),
    ("transactions_total", true, "Transactions since start.", |s| Some(count(s.chain.health.transactions))),
    ("signed_blocks_window", false, "Slashing window.", |s| s.chain.window.as_ref().map(|w| int(w.blocks))),
    ("min_signed_blocks_per_window", false, "Share that must be signed.", |s| {
        amount(s.chain.window.as_ref().map(|w| w.min_signed.as_str()))
    }),
    ("downtime_jail_duration", false, "Least time in jail, seconds.", |s| {
        s.chain.window.as_ref().map(|w| int(w.jail_seconds))
    }),
    ("slash_fraction_downtime", false, "Share that a jailing burns.", |s| {
        amount(s.chain.window.as_ref().map(|w| w.slash_downtime.as_str()))
    }),
];

const VALIDATOR: &[(&str, bool, &str, Of)] = &[
    ("rank", false, "Rank by stake.", |v| v.stake.rank.or(v.rank).map(|n| count(n as u64))),
    ("proposed_blocks", true, "Blocks proposed.", |v| Some(count(v.proposed))),
    ("validated_blocks", true, "Blocks signed.", |v| Some(count(v.signed))),
    ("missed_blocks", true, "Blocks missed.", |v| Some(count(v.missed))),
    ("solo_missed_blocks", true, "Blocks missed while nearly all the power signed.", |v| {
        Some(count(v.diagnosis.solo_missed))
    }),
    ("consecutive_missed_blocks", false, "Misses in a row.", |v| Some(count(v.consecutive_missed))),
    ("missed_blocks_window", false, "Misses in the slashing window.", |v| v.window_missed.map(int)),
    ("empty_blocks", true, "Blocks proposed without a transaction.", |v| {
        Some(count(v.diagnosis.empty_proposed))
    }),
    ("is_bonded", false, "1 in the set.", |v| Some(flag(v.bonded))),
    ("is_jailed", false, "1 in jail.", |v| v.jailed.map(flag)),
];

const MONEY: &[(&str, &str, Of)] = &[
    ("tokens", "Stake in the smallest unit.", |v| amount(v.stake.tokens.as_deref())),
    ("commission", "Commission earned and not withdrawn, in the smallest unit.", |v| {
        amount(v.duty.as_ref()?.unclaimed_commission.as_deref())
    }),
];

pub(super) fn families(snapshots: &[Snapshot]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    let mut add = |name: &str, counts: bool, help: &str, series: Vec<Series>| {
        let name = format!("cosmos_validator_watcher_{name}");
        families.push(if counts { counter(name, help, series) } else { gauge(name, help, series) });
    };
    for (name, counts, help, value) in CHAIN {
        let series = snapshots.iter().filter_map(|s| Some((chain(s), value(s)?)));
        add(name, *counts, help, series.collect());
    }
    for (name, counts, help, value) in VALIDATOR {
        add(name, *counts, help, validators(snapshots, |_, v| vec![(vec![], value(v))]));
    }
    for (name, help, value) in MONEY {
        let denom = |s: &Snapshot| s.chain.seats.denom.clone();
        let of = |s: &Snapshot, v: &ValidatorView| {
            denom(s).map(|d| (labels([("denom", &d)]), value(v))).into_iter().collect()
        };
        add(name, false, help, validators(snapshots, of));
    }
    let seats = snapshots.iter().filter_map(|s| {
        let denom = s.chain.seats.denom.as_deref()?;
        Some((with(chain(s), [("denom", denom)]), amount(s.chain.seats.price.as_deref())?))
    });
    add("seat_price", false, "Stake of the last one with a seat, smallest unit.", seats.collect());
    let plans = snapshots.iter().filter_map(|s| {
        let plan = s.chain.upgrade.as_ref()?;
        let block = plan.height.to_string();
        Some((with(chain(s), [("version", &plan.name), ("block", &block)]), int(plan.height)))
    });
    add("upgrade_plan", false, "Height of the planned upgrade.", plans.collect());
    let ends = snapshots.iter().flat_map(|s| {
        s.chain
            .proposals
            .iter()
            .flatten()
            .map(move |p| (with(chain(s), [("proposal_id", &p.id.to_string())]), int(p.ends_unix)))
    });
    add("proposal_end_time", false, "End of the voting, Unix seconds.", ends.collect());
    add("vote", false, "1 when it has voted on an open proposal.", validators(snapshots, votes));
    for (name, help, value) in [
        (
            "node_block_height",
            "Latest block of the node.",
            (|e| e.height.map(int)) as fn(&super::super::SourceView) -> _,
        ),
        ("node_synced", "1 when the node answers and does not sync.", |e| Some(flag(e.up))),
    ] {
        let series = snapshots.iter().flat_map(|s| s.sources.iter().map(move |e| (s, e)));
        let series = series.filter_map(|(s, e)| Some((with(chain(s), [("node", &e.endpoint)]), value(e)?)));
        add(name, false, help, series.collect());
    }
    families
}

/// A vote that is not known has no series.
fn votes(s: &Snapshot, v: &ValidatorView) -> Vec<(Vec<LabelPair>, Option<f64>)> {
    let Some(duty) = &v.duty else { return vec![] };
    let (Some(unvoted), Some(unknown)) = (&duty.unvoted, &duty.vote_unknown) else { return vec![] };
    let open = s.chain.proposals.iter().flatten().filter(|p| !unknown.contains(&p.id));
    open.map(|p| (labels([("proposal_id", &p.id.to_string())]), Some(flag(!unvoted.contains(&p.id)))))
        .collect()
}

/// All series of one family: the own labels of each come after the three that all have.
fn validators(
    snapshots: &[Snapshot],
    of: impl Fn(&Snapshot, &ValidatorView) -> Vec<(Vec<LabelPair>, Option<f64>)>,
) -> Vec<Series> {
    let mut series = Vec::new();
    for s in snapshots {
        for v in watched(s) {
            for (more, value) in of(s, v) {
                let mut labels = with(chain(s), [("address", &v.address), ("name", &v.moniker)]);
                labels.extend(more);
                series.extend(value.map(|value| (labels, value)));
            }
        }
    }
    series
}

fn chain(s: &Snapshot) -> Vec<LabelPair> {
    labels([("chain_id", &s.chain.chain_id)])
}

fn with<const N: usize>(mut first: Vec<LabelPair>, more: [(&str, &str); N]) -> Vec<LabelPair> {
    first.extend(labels(more));
    first
}
