//! A node as people name it on a command line or in a file: by its host, or by host/chain where a host has several.

use crate::fleet::{Fleet, NodeName, View};

/// The name fits no node, or more than one. Ends with a `try:` line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} \"{name}\" in the fleet\ntry: one of {}", if *.several { "there are several nodes" } else { "there is no node" }, .all.join(", "))]
pub struct NotOne {
    /// As it was given.
    pub name: String,
    /// Whether it fits more than one.
    pub several: bool,
    /// Names that fit exactly one.
    pub all: Vec<String>,
}

/// The node of this name.
///
/// # Errors
/// There is none, or more than one.
pub fn named<'f>(fleet: &'f Fleet, name: &str) -> Result<View<'f>, NotOne> {
    let (host, chain) = name.split_once('/').map_or((name, None), |(host, chain)| (host, Some(chain)));
    let fits = |n: &NodeName| n.host == host && chain.is_none_or(|chain| n.chain == chain);
    let found: Vec<View<'_>> = fleet.views().filter(|v| fits(&v.node.name)).collect();
    match found.as_slice() {
        [view] => Ok(*view),
        other => Err(NotOne {
            name: name.to_owned(),
            several: !other.is_empty(),
            all: fleet.nodes().map(|n| format!("{}/{}", n.name.host, n.name.chain)).collect(),
        }),
    }
}
