//! How long a block takes: the median of the last 500 intervals, so that a halt or a slow hour does not count.

use std::collections::VecDeque;

const KEPT: usize = 500;

/// Recent intervals between blocks, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    intervals: VecDeque<i64>,
}

impl Pace {
    /// Adds the interval between two adjacent blocks; one that is not positive is dropped.
    pub fn add(&mut self, interval: i64) {
        if interval <= 0 {
            return;
        }
        if self.intervals.len() == KEPT {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }

    /// Median interval in nanoseconds; `None` before the first.
    pub fn median(&self) -> Option<i64> {
        let mut sorted: Vec<i64> = self.intervals.iter().copied().collect();
        let middle = sorted.len() / 2;
        if sorted.is_empty() {
            return None;
        }
        Some(*sorted.select_nth_unstable(middle).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halts_do_not_count() {
        let mut pace = Pace::default();
        assert_eq!(pace.median(), None);
        for interval in [6, 6, 7, 5, 86_400, 0, -3] {
            pace.add(interval);
        }
        assert_eq!(pace.median(), Some(6));
        (0..1000).for_each(|_| pace.add(1));
        assert_eq!(pace.median(), Some(1));
    }
}
