//! The Prometheus exposition: one table of all families, written anew for each scrape from what is known now.
//!
//! Written anew, because a series must disappear with its validator and an unknown value must be absent: a gauge that
//! keeps its last value would go on saying "not in jail". Label sets are closed: `chain_id`, `valoper`, `moniker`, and
//! `source` for endpoints of the configuration.

use crate::view::{ChainView, ValidatorView};
use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use serde::Serialize;

/// Health of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SourceView {
    /// `host:port`
    pub endpoint: String,
    /// Answers, is on our chain and is not syncing.
    pub up: bool,
    /// Blocks are read from it now.
    pub chosen: bool,
    /// It answered with another chain id and is not asked for blocks.
    pub quarantined: bool,
    /// Its latest height.
    pub height: Option<i64>,
    /// Blocks behind the best endpoint.
    pub lag: Option<i64>,
    /// Seconds since its last good answer.
    pub age_seconds: Option<f64>,
    /// Failed requests.
    pub errors: u64,
    /// The last failure.
    pub last_error: Option<String>,
}

/// One chain with its sources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// What is known.
    #[serde(flatten)]
    pub chain: ChainView,
    /// Where it comes from.
    pub sources: Vec<SourceView>,
    /// `websocket` or `polling`; `None` before the first block.
    pub feed: Option<&'static str>,
    /// Seconds since the last new block arrived here.
    pub data_age_seconds: Option<f64>,
    /// No news for too long: nothing shown here can be trusted to be current.
    pub blind: bool,
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

const CHAIN: &[(&str, &str, Value<Snapshot>)] = &[
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
    ("chain_blind", "1 when no new block arrived for too long.", |s| Some(flag(s.blind))),
];

const VALIDATOR: &[(&str, &str, Value<ValidatorView>)] = &[
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

const SOURCE: &[(&str, &str, Value<SourceView>)] = &[
    ("source_up", "1 when it answers, is on this chain and is not syncing.", |s| Some(flag(s.up))),
    ("source_chosen", "1 when blocks are read from it.", |s| Some(flag(s.chosen))),
    ("source_quarantined", "1 when it answered with another chain id.", |s| Some(flag(s.quarantined))),
    ("source_height", "Its latest height.", |s| s.height.map(int)),
    ("source_lag_blocks", "Blocks behind the best endpoint.", |s| s.lag.map(int)),
    ("source_age_seconds", "Time since its last good answer.", |s| s.age_seconds),
    ("source_errors_total", "Requests to it that failed.", |s| Some(count(s.errors))),
];

/// The whole exposition.
pub fn exposition(version: &str, snapshots: &[Snapshot]) -> String {
    let mut families = vec![family(
        "build_info",
        "Version of the monitor.",
        vec![metric("build_info", vec![label("version", version)], 1.0)],
    )];
    for (name, help, value) in CHAIN {
        let series = snapshots
            .iter()
            .filter_map(|s| Some(metric(name, vec![label("chain_id", &s.chain.chain_id)], value(s)?)));
        families.push(family(name, help, series.collect()));
    }
    let sources = snapshots.iter().map(|s| {
        metric("", vec![label("chain_id", &s.chain.chain_id), label("source", s.chain.window_source)], 1.0)
    });
    families.push(family("chain_window_source", "Where the windows come from.", sources.collect()));
    for (name, help, value) in VALIDATOR {
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
    for (name, help, value) in SOURCE {
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
