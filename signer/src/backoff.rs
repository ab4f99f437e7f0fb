//! When to dial again: 100 ms doubling to 2 s, with full jitter.
//!
//! Never longer than 2 s, because a starting node waits 3 s for its signer and then exits (spec/signer.md §3.1.2). Jitter,
//! because a node has one listener and several signers started together would knock together for ever.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// The waits between attempts on one link.
#[derive(Clone, Debug)]
pub struct Backoff {
    ceiling: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// Before the first attempt.
    pub fn new() -> Self {
        Self { ceiling: FIRST }
    }

    /// How long to wait now; `random` is any number, its quality only spreads the load.
    pub fn wait(&mut self, random: u32) -> Duration {
        let wait = self.ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX));
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        wait
    }

    /// The link worked: start anew.
    pub fn reset(&mut self) {
        self.ceiling = FIRST;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_two_seconds_and_no_further() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..7).map(|_| backoff.wait(u32::MAX).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
        backoff.reset();
        assert_eq!(backoff.wait(u32::MAX).as_millis(), 100);
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(Backoff::new().wait(0), Duration::ZERO);
        assert_eq!(Backoff::new().wait(u32::MAX / 2).as_millis(), 50);
    }
}
