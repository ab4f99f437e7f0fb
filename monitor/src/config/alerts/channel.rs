//! `[[alerts.channel]]`: one receiver. URLs that are secrets themselves (webhooks) come from a file or a credential.

use super::SecretSource;
use crate::alert::Severity;
use crate::alert::route::Route;
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    severity: Option<Severity>,
    #[serde(default)]
    tier: u8,
    #[serde(default)]
    chains: Vec<String>,
    resolved: Option<bool>,
    reminders: Option<bool>,
    template: Option<PathBuf>,
    #[serde(default)]
    urls: Vec<String>,
    url: Option<String>,
    webhook: Option<SecretSource>,
    key: Option<SecretSource>,
    chat: Option<String>,
    smtp: Option<String>,
    user: Option<String>,
    from: Option<String>,
    #[serde(default)]
    to: Vec<String>,
}

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What it is told of.
    pub route: Route,
    /// What it is.
    pub kind: Kind,
    /// Own words, in place of ours.
    pub template: Option<PathBuf>,
}

/// A URL that may be shown, or one that may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// May be shown.
    Plain(String),
    /// Holds a token.
    Secret(SecretSource),
}

/// How SMTP is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// `smtps://`: from the first byte.
    Whole,
    /// `smtp+starttls://`: after STARTTLS, which must be there.
    Start,
    /// `smtp://`: not at all; for a server on this host.
    None,
}

/// A mail server, and from whom to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS.
    pub tls: SmtpTls,
    /// Name and password.
    pub login: Option<(String, SecretSource)>,
    /// Sender.
    pub from: String,
    /// Receivers.
    pub to: Vec<String>,
}

/// What a receiver is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One instance of Alertmanager: base URL, bearer token.
    Alertmanager(String, Option<SecretSource>),
    /// PagerDuty Events v2: base URL, routing key.
    Pagerduty(String, SecretSource),
    /// Opsgenie: base URL, API key.
    Opsgenie(String, SecretSource),
    /// Slack's incoming webhook.
    Slack(SecretSource),
    /// Discord's webhook.
    Discord(SecretSource),
    /// Telegram: base URL, bot token, chat.
    Telegram(String, SecretSource, String),
    /// E-mail.
    Email(Smtp),
    /// ntfy: URL of the topic, token.
    Ntfy(String, Option<SecretSource>),
    /// Our own JSON.
    Webhook(Place, Option<SecretSource>),
}

