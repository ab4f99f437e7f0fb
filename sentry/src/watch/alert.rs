//! What Alertmanagers are told: every finding that stands, every sentry that is unwell for long enough, and a watch that fails.
//!
//! The whole truth is sent every time, as Prometheus does it, so a message that is lost is made good by the next. What has ended
//! is sent with its end for a while. By default no alert names a host that hides, an address or an id: alerts are passed on to
//! chats and pagers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::health::{Health, Wrong};
use super::ledger::Entry;
use super::view::{State, attack};
use crate::finding::Severity;

/// An alert that is not repeated ends by itself after so many seconds.
pub const LASTS: i64 = 5 * 60;
/// What has ended is told for so many seconds.
pub const TOLD: i64 = 15 * 60;

/// How to say it.
#[derive(Clone, Debug)]
pub struct Manner {
    /// From which severity on.
    pub from: Severity,
    /// Whether details are given.
    pub details: bool,
    /// Labels of every alert.
    pub labels: BTreeMap<String, String>,
}

/// One alert, as `POST /api/v2/alerts` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What makes it this alert.
    pub labels: BTreeMap<String, String>,
    /// What it says.
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339.
    pub starts_at: String,
    /// RFC 3339.
    pub ends_at: String,
}

/// What is wrong with a sentry since when, and until when; kept by the caller from round to round.
pub type Unwell = BTreeMap<(String, Wrong), (i64, Option<i64>)>;

/// Takes what is wrong at `now` into what was wrong before.
pub fn unwell(kept: &mut Unwell, health: &[Health], now: i64) {
    let wrong: Vec<(String, Wrong)> =
        health.iter().flat_map(|h| h.wrong.iter().map(|w| (h.node.clone(), *w))).collect();
    for (key, (_, until)) in kept.iter_mut() {
        if until.is_none() && !wrong.contains(key) {
            *until = Some(now);
        }
    }
    for key in wrong {
        let entry = kept.entry(key).or_insert((now, None));
        if entry.1.is_some() {
            *entry = (now, None);
        }
    }
    kept.retain(|_, (_, until)| until.is_none_or(|until| now.saturating_sub(until) < TOLD));
}

/// Every alert at `now`, in seconds since 1970; `patience` is in seconds.
pub fn alerts(state: &State, kept: &Unwell, manner: &Manner, patience: i64, now: i64) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for (id, entry) in &state.ledger.entries {
        let told = entry.gone.is_none_or(|gone| now.saturating_sub(gone) < TOLD);
        if told && entry.severity >= manner.from {
            alerts.push(finding(id, entry, manner, now));
        }
    }
    for ((node, wrong), (since, until)) in kept {
        if until.unwrap_or(now).saturating_sub(*since) < patience {
            continue;
        }
        let severity = if *wrong == Wrong::Alone { "warning" } else { "critical" };
        let labels = [
            ("alertname", "PalisadeSentryUnwell"),
            ("severity", severity),
            ("node", node),
            ("rule", wrong.word()),
        ];
        alerts.push(alert(&labels, &[("summary", wrong.says())], *since, *until, manner, now));
    }
    if let Some(run) = state.run.as_ref().filter(|run| run.error.is_some()) {
        let labels = [("alertname", "PalisadeSentryAuditFails"), ("severity", "warning")];
        let mut says = vec![("summary", "the audit of the fleet comes to no result")];
        if let (true, Some(error)) = (manner.details, &run.error) {
            says.push(("description", error));
        }
        alerts.push(alert(&labels, &says, state.good_at.unwrap_or(run.at), None, manner, now));
    }
    alerts
}

