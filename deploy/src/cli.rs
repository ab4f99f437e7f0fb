//! The command line of `palisade`: commands of its own, and every daemon of the kit under its short name.
//!
//! The daemons also exist as binaries of their own; a host that runs the signer gets that one, with the smaller
//! dependency tree. This binary is for the operator's desk and for `palisade demo`. It does not look at the name it was
//! started by: a symlink named `palisade-signer` changes nothing.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::io::apply_cmd::{self, ApplyArgs};
use crate::io::demo_cmd::{self, DemoArgs};
use crate::io::init_cmd::{self, InitArgs};
use crate::io::move_cmd::{self, MoveArgs};
use crate::io::plan_cmd::{self, PlanArgs};
use crate::io::render_cmd::{self, RenderArgs};
use crate::io::status_cmd::{self, StatusArgs};
use crate::io::upgrade_cmd::{self, UpgradeArgs};

/// Validator operations kit for CometBFT and Cosmos SDK chains.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an embedded chain of 64 validators with a real signer and a real monitor on it.
    Demo(DemoArgs),
    /// Write the configuration of every host of a fleet; refuses what the audit rejects.
    Render(RenderArgs),
    /// Write a first fleet file, from flags, answers, or a tmkms, horcrux and node that run now.
    Init(InitArgs),
    /// Look at every host of a fleet, read-only: what would change, in which order, with which restarts.
    Plan(PlanArgs),
    /// Do what a plan says, host by host, each behind its gate.
    Apply(ApplyArgs),
    /// Ask every host, read-only: one table of nodes, signers and monitors, their heights and what is wrong.
    Status(StatusArgs),
    /// Is every node ready for an upgrade of its chain; with --watch, did it come through.
    Upgrade(UpgradeArgs),
    /// Run `palisade-signer`: holds consensus keys and signs for nodes. `signer move OLD NEW` moves keys between hosts.
    #[command(disable_help_flag = true)]
    Signer(Forwarded),
    /// Run `palisade-monitor`: watches every validator of a chain.
    #[command(disable_help_flag = true)]
    Monitor(Forwarded),
    /// Run `palisade-sentry`: audits the topology.
    #[command(disable_help_flag = true)]
    Sentry(Forwarded),
    /// Run `palisade-devnet`: an embedded chain to try things on.
    #[command(disable_help_flag = true)]
    Devnet(Forwarded),
    /// Print the version.
    Version,
}

/// Arguments for another program, untouched.
#[derive(Debug, clap::Args)]
struct Forwarded {
    /// See `--help` of the command.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs the command; the first item of `args` is the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { 2 } else { 0 });
        }
    };
    match cli.command {
        Command::Demo(args) => demo_cmd::run(&args).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }),
        Command::Render(args) => match render_cmd::run(&args) {
            Ok(outcome) => {
                let _ = std::io::stderr().write_all(outcome.notes.as_bytes());
                let _ = std::io::stdout().write_all(outcome.text.as_bytes());
                ExitCode::from(outcome.code)
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(2)
            }
        },
        Command::Init(args) => ended(init_cmd::run(&args)),
        Command::Plan(args) => ended(plan_cmd::run(&args)),
        Command::Apply(args) => ended(apply_cmd::run(&args)),
        Command::Status(args) => ended(status_cmd::run(&args)),
        Command::Upgrade(args) => ended(upgrade_cmd::run(&args)),
        Command::Signer(rest) if rest.args.first().is_some_and(|verb| verb == "move") => move_key(&rest.args),
        Command::Signer(rest) => palisade_signer::cli::main(rest.named("palisade-signer")),
        Command::Monitor(rest) => palisade_monitor::cli::main(rest.named("palisade-monitor")),
        Command::Sentry(rest) => palisade_sentry::cli::main(rest.named("palisade-sentry")),
        Command::Devnet(rest) => palisade_devnet::cli::main(rest.named("palisade-devnet")),
        Command::Version => {
            println!("palisade {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
    }
}

/// `palisade signer move`: the one verb that `palisade-signer` does not have, because it is about two hosts and needs the fleet.
fn move_key(args: &[OsString]) -> ExitCode {
    let args = match MoveArgs::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => {
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { 2 } else { 0 });
        }
    };
    ended(move_cmd::run(&args))
}

fn ended(run: anyhow::Result<u8>) -> ExitCode {
    match run {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

impl Forwarded {
    /// The arguments as that program would get them.
    fn named(self, program: &str) -> impl Iterator<Item = OsString> {
        std::iter::once(program.into()).chain(self.args)
    }
}
