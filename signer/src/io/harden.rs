//! What this process forbids itself.
//!
//! Before it reads a key: core dumps, and being read by others of the same user. A core dump of a signer is a file with its
//! keys in it. Once everything is open: files and ports that its configuration does not name ([`reach`]), and system calls that a
//! signer never makes ([`syscalls`]). Neither needs root. Each failure is worth a warning and no more: every signature stays as
//! safe as it was.
//!
//! Threads that a key's driver started before the walls stand have only the second one around them.

pub mod reach;
pub mod syscalls;

use std::path::Path;

use landlock::RulesetStatus;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tracing::{info, warn};

use self::syscalls::Otherwise;
use crate::{config::Config, sandbox::Reach};

/// The walls that stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walls {
    /// One line for each, also for those that do not stand.
    pub(crate) report: Vec<String>,
    /// Whether a system call of a vendor's module could end this process.
    pub(crate) fatal: bool,
    /// What is in reach; `None` where everything is.
    pub(crate) reach: Option<Reach>,
}

/// Lowers what can be lowered at once.
pub fn process() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let core = setrlimit(Resource::Core, none);
    let dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if core.and(dumpable).is_err() {
        eprintln!("warning: core dumps of this process could not be forbidden; one would contain its keys");
    }
}

/// Puts up the walls that the configuration wants, around this thread and all that it starts from now on.
pub(crate) fn walls(config: &Config, source: Option<&Path>) -> Walls {
    around(Reach::of(config, source), config.harden.landlock, config.harden.seccomp)
}

/// The same around whatever is in this reach.
pub(crate) fn around(reach: Reach, landlock: bool, seccomp: bool) -> Walls {
    let mut walls = Walls::default();
    let landlock: Result<_, String> = match &reach.unknown {
        _ if !landlock => Err("off, as configured".into()),
        Some(why) => Err(format!("off, because {why}")),
        None => match reach::only(&reach) {
            Ok(RulesetStatus::FullyEnforced) => Ok("on"),
            Ok(RulesetStatus::PartiallyEnforced) => Ok("on, as far as this kernel can"),
            Ok(RulesetStatus::NotEnforced) => Err("off, because this kernel has none".into()),
            Err(error) => Err(format!("off, because it failed: {error}")),
        },
    };
    let seccomp: Result<_, String> = match seccomp {
        false => Err("off, as configured".into()),
        true => {
            let (otherwise, on) = match reach.foreign_code {
                true => (
                    Otherwise::Refuse,
                    "on, refusing instead of ending the process: a vendor's module runs in it",
                ),
                false => (Otherwise::End, "on"),
            };
            syscalls::only_these(otherwise)
                .map(|()| on)
                .map_err(|error| format!("off, because it failed: {error}"))
        }
    };
    walls.fatal = seccomp.is_ok() && !reach.foreign_code;
    walls.reach = landlock.is_ok().then_some(reach);
    for (name, state) in [("landlock", landlock), ("seccomp", seccomp)] {
        let line = match &state {
            Ok(state) => format!("{name}: {state}"),
            Err(why) => format!("{name}: {why}"),
        };
        if state.is_ok() {
            info!(wall = line, "hardened");
        } else {
            warn!(wall = line, "not hardened");
        }
        walls.report.push(line);
    }
    walls
}
