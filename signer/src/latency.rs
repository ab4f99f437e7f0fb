//! The time that the last requests took: enough for "p50 and p99 of this link", without a histogram's guess.

/// How many are remembered.
const LAST: usize = 1024;

/// The last requests' microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    micros: Vec<u32>,
    next: usize,
}

// === impl Latency ===

impl Latency {
    /// Remembers one more and forgets the oldest.
    pub fn note(&mut self, micros: u32) {
        match self.micros.get_mut(self.next) {
            Some(oldest) => *oldest = micros,
            None => self.micros.push(micros),
        }
        self.next = (self.next + 1) % LAST;
    }

    /// The time that `percent` of the remembered requests did not exceed; `None` before the first.
    pub fn percentile(&self, percent: usize) -> Option<u32> {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        sorted.get((sorted.len().max(1) - 1) * percent.min(100) / 100).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_last_requests() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentile(50), None);
        latency.note(7);
        assert_eq!((latency.percentile(0), latency.percentile(99)), (Some(7), Some(7)));
        for micros in 0..5000 {
            latency.note(micros);
        }
        // Of 3976 to 4999.
        assert_eq!((latency.percentile(50), latency.percentile(99)), (Some(4487), Some(4988)));
    }
}
