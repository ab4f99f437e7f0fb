//! One endpoint with its health: every answer and every failure of it goes through here.

use crate::health::{Class, Health};
use crate::metrics::SourceView;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// How long to leave an endpoint alone that does not say for how long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A failure that can be counted.
pub trait Fault: Display {
    /// Its class.
    fn class(&self) -> Class;
    /// How long it asks to be left alone.
    fn patience(&self) -> Option<Duration> {
        None
    }
    /// The lowest height that it says it has.
    fn lowest(&self) -> Option<i64> {
        None
    }
}

/// What 429, and 503 with `Retry-After`, ask for.
pub(super) fn patience(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).map(|text| {
        let until = || Some(OffsetDateTime::parse(text, &Rfc2822).ok()? - OffsetDateTime::now_utc());
        let seconds = text.trim().parse().ok().map(Duration::from_secs);
        seconds.or_else(|| until()?.try_into().ok()).unwrap_or(PATIENCE).max(Duration::from_secs(1))
    });
    match status {
        429 => Some(said.unwrap_or(PATIENCE)),
        503 => said,
        _ => None,
    }
}

/// An endpoint.
#[derive(Debug)]
pub struct Source<C> {
    /// Its client.
    pub client: C,
    name: String,
    transport: &'static str,
    health: Mutex<Health>,
}

impl<C> Source<C> {
    /// Nothing known yet.
    pub(super) fn new(client: C, name: String, transport: &'static str, rate: u32) -> Self {
        Self { client, name, transport, health: Mutex::new(Health::new(rate)) }
    }

    /// How it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, counted.
    pub async fn ask<T, E: Fault>(&self, answer: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.health().spend(Instant::now());
        let answer = answer.await;
        match &answer {
            Ok(_) => self.good(),
            Err(error) => self.bad(error),
        }
        answer
    }

    fn good(&self) {
        if self.health().good(Instant::now()) {
            tracing::info!(endpoint = %self.name, "endpoint answers again");
        }
    }

    fn bad(&self, error: &impl Fault) {
        let (now, text) = (Instant::now(), error.to_string());
        let mut health = self.health();
        if let Some(lowest) = error.lowest() {
            health.earliest = health.earliest.max(lowest);
        }
        if let Some(patience) = error.patience() {
            if !health.is_limited(now) {
                tracing::warn!(endpoint = %self.name, seconds = patience.as_secs(), "endpoint wants fewer requests");
            }
            health.limit(now, patience, text);
        } else if health.bad(now, error.class(), text) {
            tracing::warn!(endpoint = %self.name, %error, "endpoint fails");
        }
    }

    /// What the page and the metrics show.
    pub fn view(&self, tip: Option<i64>) -> SourceView {
        let now = Instant::now();
        let h = self.health();
        SourceView {
            endpoint: self.name.clone(),
            transport: self.transport,
            up: h.last_good.is_some() && h.usable() && !h.catching_up && !h.is_limited(now),
            chosen: false,
            quarantined: h.quarantine.is_some(),
            quarantine: h.quarantine.as_ref().map(crate::health::Quarantine::name),
            rate_limited: h.is_limited(now),
            height: h.height,
            earliest: (h.earliest > 0).then_some(h.earliest),
            lag: tip.zip(h.height).map(|(tip, height)| tip - height),
            age_seconds: h.last_good.map(|at| at.elapsed().as_secs_f64()),
            errors: h.errors.iter().sum(),
            errors_by_class: Class::ALL
                .iter()
                .map(|c| (c.name(), h.errors[*c as usize]))
                .filter(|e| e.1 > 0)
                .collect(),
            last_error: h.last_error.clone(),
        }
    }
}
