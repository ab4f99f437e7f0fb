//! Events for those who call people: PagerDuty and Opsgenie. Both join the messages of one incident by its key, so that a
//! message that is sent twice rings once.

use super::{Text, cut};
use crate::alert::{Kind, Severity, Transition};
use serde_json::{Value, json};

/// PagerDuty Events v2.
pub(super) fn pagerduty(routing_key: &str, t: &Transition, text: &Text) -> Value {
    let alert = &t.alert;
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": if t.kind == Kind::Resolved { "resolve" } else { "trigger" },
        "dedup_key": alert.incident(),
    });
    if t.kind != Kind::Resolved {
        let source = if alert.key.chain.is_empty() { "palisade-monitor" } else { &alert.key.chain };
        event["client"] = "palisade-monitor".into();
        event["payload"] = json!({
            "summary": cut(&text.title, 1000), "source": source, "class": alert.key.rule, "component": alert.key.subject,
            "severity": if alert.severity == Severity::Critical { "critical" } else { "warning" },
            "custom_details": { "means": alert.words.means, "left": alert.words.left, "try": alert.words.advice, "labels": alert.labels },
        });
    }
    event
}

/// Opsgenie's alert API: path and body.
pub(super) fn opsgenie(t: &Transition, text: &Text) -> (String, Value) {
    let alert = &t.alert;
    let alias = alert.incident();
    if t.kind == Kind::Resolved {
        let body = json!({ "source": "palisade-monitor", "note": cut(&text.title, 1000) });
        return (format!("/v2/alerts/{alias}/close?identifierType=alias"), body);
    }
    let body = json!({
        "message": cut(&text.title, 125), "alias": alias, "description": cut(&text.body, 10_000), "entity": alert.key.subject,
        "source": "palisade-monitor", "tags": [alert.key.rule, alert.key.chain], "details": alert.labels,
        "priority": if alert.severity == Severity::Critical { "P1" } else { "P3" },
    });
    ("/v2/alerts".into(), body)
}
