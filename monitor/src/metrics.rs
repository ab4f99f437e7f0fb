//! The Prometheus exposition: one table of all families, written anew for each scrape from what is known now.
//!
//! Written anew, because a series must disappear with its validator and an unknown value must be absent: a gauge that
//! keeps its last value would go on saying "not in jail". Label sets are closed: `chain_id`, `valoper`, `moniker`, and
//! `source` for endpoints of the configuration.

mod chain;
mod source;
mod validator;

pub use source::SourceView;

use crate::view::ChainView;
use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// One chain with its sources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// What is known.
    #[serde(flatten, serialize_with = "as_is")]
    pub chain: Arc<ChainView>,
    /// Where it comes from.
    pub sources: Vec<SourceView>,
    /// `websocket` or `polling`; `None` before the first block.
    pub feed: Option<&'static str>,
    /// Seconds since the last new block arrived here.
    pub data_age_seconds: Option<f64>,
    /// No news for too long: nothing shown here can be trusted to be current.
    pub blind: bool,
}

/// A shared view, as if it were owned.
fn as_is<S: Serializer>(chain: &Arc<ChainView>, serializer: S) -> Result<S::Ok, S::Error> {
    chain.serialize(serializer)
}

type Value<T> = fn(&T) -> Option<f64>;

#[allow(clippy::cast_precision_loss, reason = "Prometheus values are floats")]
fn int(value: i64) -> f64 {
    value as f64
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus values are floats")]
fn count(value: u64) -> f64 {
    value as f64
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// The whole exposition.
pub fn exposition(version: &str, snapshots: &[Snapshot]) -> String {
    let mut families = vec![family(
        "build_info",
        "Version of the monitor.",
        vec![metric("build_info", vec![label("version", version)], 1.0)],
    )];
    for (name, help, value) in chain::FAMILIES {
        let series = snapshots
            .iter()
            .filter_map(|s| Some(metric(name, vec![label("chain_id", &s.chain.chain_id)], value(s)?)));
        families.push(family(name, help, series.collect()));
    }
    let sources = snapshots.iter().map(|s| {
        metric("", vec![label("chain_id", &s.chain.chain_id), label("source", s.chain.window_source)], 1.0)
    });
    families.push(family("chain_window_source", "Where the windows come from.", sources.collect()));
    for (name, help, value) in validator::FAMILIES {
        let series = snapshots.iter().flat_map(|s| s.chain.validators.iter().map(move |v| (s, v)));
        let series = series.filter_map(|(s, v)| {
            let labels = vec![
                label("chain_id", &s.chain.chain_id),
                label("valoper", &v.valoper),
                label("moniker", &v.moniker),
            ];
            Some(metric(name, labels, value(v)?))
        });
        families.push(family(name, help, series.collect()));
    }
    for (name, help, value) in source::FAMILIES {
        let series = snapshots.iter().flat_map(|s| s.sources.iter().map(move |e| (s, e)));
        let series = series.filter_map(|(s, e)| {
            let labels = vec![label("chain_id", &s.chain.chain_id), label("source", &e.endpoint)];
            Some(metric(name, labels, value(e)?))
        });
        families.push(family(name, help, series.collect()));
    }
    families.retain(|f| !f.get_metric().is_empty());
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn family(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("palisade_monitor_{name}"));
    family.set_help(help.into());
    family.set_field_type(if name.ends_with("_total") { MetricType::COUNTER } else { MetricType::GAUGE });
    family.set_metric(metrics);
    family
}

fn metric(name: &str, labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut metric = Metric::from_label(labels);
    if name.ends_with("_total") {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.into());
    label.set_value(value.into());
    label
}

#[cfg(test)]
mod tests;
