//! What the hosts have against what the fleet says: per host a diff, the restarts that it causes, the order, the risks.
//!
//! A plan is made of evidence: it holds the digest of everything that was seen, and `apply` does nothing when a host looks different
//! by then. A host in a state that nobody planned is named, and nothing is done to it.

mod compare;
mod show;

pub use compare::{plan, wanted};
pub use show::text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tree::{self, Part, Tree};

/// Changes when an older `apply` would go wrong.
pub const VERSION: u32 = 1;

/// When a host's turn is. The order is the order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// Sentries, one by one.
    Sentry,
    /// Nodes for queries, seeds.
    Rpc,
    /// Validator nodes.
    Validator,
    /// Monitors, Prometheus.
    Monitor,
    /// Members of etcd, one by one: each is healthy again before the next.
    Etcd,
    /// Signers, last.
    Signer,
}

/// A plan for the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`VERSION`]
    pub version: u32,
    /// SHA-256 of the fleet file.
    pub fleet: String,
    /// Every host, in the order of its turn.
    pub hosts: Vec<HostPlan>,
    /// What the operator should know before.
    pub risks: Vec<String>,
    /// Blocks that the validators are expected to miss, by chain: at most.
    pub missed_blocks: BTreeMap<String, u32>,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPlan {
    /// Host name.
    pub host: String,
    /// When.
    pub turn: Turn,
    /// Digest of what was seen there.
    pub seen: String,
    /// Files and binaries that change.
    pub changes: Vec<Change>,
    /// Units that are restarted, by name.
    pub restarts: Vec<String>,
    /// Units that are started for the first time or again.
    pub starts: Vec<String>,
    /// Chains whose node makes its home first.
    pub fresh: Vec<String>,
    /// States that nobody planned: nothing is done to the host while there is one.
    pub unknown: Vec<String>,
    /// What is left to people.
    pub notes: Vec<String>,
}

/// One file or binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Path on the host.
    pub target: String,
    /// How it stands.
    pub kind: Kind,
    /// A unified diff, or words for what has none.
    pub diff: String,
}

/// How a file stands to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Not there yet.
    New,
    /// Other content.
    Changed,
    /// Other permissions.
    Permissions,
    /// Another program.
    Binary,
}

impl Plan {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.hosts.iter().all(HostPlan::is_empty)
    }

    /// A host's part.
    pub fn host(&self, name: &str) -> Option<&HostPlan> {
        self.hosts.iter().find(|host| host.host == name)
    }
}

impl HostPlan {
    /// Whether nothing is to be done here.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.starts.is_empty()
            && self.restarts.is_empty()
            && self.unknown.is_empty()
    }

    /// The smallest playbook of the collection that does all of it. Where anything of the system changes, or is not known to belong to a
    /// daemon, that is all of them.
    pub fn playbook(&self, tree: &Tree) -> &'static str {
        let part_of_file = |target: &str| {
            let file = tree.files.get(&tree::path(&self.host, target));
            file.map_or_else(|| part_of_program(target), |file| Some(file.part))
        };
        let files = self.changes.iter().map(|change| part_of_file(&change.target));
        let units = self.restarts.iter().chain(&self.starts).map(|unit| part_of_unit(unit));
        let mut books: Vec<Option<&str>> = files.chain(units).map(|part| part.and_then(book)).collect();
        books.sort_unstable();
        books.dedup();
        match (books.as_slice(), self.turn) {
            // Nothing but a signer that was asked for.
            ([], Turn::Signer) => "palisade.kit.signers",
            ([Some(one)], _) => one,
            _ => "palisade.kit.site",
        }
    }
}

/// Whose a program is.
fn part_of_program(target: &str) -> Option<Part> {
    match target {
        "/usr/local/bin/palisade-signer" => Some(Part::Signer),
        "/usr/local/bin/palisade-monitor" => Some(Part::Monitor),
        "/usr/local/bin/palisade-sentry" => Some(Part::Watch),
        "/usr/local/bin/etcd" => Some(Part::Etcd),
        node if node.starts_with("/opt/palisade/nodes/") || node.contains("/cosmovisor/") => Some(Part::Node),
        _ => None,
    }
}

/// Whose a unit is.
fn part_of_unit(unit: &str) -> Option<Part> {
    match unit {
        "palisade-monitor.service" => Some(Part::Monitor),
        "palisade-sentry-watch.service" => Some(Part::Watch),
        "palisade-etcd.service" => Some(Part::Etcd),
        "prometheus.service" | "prometheus-alertmanager.service" => Some(Part::Prometheus),
        node if node.starts_with("palisade-node@") => Some(Part::Node),
        _ => None,
    }
}

/// The playbook of a daemon.
fn book(part: Part) -> Option<&'static str> {
    match part {
        Part::Node => Some("palisade.kit.nodes"),
        Part::Signer => Some("palisade.kit.signers"),
        Part::Etcd => Some("palisade.kit.etcd"),
        Part::Monitor | Part::Watch | Part::Prometheus => Some("palisade.kit.monitors"),
        // The system's part comes with everything that stands on it.
        Part::Host => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(changes: &[&str], restarts: &[&str]) -> HostPlan {
        let change =
            |target: &&str| Change { target: (*target).to_owned(), kind: Kind::Changed, diff: String::new() };
        HostPlan {
            host: "h".into(),
            turn: Turn::Signer,
            seen: String::new(),
            changes: changes.iter().map(change).collect(),
            restarts: restarts.iter().map(|unit| (*unit).to_owned()).collect(),
            starts: vec![],
            fresh: vec![],
            unknown: vec![],
            notes: vec![],
        }
    }

    #[test]
    fn what_concerns_one_daemon_is_left_to_its_playbook() {
        let mut tree = Tree::default();
        for (target, part) in [("/etc/monitor.toml", Part::Monitor), ("/etc/firewall", Part::Host)] {
            let file = tree::File {
                host: "h".into(),
                part,
                target: target.into(),
                text: String::new(),
                mode: "0644",
                owner: "root",
                group: "root".into(),
                restarts: None,
                whole: true,
            };
            tree.files.insert(tree::path("h", target), file);
        }
        let monitor = "palisade-monitor.service";
        let node = "/opt/palisade/nodes/c/v1/noded";
        assert_eq!(plan(&["/etc/monitor.toml"], &[monitor]).playbook(&tree), "palisade.kit.monitors");
        assert_eq!(plan(&[node], &["palisade-node@c.service"]).playbook(&tree), "palisade.kit.nodes");
        assert_eq!(plan(&[], &[]).playbook(&tree), "palisade.kit.signers", "a signer to be started");
        let etcd = plan(&["/usr/local/bin/etcd"], &["palisade-etcd.service"]);
        assert_eq!(etcd.playbook(&tree), "palisade.kit.etcd");
        for (changes, restarts) in [
            (vec!["/etc/firewall"], vec![]),
            (vec!["/etc/monitor.toml", "/etc/firewall"], vec![monitor]),
            (vec!["/etc/monitor.toml", node], vec![]),
            (vec!["/etc/nobody/knows"], vec![]),
            (vec!["/etc/monitor.toml"], vec![monitor, "chrony.service"]),
        ] {
            assert_eq!(
                plan(&changes, &restarts).playbook(&tree),
                "palisade.kit.site",
                "{changes:?} {restarts:?}"
            );
        }
    }
}
