//! What is put on the wire for one transition and one receiver: pure, so that every byte of it is tested without one.

mod pager;
mod text;

pub use text::{Template, TemplateError, Text, example};

use super::escape::Markup;
use super::{Alert, Kind, Millis, Severity, Transition};
use crate::secret::Secret;
use serde_json::{Value, json};

/// A receiver, with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Alertmanager's v2 API: base URL, bearer token.
    Alertmanager(String, Option<Secret>),
    /// PagerDuty Events v2: base URL, routing key.
    Pagerduty(String, Secret),
    /// Opsgenie: base URL, API key.
    Opsgenie(String, Secret),
    /// Slack: an incoming webhook.
    Slack(Secret),
    /// Discord: a webhook.
    Discord(Secret),
    /// Telegram: base URL, bot token, chat.
    Telegram(String, Secret, String),
    /// ntfy: URL of the topic, token.
    Ntfy(String, Option<Secret>),
    /// Anybody who takes our JSON: URL, bearer token.
    Webhook(Secret, Option<Secret>),
    /// SMTP; what is sent is a [`Text`].
    Email,
}

impl Target {
    /// How it reads text.
    pub fn markup(&self) -> Markup {
        match self {
            Self::Slack(_) => Markup::Slack,
            Self::Discord(_) => Markup::Discord,
            Self::Telegram(..) => Markup::Html,
            _ => Markup::Plain,
        }
    }
}

/// One HTTP request. Not `Debug`: URL and headers may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Post {
    /// Where to.
    pub url: Secret,
    /// Beside `Content-Type: application/json`.
    pub headers: Vec<(&'static str, Secret)>,
    /// JSON.
    pub body: String,
}

impl Post {
    fn new(url: &str, body: &Value) -> Self {
        Self { url: Secret::new(url.into()), headers: Vec::new(), body: body.to_string() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }

    fn bearer(self, token: Option<&Secret>) -> Self {
        match token {
            Some(token) => self.with("authorization", format!("Bearer {}", token.expose())),
            None => self,
        }
    }
}

/// The request for `transition`, with `text` made for this target's markup; `None` for e-mail.
pub fn post(target: &Target, transition: &Transition, text: &Text) -> Option<Post> {
    let id = transition.id();
    let over = transition.kind == Kind::Resolved;
    let bad = transition.alert.severity == Severity::Critical;
    Some(match target {
        Target::Alertmanager(base, token) => {
            let ends = if over { transition.at } else { transition.at + FRESH };
            alertmanager(base, token.as_ref(), &[(&transition.alert, ends)])
        }
        Target::Pagerduty(base, key) => {
            Post::new(&format!("{base}/v2/enqueue"), &pager::pagerduty(key.expose(), transition, text))
        }
        Target::Opsgenie(base, key) => {
            let (path, body) = pager::opsgenie(transition, text);
            Post::new(&format!("{base}{path}"), &body)
                .with("authorization", format!("GenieKey {}", key.expose()))
        }
        Target::Slack(url) => {
            let body = json!({ "text": format!("*{}*\n{}", text.title, text.body), "unfurl_links": false, "unfurl_media": false });
            Post::new(url.expose(), &body)
        }
        Target::Discord(url) => {
            let content = cut(&format!("**{}**\n{}", text.title, text.body), 2000);
            let body = json!({ "content": content, "allowed_mentions": { "parse": [] } });
            Post::new(url.expose(), &body)
        }
        Target::Telegram(base, token, chat) => {
            let words = cut(&format!("<b>{}</b>\n{}", text.title, text.body), 4000);
            let body = json!({ "chat_id": chat, "text": words, "parse_mode": "HTML",
                "link_preview_options": { "is_disabled": true }, "disable_notification": over });
            Post::new(&format!("{base}/bot{}/sendMessage", token.expose()), &body)
        }
        Target::Ntfy(url, token) => {
            let (base, topic) = url.trim_end_matches('/').rsplit_once('/').unwrap_or((url, "palisade"));
            let priority = if over { 3 } else { 4 + i32::from(bad) };
            let body = json!({ "topic": topic, "title": cut(&text.title, 250), "message": cut(&text.body, 4000),
                "priority": priority, "tags": [if over { "white_check_mark" } else { "rotating_light" }] });
            Post::new(base, &body).with("x-sequence-id", id).bearer(token.as_ref())
        }
        Target::Webhook(url, token) => {
            let body = json!({ "version": 1, "id": id, "incident": transition.alert.incident(), "kind": transition.kind,
                "at_ms": transition.at, "title": text.title, "body": text.body, "severity": transition.alert.severity,
                "rule": transition.alert.key.rule, "chain": transition.alert.key.chain, "subject": transition.alert.key.subject,
                "labels": transition.alert.labels, "value": transition.alert.value, "words": transition.alert.words });
            Post::new(url.expose(), &body).with("idempotency-key", id).bearer(token.as_ref())
        }
        Target::Email => return None,
    })
}

/// What fires is told to Alertmanager again before it would take it as over.
pub const REFRESH: Millis = 60_000;
const FRESH: Millis = 5 * REFRESH;

/// All that fires, told again to Alertmanager, which forgets what it does not hear.
pub fn refresh(target: &Target, alerts: &[&Alert], now: Millis) -> Option<Post> {
    match target {
        Target::Alertmanager(base, token) if !alerts.is_empty() => {
            let list: Vec<_> = alerts.iter().map(|alert| (*alert, now + FRESH)).collect();
            Some(alertmanager(base, token.as_ref(), &list))
        }
        _ => None,
    }
}

fn alertmanager(base: &str, token: Option<&Secret>, alerts: &[(&Alert, Millis)]) -> Post {
    let one = |(alert, ends): &(&Alert, Millis)| {
        let words = &alert.words;
        let left = words.left.as_deref().unwrap_or_default();
        let starts = alert.fires_since().unwrap_or(*ends);
        json!({ "labels": alert.labels, "startsAt": rfc3339(starts), "endsAt": rfc3339(*ends),
            "annotations": { "summary": words.what, "description": words.means, "left": left, "try": words.advice } })
    };
    let body = Value::Array(alerts.iter().map(one).collect());
    Post::new(&format!("{base}/api/v2/alerts"), &body).bearer(token)
}

fn rfc3339(at: Millis) -> String {
    crate::decode::timestamp(at.saturating_mul(1_000_000))
}

/// At most `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..text[..at].char_indices().next_back().map_or(0, |(i, _)| i)]),
        None => text.to_owned(),
    }
}

/// How long a receiver asks us to wait, in milliseconds: `Retry-After`, or what Telegram and Discord put into their answer.
pub fn retry_after(header: Option<&str>, body: &[u8]) -> Option<Millis> {
    let seconds = header.and_then(|h| h.trim().parse::<f64>().ok()).or_else(|| {
        let body: Value = serde_json::from_slice(body).ok()?;
        body.pointer("/parameters/retry_after").or_else(|| body.get("retry_after"))?.as_f64()
    })?;
    #[allow(clippy::cast_possible_truncation, reason = "between nothing and an hour")]
    let millis = (seconds.clamp(0.0, 3600.0) * 1000.0) as Millis;
    Some(millis)
}

/// Time before the next attempt: doubles from a second to five minutes.
pub fn backoff(failures: u32) -> Millis {
    1000_i64.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(300_000)
}

#[cfg(test)]
mod tests;
