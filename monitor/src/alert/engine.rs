//! The life of alerts: from what holds now and what was, to what is sent. No clock, no store: the caller writes state and
//! transitions in one transaction before anything is sent, so a crash loses or doubles nothing.

use super::policy::Policy;
use super::reading::{Holds, Reading, Readings};
use super::{Alert, Key, Kind, Millis, Phase, Told, Transition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All alerts that are pending or firing, and what was ordered about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// By what they are about.
    pub alerts: BTreeMap<Key, Alert>,
    /// Silences and maintenance windows made by command.
    pub silences: Vec<super::policy::Silence>,
}

/// When messages are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// Between reminders of an alert that nobody has taken; 0 = none.
    pub remind: Millis,
    /// From the first message to the next tier of channels, and between tiers; 0 = none.
    pub escalate: Millis,
    /// Highest tier of any channel.
    pub tiers: u8,
}

/// One step.
pub fn evaluate(
    mut state: State,
    readings: Readings,
    policy: &Policy,
    now: Millis,
) -> (State, Vec<Transition>) {
    state.silences.retain(|s| s.until > now);
    let mut out = Vec::new();
    let mut left = std::mem::take(&mut state.alerts);
    for reading in readings.list {
        if let Some(alert) = step(left.remove(&reading.key), reading, now, &mut out) {
            state.alerts.insert(alert.key.clone(), alert);
        }
    }
    // Nobody reads these any more: a proposal that has ended, a validator taken out of the configuration.
    for (key, mut alert) in left {
        if readings.undecided.contains(&(key.rule.clone(), key.chain.clone())) {
            state.alerts.insert(key, alert);
        } else {
            alert.words.left = None;
            resolve(alert, now, &mut out);
        }
    }
    let silences = &state.silences;
    for alert in state.alerts.values_mut() {
        alert.silenced = policy.silenced(silences, alert, now);
        tell(alert, policy, now, &mut out);
    }
    (state, out)
}

fn step(old: Option<Alert>, r: Reading, now: Millis, out: &mut Vec<Transition>) -> Option<Alert> {
    let Some(mut alert) = old else {
        return (r.holds == Holds::Yes && !r.hidden).then(|| begin(r, now));
    };
    alert.hidden = r.hidden;
    if r.holds == Holds::Yes {
        (alert.words, alert.value, alert.severity) = (r.words, r.value, r.severity);
    }
    match (alert.phase, r.holds) {
        (Phase::Pending { .. }, Holds::No) => return None,
        // Hidden while it waits: it begins anew when the other alert is over.
        (Phase::Pending { .. }, Holds::Yes) if r.hidden => return None,
        (Phase::Pending { since }, Holds::Yes) if now - since >= r.hold => {
            alert.phase = Phase::Firing { since: now, clear: None };
        }
        (Phase::Pending { .. }, _) => {}
        (Phase::Firing { since, clear }, Holds::No) => {
            let clear = clear.unwrap_or(now);
            alert.phase = Phase::Firing { since, clear: Some(clear) };
            if now - clear >= r.clear {
                resolve(alert, now, out);
                return None;
            }
        }
        // What is not known clears nothing, not even in part.
        (Phase::Firing { since, .. }, Holds::Yes | Holds::Unknown) => {
            alert.phase = Phase::Firing { since, clear: None };
        }
    }
    Some(alert)
}

fn begin(r: Reading, now: Millis) -> Alert {
    let phase =
        if r.hold <= 0 { Phase::Firing { since: now, clear: None } } else { Phase::Pending { since: now } };
    Alert {
        key: r.key,
        severity: r.severity,
        labels: r.labels,
        words: r.words,
        value: r.value,
        phase,
        hidden: r.hidden,
        silenced: false,
        told: None,
        ack: None,
    }
}

/// Over. Only those hear of it who heard of it before.
fn resolve(mut alert: Alert, now: Millis, out: &mut Vec<Transition>) {
    if let Some(told) = &mut alert.told {
        told.last = now;
        told.count += 1;
        out.push(Transition { kind: Kind::Resolved, at: now, alert });
    }
}

fn tell(alert: &mut Alert, policy: &Policy, now: Millis, out: &mut Vec<Transition>) {
    let quiet = alert.hidden || alert.silenced;
    if quiet || !matches!(alert.phase, Phase::Firing { clear: None, .. }) {
        return;
    }
    let Rhythm { remind, escalate, tiers } = policy.rhythm;
    let kind = match &mut alert.told {
        None => {
            alert.told = Some(Told { first: now, last: now, tier: 0, count: 0 });
            Kind::Fired
        }
        Some(_) if alert.ack.is_some() => return,
        Some(told)
            if escalate > 0
                && told.tier < tiers
                && now - told.first >= escalate.saturating_mul(i64::from(told.tier) + 1) =>
        {
            told.tier += 1;
            told.last = now;
            told.count += 1;
            Kind::Escalated
        }
        Some(told) if remind > 0 && now - told.last >= remind => {
            told.last = now;
            told.count += 1;
            Kind::Reminded
        }
        Some(_) => return,
    };
    out.push(Transition { kind, at: now, alert: alert.clone() });
}

#[cfg(test)]
mod tests;
