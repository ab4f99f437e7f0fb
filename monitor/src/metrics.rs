//! The Prometheus exposition: one table of all families, written anew for each scrape from what is known now.
//!
//! Written anew, because a series must disappear with its validator and an unknown value must be absent: a gauge that
//! keeps its last value would go on saying "not in jail". Label sets are closed: `chain_id`, `valoper`, `moniker`,
//! `horizon` of a probability, `channel`, `signer`, `sentry`,
//! `source` and `transport` for endpoints of the configuration, `class` for how they failed.

mod alert;
mod chain;
mod compat;
mod forecast;
mod history;
mod part;
mod source;
mod validator;

pub use compat::Compat;
pub use history::{HistoryView, Pushed, pushed_to};
pub use source::SourceView;

use crate::view::{ChainView, ValidatorView};
use part::{OfValidators, Part};
use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
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
    /// Endpoints disagree on this height and none is proved right: nothing is counted until one is.
    pub source_forked: Option<i64>,
    /// Every endpoint is below the last counted block: the height they are at.
    pub source_below: Option<i64>,
    /// What is kept of it.
    pub history: Option<HistoryView>,
    /// No news for too long: nothing shown here can be trusted to be current.
    pub blind: bool,
    /// Whose names the metrics have besides our own.
    #[serde(skip)]
    pub compat: BTreeSet<Compat>,
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
    let labelled = part::labelled(snapshots);
    let mut all = String::new();
    for part in parts(version, snapshots) {
        match part {
            Part::Made(family) if family.get_metric().is_empty() => {}
            Part::Made(family) => all.push_str(&text(&[family])),
            Part::Validators(of) => of.write(&labelled, &mut all),
        }
    }
    all
}

/// In Prometheus' words.
fn text(families: &[MetricFamily]) -> String {
    TextEncoder::new().encode_to_string(families).unwrap_or_default()
}

/// What became of what was pushed, to be appended to the exposition.
pub fn pushed(all: &[Pushed]) -> String {
    let mut families = Vec::new();
    for (name, help, value) in history::PUSHED {
        let series = all.iter().filter_map(|p| {
            Some(metric(name, vec![label("kind", p.kind), label("target", &p.target)], value(p)?))
        });
        families.push(family(name, help, series.collect()));
    }
    families.retain(|f| !f.get_metric().is_empty());
    text(&families)
}

/// What fires and who is told, to be appended to the exposition.
pub fn alerts(board: &crate::alert::board::Board) -> String {
    let mut families = alert::families(board);
    families.retain(|f| !f.get_metric().is_empty());
    text(&families)
}

/// All families, as they are pushed.
pub fn families(version: &str, snapshots: &[Snapshot]) -> Vec<MetricFamily> {
    let made = parts(version, snapshots).into_iter().map(|part| match part {
        Part::Made(family) => family,
        Part::Validators(of) => of.family(snapshots),
    });
    made.filter(|family| !family.get_metric().is_empty()).collect()
}

/// All families in their order.
fn parts(version: &str, snapshots: &[Snapshot]) -> Vec<Part> {
    let mut parts = vec![Part::Made(family(
        "build_info",
        "Version of the monitor.",
        vec![metric("build_info", vec![label("version", version)], 1.0)],
    ))];
    for (name, help, value) in chain::FAMILIES.iter().chain(forecast::CHAIN).chain(history::FAMILIES) {
        let series = snapshots
            .iter()
            .filter_map(|s| Some(metric(name, vec![label("chain_id", &s.chain.chain_id)], value(s)?)));
        parts.push(Part::Made(family(name, help, series.collect())));
    }
    let sources = snapshots.iter().map(|s| {
        metric("", vec![label("chain_id", &s.chain.chain_id), label("source", s.chain.window_source)], 1.0)
    });
    parts.push(Part::Made(family("chain_window_source", "Where the windows come from.", sources.collect())));
    let one = |value: &Value<ValidatorView>| vec![(None, *value)];
    for (name, help, value) in validator::FAMILIES.iter().chain(forecast::ALL) {
        parts.push(Part::Validators(OfValidators { name, help, own: false, values: one(value) }));
    }
    for (name, help, value) in forecast::OWN {
        parts.push(Part::Validators(OfValidators { name, help, own: true, values: one(value) }));
    }
    parts.push(Part::Validators(OfValidators {
        name: "validator_jail_probability",
        help: "Probability of a jailing for downtime within the horizon, by the two-state model.",
        own: false,
        values: forecast::HORIZONS.iter().map(|(h, value)| (Some(("horizon", *h)), *value)).collect(),
    }));
    for (name, help, value) in source::FAMILIES {
        let series = snapshots.iter().flat_map(|s| s.sources.iter().map(move |e| (s, e)));
        let series = series.filter_map(|(s, e)| Some(metric(name, endpoint(s, e), value(e)?)));
        parts.push(Part::Made(family(name, help, series.collect())));
    }
    let errors = snapshots.iter().flat_map(|s| s.sources.iter().map(move |e| (s, e))).flat_map(|(s, e)| {
        source::errors(e).map(move |(class, value)| {
            let labels = endpoint(s, e).into_iter().chain([label("class", class)]);
            metric("_total", labels.collect(), value)
        })
    });
    parts.push(Part::Made(family("source_errors_total", "Requests to it that failed.", errors.collect())));
    parts.extend(alert::compared(snapshots).into_iter().map(Part::Made));
    let wanted = snapshots.iter().flat_map(|s| s.compat.iter().copied()).collect();
    parts.extend(compat::families(&wanted, snapshots).into_iter().map(Part::Made));
    parts
}

fn endpoint(snapshot: &Snapshot, source: &SourceView) -> Vec<LabelPair> {
    vec![
        label("chain_id", &snapshot.chain.chain_id),
        label("source", &source.endpoint),
        label("transport", source.transport),
    ]
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
