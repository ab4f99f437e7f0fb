//! Percentiles of durations, and processor time and memory of a process.

use std::time::Duration;

/// Durations of many runs of one thing.
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Sorts the durations.
    pub(crate) fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// All of several.
    pub(crate) fn merge(parts: Vec<Self>) -> Self {
        Self::new(parts.into_iter().flat_map(|part| part.0).collect())
    }

    /// The duration that `per_mille` of a thousand do not exceed.
    pub(crate) fn at(&self, per_mille: usize) -> Duration {
        self.0[(self.0.len() - 1) * per_mille / 1000]
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Median in microseconds.
    pub(crate) fn p50(&self) -> f64 {
        self.at(500).as_secs_f64() * 1e6
    }

    /// 99th percentile in microseconds.
    pub(crate) fn p99(&self) -> f64 {
        self.at(990).as_secs_f64() * 1e6
    }

    /// Runs per second, one after another.
    pub(crate) fn per_second(&self) -> f64 {
        self.0.len() as f64 / self.0.iter().sum::<Duration>().as_secs_f64()
    }
}

/// User and system time of a process so far, from the kernel's accounting (ticks of 10 ms).
pub(crate) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Memory of a process that is in RAM now, in MiB.
pub(crate) fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    Ok(line.split_whitespace().next().unwrap_or("0").parse::<f64>()? / 1024.0)
}