fn finding(id: &str, entry: &Entry, manner: &Manner, now: i64) -> Alert {
    let severity = match entry.severity {
        Severity::Error => "critical",
        Severity::Warn => "warning",
        Severity::Info => "info",
    };
    let labels = [
        ("alertname", "PalisadeSentryFinding"),
        ("severity", severity),
        ("rule", &entry.rule),
        ("source", entry.source.word()),
        ("finding", id),
    ];
    let summary = entry.rule.replace('_', " ");
    let details = format!("{}: {}", entry.subject, entry.evidence.join("; "));
    let fix = entry.fix.join("; ");
    let mut says = vec![("summary", summary.as_str()), ("attack", attack(&entry.rule))];
    if manner.details {
        says.extend([("description", details.as_str()), ("fix", fix.as_str())]);
    }
    if entry.unconfirmed {
        says.push(("unconfirmed", "the last run could not look there"));
    }
    alert(&labels, &says, entry.first_seen, entry.gone, manner, now)
}

fn alert(
    labels: &[(&str, &str)],
    says: &[(&str, &str)],
    since: i64,
    until: Option<i64>,
    manner: &Manner,
    now: i64,
) -> Alert {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let mut all: BTreeMap<String, String> = manner.labels.clone();
    all.extend(labels.iter().map(owned));
    Alert {
        labels: all,
        annotations: says.iter().map(owned).collect(),
        starts_at: rfc3339(since),
        ends_at: rfc3339(until.unwrap_or(now.saturating_add(LASTS))),
    }
}

fn rfc3339(seconds: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::{leaking, secrets};
    use super::*;

    fn manner(details: bool) -> Manner {
        Manner { from: Severity::Warn, details, labels: [("team".to_owned(), "a".to_owned())].into() }
    }

    fn text(details: bool) -> String {
        serde_json::to_string(&alerts(&leaking(), &Unwell::new(), &manner(details), 60, 2000)).expect("JSON")
    }

    #[test]
    fn without_details_nothing_is_given_away() {
        let quiet = text(false);
        assert!(
            quiet.contains("PalisadeSentryFinding") && quiet.contains("PalisadeSentryAuditFails"),
            "{quiet}"
        );
        for secret in secrets() {
            assert!(!quiet.contains(secret.trim_matches('"')), "{secret} in {quiet}");
        }
        assert!(text(true).contains("val-1"));
    }

    #[test]
    fn what_stands_lasts_and_what_has_ended_is_told_for_a_while() {
        let mut state = leaking();
        state.run = None;
        let ends = |state: &State, now| -> Vec<String> {
            alerts(state, &Unwell::new(), &manner(false), 60, now).into_iter().map(|a| a.ends_at).collect()
        };
        assert!(ends(&state, 2000).iter().all(|end| end == "1970-01-01T00:38:20Z"));
        state.ledger.entries.values_mut().for_each(|entry| entry.gone = Some(2000));
        assert!(ends(&state, 2100).iter().all(|end| end == "1970-01-01T00:33:20Z"));
        assert_eq!(ends(&state, 2000 + TOLD).len(), 0);
    }

    #[test]
    fn a_sentry_is_given_time() {
        let (state, mut kept) = (State::default(), Unwell::new());
        let health = |wrong: &[Wrong]| Health {
            node: "sentry-1".to_owned(),
            up: true,
            impostor: false,
            height: None,
            behind: None,
            catching_up: None,
            peers_in: None,
            peers_out: None,
            validators_up: None,
            validators: 1,
            wrong: wrong.to_vec(),
        };
        let count = |kept: &Unwell, now| alerts(&state, kept, &manner(false), 60, now).len();
        unwell(&mut kept, &[health(&[Wrong::Late])], 100);
        assert_eq!(count(&kept, 159), 0);
        unwell(&mut kept, &[health(&[Wrong::Late])], 160);
        assert_eq!(count(&kept, 160), 1);
        unwell(&mut kept, &[health(&[])], 170);
        assert_eq!(count(&kept, 170), 1, "its end is told");
        unwell(&mut kept, &[health(&[Wrong::Late])], 180);
        assert_eq!(count(&kept, 200), 0, "and it is given time again");
        unwell(&mut kept, &[health(&[])], 210);
        assert_eq!(count(&kept, 300), 0, "a short one is nothing");
    }
}