type Bad = (String, &'static str);

impl Raw {
    /// Channels: one for each instance of Alertmanager, since each has to be told.
    pub(super) fn resolve(self, directory: &Path) -> Result<Vec<Channel>, Bad> {
        let name = self.name.clone();
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !plain {
            return Err((format!("channel {name:?} has no plain name"), "letters, digits, - and _"));
        }
        if self.tier > 9 {
            return Err((format!("tier {} of channel {name:?}", self.tier), "0 (at once) to 9"));
        }
        let allowed: &[&str] = match self.kind.as_str() {
            "alertmanager" => &["urls", "key"],
            "pagerduty" | "opsgenie" => &["url", "key"],
            "slack" | "discord" => &["webhook"],
            "telegram" => &["url", "key", "chat"],
            "email" => &["smtp", "user", "key", "from", "to"],
            "ntfy" => &["url", "key"],
            "webhook" => &["url", "webhook", "key"],
            other => {
                let advice =
                    "alertmanager, pagerduty, opsgenie, slack, discord, telegram, email, ntfy or webhook";
                return Err((format!("channel {name:?} has the unknown type {other:?}"), advice));
            }
        };
        let given = [
            ("urls", !self.urls.is_empty()),
            ("url", self.url.is_some()),
            ("webhook", self.webhook.is_some()),
            ("key", self.key.is_some()),
            ("chat", self.chat.is_some()),
            ("smtp", self.smtp.is_some()),
            ("user", self.user.is_some()),
            ("from", self.from.is_some()),
            ("to", !self.to.is_empty()),
        ];
        if let Some((extra, _)) = given.iter().find(|(field, there)| *there && !allowed.contains(field)) {
            return Err((format!("channel {name:?} of type {} takes no {extra}", self.kind), "leave it out"));
        }
        let route = Route {
            name: name.clone(),
            severity: self.severity.unwrap_or(Severity::Warning),
            tier: self.tier,
            chains: self.chains.clone(),
            resolved: self.resolved.unwrap_or(true),
            reminders: self.reminders.unwrap_or(true),
        };
        let template = self.template.as_ref().map(|t| directory.join(t));
        let kinds = self.kinds(directory)?;
        let several = kinds.len() > 1;
        Ok(kinds
            .into_iter()
            .enumerate()
            .map(|(i, kind)| {
                let name = if several { format!("{name}-{}", i + 1) } else { name.clone() };
                Channel { route: Route { name, ..route.clone() }, kind, template: template.clone() }
            })
            .collect())
    }

    fn kinds(self, directory: &Path) -> Result<Vec<Kind>, Bad> {
        let name = self.name;
        let missing = |what: &str| (format!("channel {name:?} has no {what}"), "see examples/monitor.toml");
        let key = self.key.map(|k| k.beside(directory));
        let need = |key: Option<SecretSource>| key.ok_or_else(|| missing("key = { file | credential }"));
        let hook = self.webhook.map(|w| w.beside(directory));
        let web = |url: String| {
            let good = url.starts_with("https://") || url.starts_with("http://");
            let good = good && !url.contains('@');
            if good {
                Ok(url.trim_end_matches('/').to_owned())
            } else {
                Err((
                    format!("{url:?} of channel {name:?} is no plain URL"),
                    "https://host/path; secrets go into a file",
                ))
            }
        };
        let or = |url: Option<String>, default: &str| web(url.unwrap_or_else(|| default.into()));
        Ok(match self.kind.as_str() {
            "alertmanager" if self.urls.is_empty() => {
                return Err(missing("urls = [\"http://127.0.0.1:9093\"]"));
            }
            "alertmanager" => {
                let urls = self.urls.into_iter().map(web).collect::<Result<Vec<_>, _>>()?;
                urls.into_iter().map(|url| Kind::Alertmanager(url, key.clone())).collect()
            }
            "pagerduty" => vec![Kind::Pagerduty(or(self.url, "https://events.pagerduty.com")?, need(key)?)],
            "opsgenie" => vec![Kind::Opsgenie(or(self.url, "https://api.opsgenie.com")?, need(key)?)],
            "slack" => vec![Kind::Slack(hook.ok_or_else(|| missing("webhook = { file | credential }"))?)],
            "discord" => vec![Kind::Discord(hook.ok_or_else(|| missing("webhook = { file | credential }"))?)],
            "telegram" => {
                let chat = self.chat.ok_or_else(|| missing("chat"))?;
                vec![Kind::Telegram(or(self.url, "https://api.telegram.org")?, need(key)?, chat)]
            }
            "ntfy" => vec![Kind::Ntfy(web(self.url.ok_or_else(|| missing("url"))?)?, key)],
            "webhook" => {
                let place = match (self.url, hook) {
                    (Some(url), None) => Place::Plain(web(url)?),
                    (None, Some(hook)) => Place::Secret(hook),
                    _ => return Err(missing("url or webhook (one of them)")),
                };
                vec![Kind::Webhook(place, key)]
            }
            _ => {
                let smtp = self.smtp.ok_or_else(|| missing("smtp = \"smtps://host:465\""))?;
                let bad = || {
                    (
                        format!("{smtp:?} of channel {name:?}"),
                        "smtps://host:465, smtp+starttls://host:587 or smtp://127.0.0.1:25",
                    )
                };
                let (scheme, rest) = smtp.split_once("://").ok_or_else(bad)?;
                let (host, port) = rest.rsplit_once(':').ok_or_else(bad)?;
                let tls = match scheme {
                    "smtps" => SmtpTls::Whole,
                    "smtp+starttls" => SmtpTls::Start,
                    "smtp" => SmtpTls::None,
                    _ => return Err(bad()),
                };
                let login = match (self.user, key) {
                    (None, None) => None,
                    (Some(user), Some(key)) => Some((user, key)),
                    _ => return Err(missing("user and key (both or none)")),
                };
                if self.to.is_empty() {
                    return Err(missing("to"));
                }
                let port = port.parse().map_err(|_| bad())?;
                let from = self.from.ok_or_else(|| missing("from"))?;
                vec![Kind::Email(Smtp { host: host.into(), port, tls, login, from, to: self.to })]
            }
        })
    }
}
