//! The table of rules: one row each, with its threshold, its times and its words. Our own alerts and the rules for Prometheus
//! are both made from it, so they say the same under the same name.
//!
//! In the words, `{who}` is the subject, `{chain}` the chain id and `{value}` the number compared. In an expression, `$S` is
//! where selectors go, `$T` the threshold.

mod table;

use super::policy::Tuned;
use super::{Millis, Severity};
pub use table::RULES;

/// What a rule is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Each own validator.
    Validator,
    /// Each chain.
    Chain,
    /// Each endpoint of a chain.
    Source,
    /// Each `[[signer]]`.
    Signer,
    /// Each `[[sentry]]`.
    Sentry,
    /// Each channel.
    Channel,
}

impl Scope {
    /// The label that names the subject, in alerts and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Validator => "valoper",
            Self::Chain => "chain_id",
            Self::Source => "source",
            Self::Signer => "signer",
            Self::Sentry => "sentry",
            Self::Channel => "channel",
        }
    }
}

/// How its value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Seconds.
    Seconds,
    /// A share of one.
    Ratio,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Name, here and in Prometheus.
    pub name: &'static str,
    /// What it is asked of.
    pub scope: Scope,
    /// How bad it is.
    pub severity: Severity,
    /// What is compared with, where something is.
    pub threshold: Option<f64>,
    /// How the value is shown.
    pub unit: Unit,
    /// Must hold for so many seconds.
    pub hold: i64,
    /// Must have ceased for so many seconds.
    pub clear: i64,
    /// May mean a double-sign: told in maintenance too.
    pub always: bool,
    /// These say it already, when they hold for the same subject or for its chain.
    pub hidden_by: &'static [&'static str],
    /// What broke.
    pub what: &'static str,
    /// What it means for the stake.
    pub means: &'static str,
    /// What to type.
    pub advice: &'static str,
    /// The same as PromQL.
    pub expr: &'static str,
}

impl Rule {
    /// As the table has it.
    pub fn tuned(&self) -> Tuned {
        Tuned {
            enabled: true,
            threshold: self.threshold.unwrap_or(0.0),
            hold: millis(self.hold),
            clear: millis(self.clear),
            severity: self.severity,
        }
    }
}

fn millis(seconds: i64) -> Millis {
    seconds * 1000
}

/// A channel does not deliver.
pub const CHANNEL_FAILING: &str = "PalisadeChannelFailing";
/// Nothing is known of a chain.
pub const BLIND: &str = "PalisadeMonitorBlind";

/// The row of that name.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|r| r.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        for rule in RULES {
            assert!(
                rule.name.starts_with("Palisade") && std::ptr::eq(find(rule.name).unwrap(), rule),
                "{}",
                rule.name
            );
            for text in [rule.what, rule.means, rule.advice, rule.expr] {
                assert!(!text.trim().is_empty(), "{}", rule.name);
            }
            assert_eq!(rule.threshold.is_some(), rule.expr.contains("$T"), "{}", rule.name);
            assert!(rule.expr.contains("$S}"), "{}: overrides have no place", rule.name);
            for other in rule.hidden_by {
                assert!(find(other).is_some_and(|o| !o.hidden_by.contains(&rule.name)), "{}", rule.name);
            }
            assert!(!rule.always || rule.hidden_by.is_empty(), "{}", rule.name);
        }
    }
}
