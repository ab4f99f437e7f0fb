//! The hidden ids that a node must withhold from its address book, and those it forgets to.
//!
//! `private_peer_ids` is the only setting that withholds: routable or tunnel addresses such as 100.64.0.0/10 pass
//! `addr_book_strict` (spec p2p.md §3.5 R5, R6, R7). Serves the rules about validators and about private sentries.

use crate::duty::duties;
use crate::finding::Severity;
use crate::fleet::{Fleet, NodeName, Role};

/// A node of the fleet whose `private_peer_ids` lacks the id of a node that must stay hidden.
pub(crate) struct Gap<'a> {
    /// The node that forgets.
    pub(crate) node: &'a NodeName,
    /// How bad that is today.
    pub(crate) severity: Severity,
    /// Which id is missing, and whose it is.
    pub(crate) evidence: String,
    /// What to add where.
    pub(crate) fix: String,
}

/// The gaps about hidden nodes of `role`; `called` is what an operator calls one of them.
pub(crate) fn gaps<'a>(fleet: &'a Fleet, role: Role, called: &str) -> Vec<Gap<'a>> {
    let mut gaps = Vec::new();
    for view in fleet.views().filter(|v| v.node.role != Role::Validator) {
        let setting = &view.settings.p2p_private_peer_ids;
        for id in duties(view.node, &fleet.nodes).private {
            let Some(hidden) = fleet.node_by_id(&id).filter(|n| n.role == role) else { continue };
            if setting.value.contains(&id) {
                continue;
            }
            gaps.push(Gap {
                node: &view.node.name,
                // Without PEX the address book is never read, until somebody turns PEX on.
                severity: if view.settings.p2p_pex.value { Severity::Error } else { Severity::Warn },
                evidence: format!(
                    "p2p.private_peer_ids lacks {id}, the {called} on {} ({})",
                    hidden.name.host,
                    setting.origin.says()
                ),
                fix: format!("add {id} to p2p.private_peer_ids on {}", view.host.name),
            });
        }
    }
    gaps
}
