//! Landlock: files and TCP ports outside of a [`Reach`] are out of reach for this thread and every thread that it starts.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules,
};

use crate::sandbox::Reach;

/// What is asked for; an older kernel gives what it has.
const ABI_WANTED: ABI = ABI::V5;

/// Builds the wall; what the kernel made of it. Nothing may be bound after it, so the listeners are bound before.
pub fn only(reach: &Reach) -> Result<RulesetStatus, RulesetError> {
    let created = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI_WANTED))?
        .handle_access(AccessNet::from_all(ABI_WANTED))?
        .create()?
        .add_rules(path_beneath_rules(&reach.read, AccessFs::from_read(ABI_WANTED)))?
        .add_rules(path_beneath_rules(&reach.write, AccessFs::from_all(ABI_WANTED)))?
        .add_rules(
            reach.ports.iter().map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp))),
        )?;
    Ok(created.restrict_self()?.ruleset)
}
