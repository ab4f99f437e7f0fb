//! The words of a rule with the numbers of the moment in them.

use super::Words;
use super::rule::{Rule, Unit};
use crate::trouble::duration;

/// Fills the placeholders of `rule`.
pub fn fill(rule: &Rule, who: &str, chain: &str, value: Option<f64>, left: Option<String>) -> Words {
    let shown = value.map_or_else(|| "?".into(), |v| show(rule.unit, v));
    Words {
        what: place(rule.what, who, chain, &shown),
        means: place(rule.means, who, chain, &shown),
        left,
        advice: place(rule.advice, who, chain, &shown),
    }
}

/// Puts values in the places; what a value contains is never looked into again.
pub fn place(text: &str, who: &str, chain: &str, value: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(match name {
            "who" => who,
            "chain" => chain,
            "value" => value,
            other => other,
        });
        rest = tail;
    }
    out + rest
}

/// A value as a person reads it.
pub fn show(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Count => format!("{value}"),
        Unit::Seconds => duration(value),
        Unit::Ratio => format!("{} %", (value * 10_000.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_a_template() {
        assert_eq!(
            place("{who} on {chain}: {value}", "{chain}{{who}}", "c-1", "5"),
            "{chain}{{who}} on c-1: 5"
        );
        assert_eq!(place("open { end", "", "", ""), "open { end");
        assert_eq!(show(Unit::Ratio, 0.6667), "66.67 %");
        assert_eq!(show(Unit::Count, 20.0), "20");
        assert_eq!(duration(7260.0), "2 h 1 min");
    }
}
