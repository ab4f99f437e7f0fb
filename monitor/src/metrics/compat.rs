//! The metrics of other monitors under their own names, so that dashboards made for them go on working:
//! `compat = ["tenderduty", "cosmos_validator_watcher"]` or `run --compat`.
//!
//! Names, labels and types are theirs, the values are what the names say, also where the original's were wrong:
//!
//! - tenderduty counts a miss at the height of the block that carries the commit and every proposer as signed; here all is
//!   keyed by the signed height, and a proposer that did not sign has missed. `missed_blocks_prevote_present` and
//!   `missed_blocks_precommit_present` are absent: they need single votes, which are not read. `name` is the chain id.
//! - cosmos-validator-watcher divides tokens by ten by default: `tokens`, `seat_price` and `commission` are in the smallest
//!   unit, which `denom` names. `skipped_blocks` counts heights that stay unknown. `solo_missed_blocks` goes by power.
//!   `vote` is absent while it is not known. `slash_fraction_double_sign` is absent: it is not read.
//!
//! Both show own validators, or all where none is watched.

mod tenderduty;
mod watcher;

use super::{Snapshot, label};
use crate::view::ValidatorView;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Another monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Compat {
    /// blockpane/tenderduty and its fork.
    Tenderduty,
    /// kilnfi/cosmos-validator-watcher.
    CosmosValidatorWatcher,
}

/// The families of `wanted`.
pub(super) fn families(wanted: &BTreeSet<Compat>, snapshots: &[Snapshot]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    for compat in wanted {
        match compat {
            Compat::Tenderduty => families.extend(tenderduty::families(snapshots)),
            Compat::CosmosValidatorWatcher => families.extend(watcher::families(snapshots)),
        }
    }
    families
}

/// One series.
type Series = (Vec<LabelPair>, f64);

fn gauge(name: String, help: &str, series: Vec<Series>) -> MetricFamily {
    let metric = |(labels, value)| {
        let (mut metric, mut gauge) = (Metric::from_label(labels), Gauge::default());
        gauge.set_value(value);
        metric.set_gauge(gauge);
        metric
    };
    family(name, help, MetricType::GAUGE, series.into_iter().map(metric).collect())
}

fn counter(name: String, help: &str, series: Vec<Series>) -> MetricFamily {
    let metric = |(labels, value)| {
        let (mut metric, mut counter) = (Metric::from_label(labels), Counter::default());
        counter.set_value(value);
        metric.set_counter(counter);
        metric
    };
    family(name, help, MetricType::COUNTER, series.into_iter().map(metric).collect())
}

fn family(name: String, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name);
    family.set_help(help.into());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Vec<LabelPair> {
    pairs.iter().map(|(name, value)| label(name, value)).collect()
}

/// Whom a monitor of few validators would watch.
fn watched(snapshot: &Snapshot) -> impl Iterator<Item = &ValidatorView> {
    let own = snapshot.chain.validators.iter().any(|v| v.own);
    snapshot.chain.validators.iter().filter(move |v| v.own || !own)
}

#[cfg(test)]
mod tests;
