//! What this process forbids itself before it reads a key: core dumps, and being read by others of the same user.
//!
//! A core dump of a signer is a file with its keys in it. Not here: locking memory against swapping and a filter of system
//! calls; the systemd unit in `ansible/` brings the latter.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Lowers what can be lowered. Failures are worth a word and no more: every signature stays as safe as it was.
pub fn process() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let core = setrlimit(Resource::Core, none);
    let dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if core.and(dumpable).is_err() {
        eprintln!("warning: core dumps of this process could not be forbidden; one would contain its keys");
    }
}
