//! What each node owes the others: whose id it must keep private, whom it must always admit.
//!
//! Derived from roles alone. `implied` writes it into the settings, the rules check that the settings keep it.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Node, NodeName, Role};
use crate::peer::NodeId;

/// The duties of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// Ids that its address book must never hold (`p2p.private_peer_ids`).
    pub private: BTreeSet<NodeId>,
    /// Ids that it admits when all places are taken (`p2p.unconditional_peer_ids`).
    pub unconditional: BTreeSet<NodeId>,
}

/// The duties of `node` among all nodes of its fleet.
///
/// Every node that gossips hides validators and private sentries; sentries hide their siblings too, because siblings
/// meet on inner addresses, and some of those count as routable (100.64.0.0/10, spec p2p.md §3.2). A validator gossips
/// nothing and hides nobody.
pub fn duties(node: &Node, nodes: &BTreeMap<NodeName, Node>) -> Duties {
    let others = || nodes.values().filter(|o| o.name.chain == node.name.chain && o.name != node.name);
    let ids = |want: &dyn Fn(&Node) -> bool| others().filter(|o| want(o)).map(|o| o.id.clone()).collect();
    let hidden = |other: &Node| matches!(other.role, Role::Validator | Role::PrivateSentry);
    match node.role {
        Role::Validator => Duties {
            private: BTreeSet::new(),
            unconditional: ids(&|other| node.behind.contains(&other.name)),
        },
        Role::Sentry | Role::PrivateSentry => Duties {
            private: ids(&|other| hidden(other) || other.role.is_sentry()),
            unconditional: ids(&|other| other.behind.contains(&node.name) || other.role.is_sentry()),
        },
        Role::Seed | Role::Rpc => Duties { private: ids(&hidden), unconditional: BTreeSet::new() },
    }
}
