//! `[alerts]`, `[[signer]]` and `[[sentry]]` of monitor.toml: what is told to whom, when not, and who else is asked.

mod channel;

pub use channel::{Channel, Kind, Place, Smtp, SmtpTls};

use super::secret::SecretSource;
use super::{ConfigError, span};
use crate::alert::engine::Rhythm;
use crate::alert::policy::{Matcher, Override, Policy, Window};
use crate::alert::{Severity, rule};
use serde::Deserialize;
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    remind_after: Option<String>,
    escalate_after: Option<String>,
    dead_man: Option<SecretSource>,
    #[serde(rename = "rule", default)]
    rules: Vec<RawRule>,
    #[serde(default)]
    maintenance: Vec<RawWindow>,
    #[serde(rename = "channel", default)]
    channels: Vec<channel::Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: String,
    chain: Option<String>,
    subject: Option<String>,
    enabled: Option<bool>,
    threshold: Option<f64>,
    #[serde(rename = "for")]
    hold: Option<String>,
    clear: Option<String>,
    severity: Option<Severity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindow {
    rule: Option<String>,
    chain: Option<String>,
    subject: Option<String>,
    from: String,
    until: String,
    every: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBeside {
    name: String,
    url: String,
}

/// A daemon beside us: `[[signer]]` or `[[sentry]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// What it is called in alerts and metrics.
    pub name: String,
    /// A signer's `/readyz`, a sentry's `/metrics`.
    pub url: String,
}

/// All about alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerts {
    /// Thresholds, maintenance, repeats.
    pub policy: Policy,
    /// Who is told.
    pub channels: Vec<Channel>,
    /// URL that is asked each minute while data is fresh; whoever is behind it calls when it stops.
    pub dead_man: Option<SecretSource>,
    /// Signers to be asked.
    pub signers: Vec<Beside>,
    /// Sentries to be asked.
    pub sentries: Vec<Beside>,
}

impl Alerts {
    pub(super) fn new(
        raw: Raw,
        signers: Vec<RawBeside>,
        sentries: Vec<RawBeside>,
        file: &str,
        directory: &Path,
    ) -> Result<Self, ConfigError> {
        let bad =
            |reason: String, advice: &'static str| ConfigError::Alerts { file: file.into(), reason, advice };
        let time = |text: &str| {
            span::parse(text).ok_or_else(|| bad(format!("{text:?} is no time"), "30s, 10m, 4h or 7d"))
        };
        let known = |name: &str| match rule::find(name) {
            Some(rule) => Ok(rule),
            None => Err(bad(
                format!("there is no rule {name:?}"),
                "palisade-monitor rules --prometheus shows all names",
            )),
        };
        let mut overrides = Vec::new();
        for r in raw.rules {
            let rule = known(&r.name)?;
            if r.threshold.is_some() && rule.threshold.is_none() {
                return Err(bad(format!("{} compares with no threshold", r.name), "leave threshold out"));
            }
            if r.threshold.is_some_and(|t| !t.is_finite()) {
                return Err(bad(format!("the threshold of {} is no number", r.name), "a plain number"));
            }
            overrides.push(Override {
                matcher: Matcher { rule: Some(r.name), chain: r.chain, subject: r.subject },
                enabled: r.enabled,
                threshold: r.threshold,
                hold: r.hold.as_deref().map(time).transpose()?,
                clear: r.clear.as_deref().map(time).transpose()?,
                severity: r.severity,
            });
        }
        let mut maintenance = Vec::new();
        for w in raw.maintenance {
            if let Some(name) = &w.rule {
                known(name)?;
            }
            let at = |text: &str| {
                let at = OffsetDateTime::parse(text, &Rfc3339).ok().map(|t| t.unix_timestamp() * 1000);
                at.ok_or_else(|| bad(format!("{text:?} is no point in time"), "2026-12-01T22:00:00Z"))
            };
            let (from, until) = (at(&w.from)?, at(&w.until)?);
            let every = w.every.as_deref().map(time).transpose()?.unwrap_or(0);
            if until <= from || (every > 0 && every <= until - from) {
                return Err(bad(
                    format!("the maintenance window from {} never ends", w.from),
                    "until after from, and every longer than both",
                ));
            }
            let matcher = Matcher { rule: w.rule, chain: w.chain, subject: w.subject };
            maintenance.push(Window { matcher, from, until, every });
        }
        let mut channels: Vec<Channel> = Vec::new();
        for raw in raw.channels {
            for channel in raw.resolve(directory).map_err(|(reason, advice)| bad(reason, advice))? {
                if channels.iter().any(|c| c.route.name == channel.route.name) {
                    return Err(bad(
                        format!("channel {:?} is there twice", channel.route.name),
                        "another name",
                    ));
                }
                channels.push(channel);
            }
        }
        let beside = |all: Vec<RawBeside>| {
            all.into_iter()
                .map(|b| {
                    let web = b.url.starts_with("http://") || b.url.starts_with("https://");
                    let advice = "http://127.0.0.1:26661/readyz";
                    if web {
                        Ok(Beside { name: b.name, url: b.url })
                    } else {
                        Err(bad(format!("{:?} is no URL", b.url), advice))
                    }
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let rhythm = Rhythm {
            remind: raw.remind_after.as_deref().map(time).transpose()?.unwrap_or(4 * 3_600_000),
            escalate: raw.escalate_after.as_deref().map(time).transpose()?.unwrap_or(15 * 60_000),
            tiers: channels.iter().map(|c| c.route.tier).max().unwrap_or(0),
        };
        Ok(Self {
            policy: Policy { overrides, maintenance, rhythm },
            channels,
            dead_man: raw.dead_man.map(|s| s.beside(directory)),
            signers: beside(signers)?,
            sentries: beside(sentries)?,
        })
    }
}

#[cfg(test)]
mod tests;
