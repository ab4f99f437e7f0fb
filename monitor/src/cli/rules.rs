//! `palisade-monitor rules`: the table of rules for those whose Prometheus owns alerting.

use crate::alert::policy::Policy;
use crate::alert::prometheus;
use std::path::PathBuf;
use std::process::ExitCode;

/// `rules`
#[derive(clap::Args)]
pub(super) struct Args {
    /// As a rule file of Prometheus.
    #[arg(long, required = true)]
    prometheus: bool,
    /// With the thresholds of this configuration; without it the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Prints them.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let policy = match &args.config {
        Some(path) => super::read(path)?.alerts.policy,
        None => Policy::default(),
    };
    if args.prometheus {
        print!("{}", prometheus::rules(&policy));
    }
    Ok(ExitCode::SUCCESS)
}
