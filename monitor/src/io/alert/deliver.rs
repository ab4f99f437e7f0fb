//! One task for each channel: takes what waits for it, in order, until it has arrived. A channel that fails delays no other.

use super::mail::Mailer;
use super::{Desk, now};
use crate::alert::message::{self, Target, Template};
use crate::alert::{Kind, Millis, Transition};
use crate::config::SecretSource;
use crate::config::alerts::{self as config, Place};
use crate::io::http::Http;
use crate::io::secret;
use crate::secret::Secret;
use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(10);
const LARGEST: usize = 64 * 1024;
/// Between two looks into the outbox when nobody has woken us.
const LOOK: Duration = Duration::from_secs(1);

/// Why a message has not arrived. Never holds a URL: some of them are secrets.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The secret or the template cannot be read.
    #[error("{0}")]
    Setup(String),
    /// No answer.
    #[error("{0}")]
    Http(String),
    /// It was refused.
    #[error("it answered {status}: {said}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Beginning of its answer.
        said: String,
        /// What it asked us to wait.
        after: Option<Millis>,
    },
    /// The mail server's words.
    #[error("{0}")]
    Mail(String),
}

/// A receiver, ready to be told.
#[derive(Debug)]
pub struct Receiver {
    channel: config::Channel,
    http: Http,
}

impl Receiver {
    /// Its secrets are read at each message, so that a rotated one needs no restart.
    pub fn new(channel: config::Channel, http: Http) -> Self {
        Self { channel, http }
    }

