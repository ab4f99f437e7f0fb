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
}
