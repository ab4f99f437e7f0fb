//! The table of rules for Prometheus: the same names, thresholds and words, so that either can own alerting.
//!
//! A rule that another one hides looks at that one's `ALERTS`, so those come first: a group is evaluated in order.

use super::policy::{Override, Policy, Tuned};
use super::rule::{RULES, Rule, Scope, Unit};
use super::{Severity, words};
use std::fmt::Write as _;

/// The rule file.
pub fn rules(policy: &Policy) -> String {
    let mut out = String::from(
        "# Alerts on palisade-monitor, made by:  palisade-monitor rules --prometheus\n\
         # Own validators are those in `watch` of monitor.toml. Load it with rule_files in prometheus.yml.\n\
         groups:\n  - name: palisade-monitor\n    rules:\n",
    );
    let mut ordered: Vec<&Rule> = RULES.iter().collect();
    ordered.sort_by_key(|rule| depth(rule));
    for rule in ordered {
        for (selector, tuned) in variants(rule, policy) {
            if tuned.enabled {
                one(&mut out, rule, &selector, tuned);
            }
        }
    }
    out
}

fn depth(rule: &Rule) -> usize {
    let above = rule.hidden_by.iter().filter_map(|name| super::rule::find(name));
    above.map(|r| depth(r) + 1).max().unwrap_or(0)
}

/// The rule for everything that no override names, and once more for each that does.
fn variants(rule: &Rule, policy: &Policy) -> Vec<(String, Tuned)> {
    let label = rule.scope.label();
    let own: Vec<&Override> =
        policy.overrides.iter().filter(|o| o.matcher.rule.as_deref() == Some(rule.name)).collect();
    let places: Vec<(Option<&str>, Option<&str>)> = own
        .iter()
        .map(|o| (o.matcher.chain.as_deref(), o.matcher.subject.as_deref()))
        .fold(Vec::new(), |mut seen, place| {
            if place != (None, None) && !seen.contains(&place) {
                seen.push(place);
            }
            seen
        });
    let tuned = |chain: Option<&str>, subject: Option<&str>| {
        let fits = |o: &&&Override| {
            (o.matcher.chain.is_none() || o.matcher.chain.as_deref() == chain)
                && (o.matcher.subject.is_none() || o.matcher.subject.as_deref() == subject)
        };
        own.iter().filter(fits).fold(rule.tuned(), |tuned, o| o.onto(tuned))
    };
    let not = |label: &str, values: Vec<&str>| {
        (!values.is_empty()).then(|| {
            format!("{label}!~{}", quoted(&values.iter().map(|v| literal(v)).collect::<Vec<_>>().join("|")))
        })
    };
    let chains = places.iter().filter(|(_, s)| s.is_none()).filter_map(|(c, _)| *c).collect();
    let subjects: Vec<&str> = places.iter().filter_map(|(_, s)| *s).collect();
    let rest = [not("chain_id", chains), not(label, subjects.clone())];
    let mut out = vec![(rest.into_iter().flatten().collect::<Vec<_>>().join(","), tuned(None, None))];
    for (chain, subject) in places {
        let equal = |label: &str, value: &str| format!("{label}={}", quoted(value));
        let mut selector: Vec<String> = chain.map(|c| equal("chain_id", c)).into_iter().collect();
        selector.extend(match subject {
            Some(subject) => Some(equal(label, subject)),
            None => not(label, subjects.clone()),
        });
        out.push((selector.join(","), tuned(chain, subject)));
    }
    out
}

fn one(out: &mut String, rule: &Rule, selector: &str, tuned: Tuned) {
    let mut expr = rule
        .expr
        .replace(",$S", if selector.is_empty() { "" } else { ",$S" })
        .replace("$T", &tuned.threshold.to_string())
        .replace("$S", selector)
        .replace("{}", "");
    if rule.scope == Scope::Validator {
        expr += "\n  and on (chain_id, valoper) palisade_monitor_validator_watched == 1";
    }
    for other in rule.hidden_by.iter().filter_map(|name| super::rule::find(name)) {
        let label = rule.scope.label();
        let on = match rule.scope {
            _ if other.scope != rule.scope => "chain_id".to_owned(),
            Scope::Validator | Scope::Source => format!("chain_id, {label}"),
            _ => label.to_owned(),
        };
        let _ =
            write!(expr, "\n  unless on ({on}) ALERTS{{alertname=\"{}\",alertstate=\"firing\"}}", other.name);
    }
    let _ = writeln!(out, "      - alert: {}\n        expr: |", rule.name);
    for line in expr.lines() {
        let _ = writeln!(out, "          {line}");
    }
    for (name, millis) in [("for", tuned.hold), ("keep_firing_for", tuned.clear)] {
        if millis > 0 {
            let _ = writeln!(out, "        {name}: {}s", millis / 1000);
        }
    }
    let severity = if tuned.severity == Severity::Critical { "critical" } else { "warning" };
    let _ = writeln!(out, "        labels: {{ severity: {severity} }}\n        annotations:");
    let value = match rule.unit {
        Unit::Count => "{{ $value }}",
        Unit::Seconds => "{{ $value | humanizeDuration }}",
        Unit::Ratio => "{{ $value | humanizePercentage }}",
    };
    let name = if rule.scope == Scope::Validator { "moniker" } else { rule.scope.label() };
    let who = format!("{{{{ $labels.{name} }}}}");
    let say = |text: &str| quoted(&words::place(text, &who, "{{ $labels.chain_id }}", value));
    let _ = writeln!(
        out,
        "          summary: {}\n          description: {}\n          try: {}",
        say(rule.what),
        say(rule.means),
        say(rule.advice)
    );
}

/// In double quotes, for YAML and PromQL alike.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A regular expression that matches only `text`.
fn literal(text: &str) -> String {
    text.chars()
        .flat_map(|c| [(!c.is_ascii_alphanumeric() && c != '-').then_some('\\'), Some(c)])
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::policy::Matcher;

    const SHIPPED: &str = include_str!("../../../examples/prometheus/palisade-monitor.rules.yml");

    #[test]
    fn what_is_shipped_is_what_is_made() {
        let made = rules(&Policy::default());
        assert!(made == SHIPPED, "examples/prometheus/palisade-monitor.rules.yml is now:\n{made}");
    }

    #[test]
    fn overrides_take_their_place() {
        let at = |chain: Option<&str>, subject: Option<&str>, threshold| Override {
            matcher: Matcher {
                rule: Some("PalisadeValidatorDown".into()),
                chain: chain.map(Into::into),
                subject: subject.map(Into::into),
            },
            threshold: Some(threshold),
            ..Override::default()
        };
        let policy = Policy {
            overrides: vec![at(None, None, 30.0), at(Some("a-1"), None, 40.0), at(None, Some("vx"), 50.0)],
            ..Policy::default()
        };
        let text = rules(&policy);
        for expected in [
            "consecutive_missed_blocks{chain_id!~\"a-1\",valoper!~\"vx\"} >= 30\n",
            "consecutive_missed_blocks{chain_id=\"a-1\",valoper!~\"vx\"} >= 40\n",
            "consecutive_missed_blocks{valoper=\"vx\"} >= 50\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }

    #[test]
    fn who_hides_comes_first() {
        let text = rules(&Policy::default());
        for rule in RULES {
            let at = |name: &str| text.find(&format!("alert: {name}\n")).unwrap();
            assert!(rule.hidden_by.iter().all(|other| at(other) < at(rule.name)), "{}", rule.name);
        }
    }
}
