//! The metrics as Prometheus remote-write 1.0 puts them on the wire: protobuf in Snappy's block format.
//!
//! A series that has disappeared is told so by a stale marker, or a validator would seem to be out of jail for five more
//! minutes. Deliberately absent: metadata, exemplars, and version 2, which no receiver needs.

use prometheus::proto::{MetricFamily, MetricType};
use prost::Message;
use std::collections::BTreeSet;

/// Series in one request; receivers limit its size.
const SERIES: usize = 5_000;
/// The NaN that says that a series ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// A request.
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// Series, each with its newest sample.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

/// One series.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// Sorted by name.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// One here.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
}

/// A label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct Label {
    /// `__name__` for that of the metric.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A value at a time.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Unix milliseconds.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// The labels of all series of one moment.
pub type Seen = BTreeSet<Vec<Label>>;

/// The requests of one moment, `time` in Unix milliseconds. `before` are the series of the moment before, and become those
/// of this one; `extra` labels are added to every series.
pub fn requests(
    families: &[MetricFamily],
    extra: &[(String, String)],
    time: i64,
    before: &mut Seen,
) -> Vec<WriteRequest> {
    let mut series = Vec::new();
    let mut seen = Seen::new();
    for family in families {
        for metric in family.get_metric() {
            let value = match family.get_field_type() {
                MetricType::COUNTER => metric.get_counter().get_value(),
                _ => metric.get_gauge().get_value(),
            };
            let own = metric.get_label().iter().map(|l| (l.name(), l.value()));
            let added = extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let mut labels: Vec<Label> = [("__name__", family.name())]
                .into_iter()
                .chain(added)
                .chain(own)
                .map(|(name, value)| Label { name: name.into(), value: value.into() })
                .collect();
            labels.sort_unstable();
            seen.insert(labels.clone());
            series.push(TimeSeries { labels, samples: vec![Sample { value, timestamp: time }] });
        }
    }
    for labels in before.difference(&seen) {
        let sample = Sample { value: f64::from_bits(STALE), timestamp: time };
        series.push(TimeSeries { labels: labels.clone(), samples: vec![sample] });
    }
    *before = seen;
    series.chunks(SERIES).map(|some| WriteRequest { timeseries: some.to_vec() }).collect()
}

/// The body of a request.
pub fn body(request: &WriteRequest) -> Result<Vec<u8>, snap::Error> {
    snap::raw::Encoder::new().compress_vec(&request.encode_to_vec())
}

/// What to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has been taken.
    Taken,
    /// Again later, in so many seconds where the server says when.
    Again(Option<u64>),
    /// It will never be taken.
    Refused,
}

/// Reads an answer as remote-write 1.0 defines it. `retry_after` is that header in seconds.
pub fn verdict(status: u16, retry_after: Option<&str>) -> Verdict {
    let after = || retry_after.and_then(|text| text.trim().parse().ok());
    match status {
        200..=299 => Verdict::Taken,
        429 | 500..=599 => Verdict::Again(after()),
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{self, Snapshot};
    use crate::view::{ChainView, ValidatorView};

    fn snapshot(monikers: &[&str]) -> Snapshot {
        let validator = |moniker: &&str| ValidatorView {
            valoper: format!("v1{moniker}"),
            moniker: (*moniker).into(),
            missed: 7,
            ..ValidatorView::default()
        };
        let validators = monikers.iter().map(validator).collect();
        let chain = ChainView { chain_id: "c".into(), validators, ..ChainView::default() };
        Snapshot { chain: chain.into(), ..Snapshot::default() }
    }

    #[test]
    fn the_wire_carries_what_a_scrape_shows_and_says_what_ended() {
        let mut seen = Seen::new();
        let extra = [("monitor".to_owned(), "a".to_owned())];
        let families = metrics::families("0", &[snapshot(&["x", "y"])]);
        let sent = requests(&families, &extra, 5, &mut seen);
        let raw = snap::raw::Decoder::new().decompress_vec(&body(&sent[0]).unwrap()).unwrap();
        let read = WriteRequest::decode(raw.as_slice()).unwrap();
        assert_eq!(read, sent[0]);
        let shown: usize = families.iter().map(|f| f.get_metric().len()).sum();
        assert_eq!(read.timeseries.len(), shown);
        for series in &read.timeseries {
            assert!(series.labels.is_sorted(), "{series:?}");
            assert!(series.labels.iter().any(|l| l.name == "monitor") && series.samples[0].timestamp == 5);
        }
        let missed = read
            .timeseries
            .iter()
            .find(|s| s.labels.iter().any(|l| l.value.ends_with("validator_missed_blocks_total")));
        assert_eq!(missed.unwrap().samples[0].value, 7.0);
        let next = requests(&metrics::families("0", &[snapshot(&["x"])]), &extra, 6, &mut seen);
        let stale: Vec<_> =
            next[0].timeseries.iter().filter(|s| s.samples[0].value.to_bits() == STALE).collect();
        assert!(!stale.is_empty());
        assert!(stale.iter().all(|s| s.labels.iter().any(|l| l.value == "y")), "{stale:?}");
    }

    #[test]
    fn answers_are_read_as_the_specification_says() {
        assert_eq!(verdict(204, None), Verdict::Taken);
        assert_eq!(verdict(429, Some("7")), Verdict::Again(Some(7)));
        assert_eq!(verdict(503, Some("Wed, 21 Oct 2026 07:28:00 GMT")), Verdict::Again(None));
        assert_eq!(verdict(400, Some("7")), Verdict::Refused);
        assert_eq!(verdict(302, None), Verdict::Refused);
    }
}