    /// Sends one message; gives back what was answered.
    pub async fn send(&self, transition: &Transition) -> Result<String, DeliverError> {
        let target = target(&self.channel.kind)?;
        let template = match &self.channel.template {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| DeliverError::Setup(format!("{}: {e}", path.display())))?;
                Template::new(&text).map_err(|e| DeliverError::Setup(e.to_string()))?
            }
            None => Template::default(),
        };
        let text = template
            .render(target.markup(), transition)
            .map_err(|error| DeliverError::Setup(error.to_string()))?;
        if let config::Kind::Email(smtp) = &self.channel.kind {
            let mailer = Mailer::new(smtp).map_err(DeliverError::Mail)?;
            return mailer.send(transition, &text).await.map_err(DeliverError::Mail);
        }
        match message::post(&target, transition, &text) {
            Some(post) => exchange(&self.http, post).await,
            None => Err(DeliverError::Setup("this channel takes no HTTP".into())),
        }
    }

    /// Tells Alertmanager again what fires.
    async fn refresh(&self, desk: &Desk, now: Millis) -> Result<(), DeliverError> {
        let board = desk.board().borrow().clone();
        let route = &self.channel.route;
        let told: Vec<_> = board
            .alerts
            .iter()
            .filter(|a| route.wants(a) && a.told.as_ref().is_some_and(|t| route.tier <= t.tier))
            .collect();
        match message::refresh(&target(&self.channel.kind)?, &told, now) {
            Some(post) => exchange(&self.http, post).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

async fn exchange(http: &Http, post: message::Post) -> Result<String, DeliverError> {
    let mut request = Request::post(post.url.expose()).header("content-type", "application/json");
    for (name, value) in &post.headers {
        request = request.header(*name, value.expose());
    }
    let request = request
        .header("user-agent", concat!("palisade-monitor/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(post.body)))
        .map_err(|_| {
            DeliverError::Setup("its URL or its key cannot be sent\ntry: one line without spaces".into())
        })?;
    let answer =
        http.send(request, DEADLINE, LARGEST).await.map_err(|error| DeliverError::Http(error.to_string()))?;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let said: String = String::from_utf8_lossy(&answer.body).chars().take(200).map(plain).collect();
    if (200..300).contains(&answer.status) {
        return Ok(format!("{} {said}", answer.status));
    }
    let header = answer.headers.get("retry-after").and_then(|v| v.to_str().ok());
    let after = message::retry_after(header, &answer.body);
    Err(DeliverError::Refused { status: answer.status, said, after })
}

fn target(kind: &config::Kind) -> Result<Target, DeliverError> {
    let read = |source: &SecretSource| secret::read(source).map_err(|e| DeliverError::Setup(e.to_string()));
    let maybe = |source: &Option<SecretSource>| source.as_ref().map(read).transpose();
    Ok(match kind {
        config::Kind::Alertmanager(url, key) => Target::Alertmanager(url.clone(), maybe(key)?),
        config::Kind::Pagerduty(url, key) => Target::Pagerduty(url.clone(), read(key)?),
        config::Kind::Opsgenie(url, key) => Target::Opsgenie(url.clone(), read(key)?),
        config::Kind::Slack(hook) => Target::Slack(read(hook)?),
        config::Kind::Discord(hook) => Target::Discord(read(hook)?),
        config::Kind::Telegram(url, key, chat) => Target::Telegram(url.clone(), read(key)?, chat.clone()),
        config::Kind::Ntfy(url, key) => Target::Ntfy(url.clone(), maybe(key)?),
        config::Kind::Webhook(Place::Plain(url), key) => {
            Target::Webhook(Secret::new(url.clone()), maybe(key)?)
        }
        config::Kind::Webhook(Place::Secret(url), key) => Target::Webhook(read(url)?, maybe(key)?),
        config::Kind::Email(_) => Target::Email,
    })
}

/// Runs until it is dropped.
pub(super) async fn run(receiver: Receiver, desk: Arc<Desk>) {
    let name = receiver.channel.route.name.clone();
    let mut refreshed = now();
    loop {
        let woken = desk.wake.notified();
        while one(&receiver, &name, &desk).await {}
        if now() - refreshed >= message::REFRESH {
            refreshed = now();
            if let Err(error) = receiver.refresh(&desk, refreshed).await {
                tracing::warn!(channel = %name, %error, "Alertmanager not told again");
            }
        }
        let _ = tokio::time::timeout(LOOK, woken).await;
    }
}

/// Sends the next message; false when there is none now.
async fn one(receiver: &Receiver, name: &str, desk: &Desk) -> bool {
    let next = match desk.store().next(name, now()) {
        Ok(next) => next,
        Err(error) => {
            tracing::error!(channel = %name, %error, "outbox not read");
            None
        }
    };
    let Some(waiting) = next else { return false };
    let result = receiver.send(&waiting.transition).await;
    let id = waiting.transition.id();
    let kept = match result {
        Ok(_) => {
            tracing::info!(channel = %name, id, kind = ?waiting.transition.kind, "alert delivered");
            desk.note(name, |s| {
                s.delivered += 1;
                (s.failures, s.error) = (0, None);
            });
            desk.store().done(waiting.id)
        }
        Err(error) => {
            let failures = desk.note(name, |s| {
                s.failed += 1;
                s.failures = s.failures.saturating_add(1);
                s.error = Some(error.to_string());
            });
            let asked = if let DeliverError::Refused { after, .. } = &error { *after } else { None };
            let wait = asked.unwrap_or(0).max(message::backoff(failures));
            tracing::warn!(channel = %name, id, %error, wait_ms = wait, "alert not delivered, trying again");
            desk.store().later(waiting.id, now() + wait)
        }
    };
    if let Err(error) = kept {
        // It goes out again: better twice than never.
        tracing::error!(channel = %name, %error, "outbox not written");
        tokio::time::sleep(LOOK).await;
    }
    true
}

/// What a test by hand sends.
pub fn trial(now: Millis) -> Transition {
    let mut trial = message::example(Kind::Test);
    trial.at = now;
    trial.alert.told = Some(crate::alert::Told { first: now, last: now, tier: 0, count: 0 });
    trial.alert.phase = crate::alert::Phase::Firing { since: now, clear: None };
    trial
}
