//! `tenderduty_*`: gauges with `name`, `chain_id`, `moniker`, and `endpoint` for nodes.

use super::super::{Snapshot, count, int};
use super::{Series, gauge, labels, watched};
use crate::metrics::SourceView;
use crate::view::ValidatorView;
use prometheus::proto::MetricFamily;
use std::collections::BTreeMap;

type Of = fn(&Snapshot, &ValidatorView) -> Option<f64>;
type OfSource = fn(&Snapshot, &SourceView) -> Option<f64>;

const VALIDATOR: &[(&str, &str, Of)] = &[
    ("signed_blocks", "Blocks signed.", |_, v| Some(count(v.signed))),
    ("proposed_blocks", "Blocks proposed.", |_, v| Some(count(v.proposed))),
    ("missed_blocks", "Blocks missed.", |_, v| Some(count(v.missed))),
    ("consecutive_missed_blocks", "Misses in a row.", |_, v| Some(count(v.consecutive_missed))),
    ("empty_proposed_blocks", "Blocks proposed without a transaction.", |_, v| {
        Some(count(v.diagnosis.empty_proposed))
    }),
    ("consecutive_empty_blocks", "The same in a row.", |_, v| Some(count(v.diagnosis.consecutive_empty))),
    ("missed_block_window", "Slashing window.", |s, _| s.chain.window.as_ref().map(|w| int(w.blocks))),
    ("missed_blocks_for_window", "Misses in the slashing window.", |_, v| v.window_missed.map(int)),
    ("time_since_last_block", "Seconds between the last blocks.", |s, _| s.chain.block_seconds),
    ("time_since_last_block_unfinalized", "Seconds since the last block arrived.", |s, _| s.data_age_seconds),
    ("total_monitored_endpoints", "Endpoints that are asked.", |s, _| Some(count(s.sources.len() as u64))),
    ("total_unhealthy_endpoints", "Of these, how many have a problem.", |s, _| {
        Some(count(s.sources.iter().filter(|e| !e.up).count() as u64))
    }),
    ("total_unvoted_gov_proposals", "Open proposals without its vote.", |_, v| {
        v.duty.as_ref()?.unvoted.as_ref().map(|ids| count(ids.len() as u64))
    }),
];

const ENDPOINT: &[(&str, &str, OfSource)] = &[
    ("endpoint_down_seconds", "Seconds since it last answered, while it is down.", |_, e| {
        if e.up { Some(0.0) } else { e.age_seconds }
    }),
    ("endpoint_syncing_seconds_behind", "Seconds of blocks that it is behind.", |s, e| {
        Some(int(e.lag?.max(0)) * s.chain.block_seconds?)
    }),
];

pub(super) fn families(snapshots: &[Snapshot]) -> Vec<MetricFamily> {
    let named: Vec<(&Snapshot, Vec<(String, &ValidatorView)>)> =
        snapshots.iter().map(|s| (s, names(s))).collect();
    let mut families = Vec::new();
    for (name, help, value) in VALIDATOR {
        let series = named.iter().flat_map(|(s, all)| all.iter().map(move |(m, v)| (*s, m, *v)));
        let series = series.filter_map(|(s, moniker, v)| Some((three(s, moniker), value(s, v)?)));
        families.push(gauge(format!("tenderduty_{name}"), help, series.collect()));
    }
    for (name, help, value) in ENDPOINT {
        let mut series: Vec<Series> = Vec::new();
        for (s, all) in &named {
            for (moniker, _) in all.iter().take(1) {
                for endpoint in &s.sources {
                    let mut labels = three(s, moniker);
                    labels.extend(super::labels([("endpoint", &endpoint.endpoint)]));
                    series.extend(value(s, endpoint).map(|value| (labels, value)));
                }
            }
        }
        families.push(gauge(format!("tenderduty_{name}"), help, series));
    }
    families
}

fn three(s: &Snapshot, moniker: &str) -> Vec<prometheus::proto::LabelPair> {
    let id = s.chain.chain_id.as_str();
    labels([("name", id), ("chain_id", id), ("moniker", moniker)])
}

/// Names are the only label that tells validators apart there, and anybody may take any name: equal ones get the end of
/// the operator address.
fn names(s: &Snapshot) -> Vec<(String, &ValidatorView)> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    watched(s).for_each(|v| *times.entry(&v.moniker).or_default() += 1);
    let name = |v: &ValidatorView| {
        if times.get(v.moniker.as_str()) == Some(&1) {
            return v.moniker.clone();
        }
        let end = v.valoper.len().saturating_sub(6);
        format!("{} {}", v.moniker, v.valoper.get(end..).unwrap_or(&v.valoper))
    };
    watched(s).map(|v| (name(v), v)).collect()
}
