//! Families about alerts: what fires, how channels fare, who answers beside us.

use super::Snapshot;
use super::{count, family, flag, int, label, metric};
use crate::alert::board::{Board, ChannelView};
use crate::alert::facts::Probe;
use crate::view::{self, ValidatorView};
use prometheus::proto::MetricFamily;

type Value<T> = fn(&T) -> Option<f64>;

const CHANNELS: &[(&str, &str, Value<ChannelView>)] = &[
    ("channel_delivered_total", "Messages that arrived.", |c| Some(count(c.delivered))),
    ("channel_failures_total", "Attempts that failed.", |c| Some(count(c.failed))),
    ("channel_waiting", "Messages that wait.", |c| Some(count(c.waiting))),
    ("channel_oldest_seconds", "Age of the oldest message that waits.", |c| Some(int(c.oldest_seconds))),
];

const SIGNERS: &[(&str, &str, Value<Probe>)] = &[
    ("signer_up", "1 when the signer answers.", |p| p.up.map(flag)),
    ("signer_ready", "1 when the signer says that it is ready.", |p| {
        p.findings.as_ref().map(|f| flag(f.is_empty()))
    }),
];

const SENTRIES: &[(&str, &str, Value<Probe>)] = &[
    ("sentry_up", "1 when palisade-sentry watch answers.", |p| p.up.map(flag)),
    ("sentry_findings", "Its findings that are not merely information.", |p| {
        p.findings.as_ref().map(|f| count(f.len() as u64))
    }),
];

/// What the rules compare beside the families that are there for everybody.
pub(super) fn compared(snapshots: &[Snapshot]) -> Vec<MetricFamily> {
    type Own = fn(&Snapshot, &ValidatorView) -> Option<f64>;
    const OWN: &[(&str, &str, Own)] = &[(
        "validator_unvoted_ends_seconds",
        "Unix time at which the first vote ends that it certainly owes.",
        |s, v| view::unvoted_ends(&s.chain, v).map(int),
    )];
    const CHAIN: &[(&str, &str, Value<Snapshot>)] = &[
        (
            "chain_evidence_time_seconds",
            "Unix time of the last block seen with evidence of a double-sign.",
            |s| s.chain.evidence_time_unix.map(int),
        ),
        (
            "chain_upgrade_halt_until_seconds",
            "Unix time until which the halt of an upgrade is as planned; only while it is due.",
            |s| s.chain.upgrade.as_ref().filter(|u| u.halt_expected)?.halt_to_unix.map(int),
        ),
    ];
    let of_own = |(name, help, value): &(&str, &str, Own)| {
        let own =
            snapshots.iter().flat_map(|s| s.chain.validators.iter().filter(|v| v.own).map(move |v| (s, v)));
        let series = own.filter_map(|(s, v)| {
            let labels = [("chain_id", &s.chain.chain_id), ("valoper", &v.valoper), ("moniker", &v.moniker)];
            Some(metric(name, labels.map(|(n, v)| label(n, v)).into(), value(s, v)?))
        });
        family(name, help, series.collect())
    };
    let of_chain = |(name, help, value): &(&str, &str, Value<Snapshot>)| {
        let series = snapshots
            .iter()
            .filter_map(|s| Some(metric(name, vec![label("chain_id", &s.chain.chain_id)], value(s)?)));
        family(name, help, series.collect())
    };
    OWN.iter().map(of_own).chain(CHAIN.iter().map(of_chain)).collect()
}

pub(super) fn families(board: &Board) -> Vec<MetricFamily> {
    let firing = board.alerts.iter().filter(|a| a.fires_since().is_some()).map(|alert| {
        let severity =
            if alert.severity == crate::alert::Severity::Critical { "critical" } else { "warning" };
        let labels = [
            ("chain_id", alert.key.chain.as_str()),
            ("rule", alert.key.rule.as_str()),
            ("severity", severity),
            ("subject", alert.key.subject.as_str()),
        ];
        metric("alert_firing", labels.map(|(n, v)| label(n, v)).into(), 1.0)
    });
    let mut all = vec![family("alert_firing", "Alerts that fire, silenced ones included.", firing.collect())];
    all.extend(board.evaluated_at.map(|at| {
        let help = "Unix time at which the rules were last looked at.";
        family("alerts_evaluated_seconds", help, vec![metric("", vec![], int(at / 1000))])
    }));
    all.extend(table(CHANNELS, "channel", &board.channels, |c| &c.name));
    all.extend(table(SIGNERS, "signer", &board.signers, |p| &p.name));
    all.extend(table(SENTRIES, "sentry", &board.sentries, |p| &p.name));
    all
}

fn table<T>(
    families: &[(&str, &str, Value<T>)],
    name: &str,
    rows: &[T],
    subject: fn(&T) -> &String,
) -> Vec<MetricFamily> {
    let one = |(metric_name, help, value): &(&str, &str, Value<T>)| {
        let series = rows
            .iter()
            .filter_map(|row| Some(metric(metric_name, vec![label(name, subject(row))], value(row)?)));
        family(metric_name, help, series.collect())
    };
    families.iter().map(one).collect()
}
