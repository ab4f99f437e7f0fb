//! How often a validator goes down and for how long: counted in its own window, with priors from the whole set.
//!
//! A run of three misses or more is an outage, a shorter one is a slip. What one window tells is little (most validators
//! have had no outage in it), so each rate is a Gamma prior fitted to the whole set by moments (empirical Bayes), updated
//! by the validator's own count. A validator that is down now adds its present outage to its own exposure: the longer it
//! lasts, the longer the rest is expected to be, which is the heavy tail of real repairs.

use super::walk::Habit;

/// Misses in a row that are an outage.
pub const OUTAGE: u64 = 3;

/// What one window, or as much of it as is known, says about habits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Blocks while up, slips included.
    pub up: u64,
    /// Misses while up.
    pub slips: u64,
    /// Outages begun.
    pub outages: u64,
    /// Blocks while down.
    pub down: u64,
    /// Outages ended.
    pub mended: u64,
}

impl Record {
    /// Reads ages of misses, oldest first (age 0 = the newest block), within the last `span` blocks.
    pub fn read(missed: impl Iterator<Item = usize>, span: usize) -> Self {
        let mut record = Self::default();
        let (mut run, mut last) = (0_u64, None);
        let mut total = 0_u64;
        for age in missed {
            if last.is_some_and(|last: usize| last != age + 1) {
                record.close(run, true);
                run = 0;
            }
            (run, last, total) = (run + 1, Some(age), total + 1);
        }
        record.close(run, last != Some(0));
        record.up += (span as u64).saturating_sub(total);
        record
    }

    fn close(&mut self, run: u64, ended: bool) {
        if run >= OUTAGE {
            self.outages += 1;
            self.down += run;
            self.mended += u64::from(ended);
        } else {
            self.slips += run;
            self.up += run;
        }
    }
}

/// A Gamma law of a rate: `events` in `exposure` blocks, seen or believed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    events: f64,
    exposure: f64,
}

#[allow(clippy::cast_precision_loss, reason = "counts of blocks, far below 2^52")]
fn float(n: u64) -> f64 {
    n as f64
}

impl Rate {
    /// By moments of the counts of the set; `belief` is what is thought before anything was seen.
    fn fit(samples: &[(u64, u64)], belief: (f64, f64)) -> Self {
        let events: f64 = samples.iter().map(|(e, _)| float(*e)).sum();
        let exposure: f64 = samples.iter().map(|(_, n)| float(*n)).sum();
        let mean = (events + belief.0) / (exposure + belief.1);
        // Var(e) = mean n + n² Var(rate): what is above Poisson is the spread of the rates.
        let squares: f64 = samples.iter().map(|(_, n)| float(*n).powi(2)).sum();
        let excess: f64 =
            samples.iter().map(|(e, n)| (float(*e) - mean * float(*n)).powi(2) - mean * float(*n)).sum();
        let usual = (exposure / float(samples.len().max(1) as u64)).max(belief.1 / 10.0);
        let strength = if excess > 0.0 && squares > 0.0 { mean * squares / excess } else { f64::MAX };
        let exposure = strength.clamp(usual / 20.0, usual * 20.0);
        Self { events: mean * exposure, exposure }
    }

    fn after(self, events: u64, exposure: u64) -> f64 {
        (self.events + float(events)) / (self.exposure + float(exposure))
    }
}

/// Priors of one set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Priors {
    slip: Rate,
    fail: Rate,
    mend: Rate,
}

impl Priors {
    /// From the records of the whole set. Before anything is seen: one slip in a thousand blocks, and, because outages
    /// happen in time, one in half a year, of twenty minutes. `pace` is the block time in units of six seconds.
    pub fn fit(records: &[Record], pace: f64) -> Self {
        let of = |f: fn(&Record) -> (u64, u64)| records.iter().map(f).collect::<Vec<_>>();
        let down: Vec<_> = of(|r| (r.mended, r.down)).into_iter().filter(|(_, n)| *n > 0).collect();
        Self {
            slip: Rate::fit(&of(|r| (r.slips, r.up)), (1.0, 1000.0)),
            fail: Rate::fit(&of(|r| (r.outages, r.up)), (1.0, 2_600_000.0 / pace)),
            mend: Rate::fit(&down, (1.0, 200.0 / pace)),
        }
    }

    /// The habits of a validator with `record`.
    pub fn habit(&self, record: &Record) -> Habit {
        Habit {
            slip: self.slip.after(record.slips, record.up).clamp(0.0, 0.99),
            fail: self.fail.after(record.outages, record.up).clamp(1e-9, 0.5),
            mend: self.mend.after(record.mended, record.down).clamp(1e-6, 1.0),
        }
    }
}

/// Probability to be down after `streak` misses in a row, up before them.
pub fn down_after(habit: &Habit, streak: u64) -> f64 {
    let mut down = 0.0;
    for _ in 0..streak.min(500) {
        let before = down * (1.0 - habit.mend) + (1.0 - down) * habit.fail;
        let missed = before + (1.0 - before) * habit.slip;
        down = if missed > 0.0 { before / missed } else { 1.0 };
    }
    down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_outages_and_slips() {
        // Oldest first: an outage of 4, a slip, two at the end that go on.
        let record = Record::read([90, 89, 88, 87, 50, 1, 0].into_iter(), 100);
        assert_eq!(record, Record { up: 96, slips: 3, outages: 1, down: 4, mended: 1 });
        let open = Record::read([2, 1, 0].into_iter(), 10);
        assert_eq!(open, Record { up: 7, slips: 0, outages: 1, down: 3, mended: 0 });
        assert_eq!(Record::read(std::iter::empty(), 10), Record { up: 10, ..Record::default() });
    }

    #[test]
    fn little_data_leans_on_the_set_and_much_on_itself() {
        let good = Record { up: 10_000, slips: 10, ..Record::default() };
        let bad = Record { up: 8000, slips: 10, outages: 20, down: 2000, mended: 20 };
        let mut set = vec![good; 60];
        set.push(bad);
        let priors = Priors::fit(&set, 1.0);
        let (good, bad) = (priors.habit(&good), priors.habit(&bad));
        let fresh = priors.habit(&Record::default());
        assert!(good.fail < fresh.fail && fresh.fail < bad.fail, "{good:?} {fresh:?} {bad:?}");
        assert!((0.0005..0.0025).contains(&bad.fail), "between its own 20 in 8000 and the set: {bad:?}");
        assert!((0.005..0.015).contains(&bad.mend), "{bad:?}");
        let down = Record { up: 9000, outages: 1, down: 1000, ..Record::default() };
        assert!(priors.habit(&down).mend < fresh.mend, "the longer it lasts, the longer the rest");
    }

    #[test]
    fn a_streak_is_an_outage_sooner_or_later() {
        let habit = Habit { slip: 0.01, fail: 0.0001, mend: 0.01 };
        assert!(down_after(&habit, 0) < 1e-12);
        let (one, five) = (down_after(&habit, 1), down_after(&habit, 5));
        assert!(one > 0.005 && one < 0.02 && five > 0.99, "{one} {five}");
    }
}
