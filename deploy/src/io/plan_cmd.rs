//! `palisade plan`: looks at every host, prints what would change, and writes the plan down for `apply`. Exit 0 nothing to do, 1 changes.

use std::path::PathBuf;

use anyhow::{Context, bail};
use palisade_sentry::Fleet;
use palisade_sentry::deployment::Deployment;
use palisade_sentry::io::fleet_file;

use super::looking::{Look, look};
use super::ssh::Ssh;
use crate::plan::text;
use crate::render::RenderError;

/// Arguments of `palisade plan`.
#[derive(Clone, Debug, clap::Args)]
pub struct PlanArgs {
    /// The fleet file.
    pub fleet: PathBuf,
    /// Write the plan here, for `palisade apply`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show every changed line.
    #[arg(long)]
    pub diff: bool,
    /// For machines.
    #[arg(long)]
    pub json: bool,
    /// ssh configuration instead of the user's own.
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The fleet cannot be rendered, or the plan cannot be written.
pub fn run(args: &PlanArgs) -> anyhow::Result<u8> {
    let fleet = fleet_file::load(&args.fleet)?;
    let of = deployment(&fleet, &args.fleet)?;
    let Look { plan, .. } = seen(&fleet, of, &args.ssh_config)?;
    if let Some(out) = &args.out {
        let mut json = serde_json::to_string_pretty(&plan).expect("strings and numbers");
        json.push('\n');
        std::fs::write(out, json).with_context(|| out.display().to_string())?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&plan).expect("strings and numbers"));
    } else {
        print!("{}", text(&plan, args.diff));
    }
    Ok(u8::from(!plan.is_empty()))
}

/// The deployment of a fleet that must have one.
pub(super) fn deployment<'f>(fleet: &'f Fleet, path: &std::path::Path) -> anyhow::Result<&'f Deployment> {
    match fleet.deployment() {
        Some(of) => Ok(of),
        None => bail!(
            "{}: the fleet does not say how its hosts are reached\ntry: add [deploy], [chain.software] and [host.ssh], as in examples/fleet-classic.toml",
            path.display()
        ),
    }
}

/// A look, with the audit's findings in the error where it refuses.
pub(super) fn seen(fleet: &Fleet, of: &Deployment, ssh_config: &Option<PathBuf>) -> anyhow::Result<Look> {
    let ssh = Ssh { config: ssh_config.clone() };
    look(fleet, of, &ssh).map_err(|error| match &error {
        RenderError::Refused(found) => {
            eprint!("{}", palisade_sentry::report::text(found, "fleet"));
            error.into()
        }
        _ => error.into(),
    })
}
