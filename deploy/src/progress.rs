//! How far an `apply` has come, and whether the hosts are still those that were planned for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// Written down before and after each host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Hosts that are done, their gates passed.
    pub done: BTreeSet<String>,
    /// The host that was being changed: it may be half way, and is gone on with.
    pub under_way: Option<String>,
}

/// Why a plan is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// Of another form.
    #[error("the plan is of another palisade")]
    Version,
    /// Another fleet.
    #[error("the fleet file has changed since the plan was made")]
    Fleet,
    /// A host looks different.
    #[error("{0} does not look as it did when the plan was made")]
    Host(String),
    /// Something nobody planned.
    #[error("{host}: {why}")]
    Unknown {
        /// Where.
        host: String,
        /// What.
        why: String,
    },
}

/// Compares a plan with one that was made just now. Hosts that this apply has changed already must have nothing left to do; the one that was
/// under way when it was cut may be anything that is known.
///
/// # Errors
/// The first difference.
pub fn still_holds(plan: &Plan, now: &Plan, progress: &Progress) -> Result<(), Stale> {
    if plan.version != now.version {
        return Err(Stale::Version);
    }
    if plan.fleet != now.fleet {
        return Err(Stale::Fleet);
    }
    for host in &now.hosts {
        if let Some(why) = host.unknown.first() {
            return Err(Stale::Unknown { host: host.host.clone(), why: why.clone() });
        }
        let same = plan.host(&host.host).is_some_and(|then| then.seen == host.seen);
        let ours = progress.under_way.as_deref() == Some(&host.host)
            || (progress.done.contains(&host.host) && host.changes.is_empty());
        if !same && !ours {
            return Err(Stale::Host(host.host.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Change, HostPlan, Kind, Turn, VERSION};
    use std::collections::BTreeMap;

    fn host(name: &str, seen: &str, changes: usize) -> HostPlan {
        let change = Change { target: "/x".into(), kind: Kind::New, diff: String::new() };
        HostPlan {
            host: name.into(),
            turn: Turn::Sentry,
            seen: seen.into(),
            changes: vec![change; changes],
            restarts: vec![],
            starts: vec![],
            fresh: vec![],
            unknown: vec![],
            notes: vec![],
        }
    }

    fn plan(hosts: Vec<HostPlan>) -> Plan {
        Plan { version: VERSION, fleet: "f".into(), hosts, risks: vec![], missed_blocks: BTreeMap::new() }
    }

    fn progress(done: &[&str], under_way: Option<&str>) -> Progress {
        Progress {
            done: done.iter().map(|d| (*d).to_owned()).collect(),
            under_way: under_way.map(str::to_owned),
        }
    }

    #[test]
    fn a_plan_holds_while_nothing_has_moved() {
        let then = plan(vec![host("a", "1", 1), host("b", "2", 1)]);
        assert_eq!(still_holds(&then, &then, &Progress::default()), Ok(()));
    }

    #[test]
    fn a_host_that_changed_by_itself_makes_it_stale() {
        let then = plan(vec![host("a", "1", 1), host("b", "2", 1)]);
        let now = plan(vec![host("a", "1", 1), host("b", "9", 1)]);
        assert_eq!(still_holds(&then, &now, &Progress::default()), Err(Stale::Host("b".into())));
        assert_eq!(still_holds(&then, &now, &progress(&["a"], None)), Err(Stale::Host("b".into())));
    }

    #[test]
    fn what_this_apply_did_is_no_surprise() {
        let then = plan(vec![host("a", "1", 1), host("b", "2", 1), host("c", "3", 1)]);
        let now = plan(vec![host("a", "7", 0), host("b", "8", 1), host("c", "3", 1)]);
        assert_eq!(still_holds(&then, &now, &progress(&["a"], Some("b"))), Ok(()));
        let undone = plan(vec![host("a", "7", 1), host("b", "8", 1), host("c", "3", 1)]);
        assert_eq!(still_holds(&then, &undone, &progress(&["a"], Some("b"))), Err(Stale::Host("a".into())));
    }

    #[test]
    fn another_fleet_and_the_unknown_are_refused() {
        let then = plan(vec![host("a", "1", 1)]);
        let other = Plan { fleet: "g".into(), ..then.clone() };
        assert_eq!(still_holds(&then, &other, &Progress::default()), Err(Stale::Fleet));
        let mut odd = then.clone();
        odd.hosts[0].unknown.push("masked".into());
        assert!(matches!(still_holds(&then, &odd, &progress(&[], Some("a"))), Err(Stale::Unknown { .. })));
    }
}
