//! When nothing is to be said: silences, maintenance windows; and the thresholds that an operator has changed.

use super::engine::Rhythm;
use super::rule::Rule;
use super::{Alert, Millis, Severity};
use serde::{Deserialize, Serialize};

/// What a silence or an override is about: what is given must be equal, what is not given is anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// Name of a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Chain id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Validator, endpoint, signer … as the alert names it, or any of its labels' values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Matcher {
    /// Whether it matches a rule's reading of a subject.
    pub fn matches(&self, rule: &str, chain: &str, subjects: &[&str]) -> bool {
        self.rule.as_deref().is_none_or(|r| r == rule)
            && self.chain.as_deref().is_none_or(|c| c == chain)
            && self.subject.as_deref().is_none_or(|s| subjects.contains(&s))
    }

    /// Whether it matches an alert.
    pub fn alert(&self, alert: &Alert) -> bool {
        let labels = alert.labels.iter().filter(|(name, _)| name.as_str() != "chain_id");
        let subjects: Vec<&str> =
            labels.map(|(_, v)| v.as_str()).chain([alert.key.subject.as_str()]).collect();
        self.matches(&alert.key.rule, &alert.key.chain, &subjects)
    }
}

/// Nothing is said about what matches until its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// To end it early.
    pub id: u64,
    /// What it is about.
    #[serde(flatten)]
    pub matcher: Matcher,
    /// Work is done there on purpose: what could be a double-sign is told all the same.
    #[serde(default)]
    pub maintenance: bool,
    /// Its end.
    pub until: Millis,
    /// Who made it.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// A maintenance window of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// What it is about.
    pub matcher: Matcher,
    /// Its first beginning.
    pub from: Millis,
    /// Its first end.
    pub until: Millis,
    /// It comes again after this time; 0 = once.
    pub every: Millis,
}

impl Window {
    fn open(&self, now: Millis) -> bool {
        let since = now - self.from;
        let since = if self.every > 0 && since >= 0 { since % self.every } else { since };
        (0..self.until - self.from).contains(&since)
    }
}

/// A row of the table of rules, changed for what matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Override {
    /// For what; `rule` is always given.
    pub matcher: Matcher,
    /// Off.
    pub enabled: Option<bool>,
    /// Compare with this.
    pub threshold: Option<f64>,
    /// Must hold for so long.
    pub hold: Option<Millis>,
    /// Must have ceased for so long.
    pub clear: Option<Millis>,
    /// How bad it is.
    pub severity: Option<Severity>,
}

/// A rule as it is for one subject.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuned {
    /// Whether it is looked at.
    pub enabled: bool,
    /// Compare with this.
    pub threshold: f64,
    /// Must hold for so long.
    pub hold: Millis,
    /// Must have ceased for so long.
    pub clear: Millis,
    /// How bad it is.
    pub severity: Severity,
}

/// All that an operator has decided about alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// In order; later ones win.
    pub overrides: Vec<Override>,
    /// Of the configuration.
    pub maintenance: Vec<Window>,
    /// Repeats.
    pub rhythm: Rhythm,
}

impl Default for Policy {
    fn default() -> Self {
        let rhythm = Rhythm { remind: 4 * 3_600_000, escalate: 15 * 60_000, tiers: 0 };
        Self { overrides: Vec::new(), maintenance: Vec::new(), rhythm }
    }
}

impl Policy {
    /// `rule` for one subject.
    pub fn tuned(&self, rule: &Rule, chain: &str, subjects: &[&str]) -> Tuned {
        let mut tuned = rule.tuned();
        for o in self.overrides.iter().filter(|o| o.matcher.matches(rule.name, chain, subjects)) {
            tuned = o.onto(tuned);
        }
        tuned
    }

    /// Whether nothing is to be said about `alert` now.
    pub fn silenced(&self, silences: &[Silence], alert: &Alert, now: Millis) -> bool {
        let always = super::rule::find(&alert.key.rule).is_some_and(|r| r.always);
        let by_command = silences.iter().any(|s| {
            let spared = always && (s.maintenance || s.matcher.rule.is_none());
            s.until > now && s.matcher.alert(alert) && !spared
        });
        by_command || (!always && self.maintenance.iter().any(|w| w.open(now) && w.matcher.alert(alert)))
    }
}

impl Override {
    /// `tuned`, changed by this.
    pub fn onto(&self, tuned: Tuned) -> Tuned {
        Tuned {
            enabled: self.enabled.unwrap_or(tuned.enabled),
            threshold: self.threshold.unwrap_or(tuned.threshold),
            hold: self.hold.unwrap_or(tuned.hold),
            clear: self.clear.unwrap_or(tuned.clear),
            severity: self.severity.unwrap_or(tuned.severity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekly_window_comes_again_and_not_before() {
        let day = 86_400_000;
        let window = Window { matcher: Matcher::default(), from: 1000, until: 4000, every: 7 * day };
        for (now, open) in [
            (0, false),
            (1000, true),
            (3999, true),
            (4000, false),
            (7 * day + 999, false),
            (7 * day + 1000, true),
        ] {
            assert_eq!(window.open(now), open, "{now}");
        }
        assert!(!Window { every: 0, ..window }.open(7 * day + 1000));
    }

    #[test]
    fn what_is_given_must_be_equal() {
        let own = Matcher { chain: Some("a".into()), subject: Some("v".into()), rule: None };
        assert!(own.matches("X", "a", &["v", "moniker"]) && !own.matches("X", "b", &["v"]));
        assert!(!own.matches("X", "a", &[]) && Matcher::default().matches("X", "", &[]));
    }
}
