//! Health of one endpoint: what it said last, how it failed, and when it may be asked again. Time is an argument.
//!
//! An endpoint that fails is asked last, and after [`TRIES`] failures in a row not before a pause that doubles; one that
//! asks for less traffic is left alone as long as it says; one of another chain or another history is not asked for
//! anything but its status, which lets it back in.

use std::time::{Duration, Instant};

/// Failures in a row before the pauses begin.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A server may ask for this much patience at most: it is asked again then, and may say it again.
const LONGEST_LIMIT: Duration = Duration::from_secs(300);
/// Requests that may go at once after a rest, in seconds of the rate.
const BURST: u32 = 3;

/// How a request failed: a closed set, labels of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No connection, or it broke.
    Unreachable,
    /// Silence or a drip.
    Timeout,
    /// An answer larger than anybody needs.
    TooLarge,
    /// An HTTP error without an answer in it.
    Http,
    /// It asked for less traffic.
    RateLimited,
    /// Not what was asked for, or not to be read.
    Garbage,
    /// The node said no.
    Refused,
    /// It does not have that height, or not yet.
    Unavailable,
    /// Another chain, another history, or an answer that contradicts itself.
    Foreign,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::Timeout,
        Self::TooLarge,
        Self::Http,
        Self::RateLimited,
        Self::Garbage,
        Self::Refused,
        Self::Unavailable,
        Self::Foreign,
    ];

    /// As a label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Http => "http",
            Self::RateLimited => "rate_limited",
            Self::Garbage => "garbage",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Foreign => "foreign",
        }
    }

    /// Whether the endpoint works all the same.
    fn is_answer(self) -> bool {
        matches!(self, Self::Refused | Self::Unavailable)
    }
}

/// Why an endpoint is put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quarantine {
    /// Its chain id is another.
    OtherChain(String),
    /// It has another block at a height that is counted.
    Forked(i64),
    /// It answered with something that cannot be.
    Lied(String),
}

impl Quarantine {
    /// As a label.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OtherChain(_) => "other_chain",
            Self::Forked(_) => "forked",
            Self::Lied(_) => "lied",
        }
    }
}

/// What is known of one endpoint.
#[derive(Clone, Debug)]
pub struct Health {
    /// Its latest height.
    pub height: Option<i64>,
    /// The lowest height it has; 0 = not said.
    pub earliest: i64,
    /// It says that it is behind.
    pub catching_up: bool,
    /// It is not asked.
    pub quarantine: Option<Quarantine>,
    /// The last request failed.
    pub failing: bool,
    /// Failures by [`Class::ALL`].
    pub errors: [u64; Class::ALL.len()],
    /// The last one.
    pub last_error: Option<String>,
    /// When it last answered.
    pub last_good: Option<Instant>,
    failures: u32,
    paused_until: Option<Instant>,
    limited_until: Option<Instant>,
    interval: Duration,
    due: Option<Instant>,
}

impl Health {
    /// Nothing known yet; at most `rate` requests a second.
    pub fn new(rate: u32) -> Self {
        Self {
            height: None,
            earliest: 0,
            catching_up: false,
            quarantine: None,
            failing: false,
            errors: [0; Class::ALL.len()],
            last_error: None,
            last_good: None,
            failures: 0,
            paused_until: None,
            limited_until: None,
            interval: Duration::from_secs(1) / rate.max(1),
            due: None,
        }
    }

    /// An answer; true when it failed before.
    pub fn good(&mut self, now: Instant) -> bool {
        self.last_good = Some(now);
        self.failures = 0;
        self.paused_until = None;
        std::mem::take(&mut self.failing)
    }

    /// A failure; true when it worked before.
    pub fn bad(&mut self, now: Instant, class: Class, text: String) -> bool {
        self.errors[class as usize] += 1;
        self.last_error = Some(text);
        if class.is_answer() {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        if let Some(doubled) = self.failures.checked_sub(TRIES) {
            let pause = PAUSE.saturating_mul(1 << doubled.min(8)).min(LONGEST_PAUSE);
            self.paused_until = Some(now + pause);
        }
        !std::mem::replace(&mut self.failing, true)
    }

    /// It asked to be left alone for `patience`.
    pub fn limit(&mut self, now: Instant, patience: Duration, text: String) {
        self.errors[Class::RateLimited as usize] += 1;
        self.last_error = Some(text);
        self.limited_until = Some(now + patience.min(LONGEST_LIMIT));
    }

    /// Whether it asked to be left alone, and the time is not over.
    pub fn is_limited(&self, now: Instant) -> bool {
        self.limited_until.is_some_and(|until| until > now)
    }

    /// On our chain, and its last answer was one.
    pub fn usable(&self) -> bool {
        self.quarantine.is_none() && !self.failing
    }

    /// How long to wait before the next request.
    pub fn wait(&self, now: Instant) -> Duration {
        let left =
            |until: Option<Instant>| until.map_or(Duration::ZERO, |u| u.saturating_duration_since(now));
        let burst = self.interval.saturating_mul(self.per_second().saturating_mul(BURST));
        let bucket = left(self.due).saturating_sub(burst);
        left(self.limited_until).max(left(self.paused_until)).max(bucket)
    }

    /// A request goes out now.
    pub fn spend(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.interval);
    }

    fn per_second(&self) -> u32 {
        u32::try_from(Duration::from_secs(1).as_nanos() / self.interval.as_nanos().max(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_public_endpoint_is_not_hammered() {
        let start = Instant::now();
        let mut health = Health::new(10);
        let mut sent = 0;
        for tick in 0..10_000 {
            let now = start + Duration::from_millis(tick);
            if health.wait(now).is_zero() {
                health.spend(now);
                sent += 1;
            }
        }
        assert!((100..=131).contains(&sent), "10 a second over 10 s, and a burst of 30: {sent}");
    }

    #[test]
    fn pauses_double_and_end_with_an_answer() {
        let mut now = Instant::now();
        let mut health = Health::new(1000);
        let mut pauses = Vec::new();
        for n in 0..9 {
            assert_eq!(health.bad(now, Class::Timeout, String::new()), n == 0, "said once");
            pauses.push(health.wait(now).as_secs());
            now += health.wait(now);
        }
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 10, 10, 10]);
        assert!(health.good(now) && health.usable() && health.wait(now).is_zero());
        assert_eq!(health.errors[Class::Timeout as usize], 9);
    }

    #[test]
    fn patience_is_kept_even_through_answers_but_not_for_ever() {
        let now = Instant::now();
        let mut health = Health::new(1000);
        health.limit(now, 7 * SECOND, "429".into());
        health.good(now);
        assert_eq!(health.wait(now), 7 * SECOND);
        assert!(health.usable() && health.is_limited(now) && !health.is_limited(now + 7 * SECOND));
        health.limit(now, Duration::MAX, "429".into());
        assert_eq!(health.wait(now), LONGEST_LIMIT);
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let mut health = Health::new(1000);
        assert!(!health.bad(Instant::now(), Class::Unavailable, "pruned".into()) && health.usable());
    }
}
