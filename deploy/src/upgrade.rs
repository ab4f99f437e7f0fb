//! A chain's upgrade: is every node ready before its height, and did every node come back after it.
//!
//! The binaries are brought by `plan` and `apply` ahead of time (`[chain.software.upgrades.NAME]`); nothing here changes a host. A node
//! under cosmovisor changes the binary by itself at the height; a plain one stops there and waits for people.

use std::collections::BTreeMap;

use palisade_sentry::deployment::Software;

/// How a node stands before the upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The right binary is where it will be looked for.
    Yes,
    /// It is not there.
    Missing,
    /// Another one is.
    Other(String),
    /// The host could not be asked.
    Unknown(String),
}

/// Where a node finds the binary of an upgrade.
pub fn staged_at(software: &Software, chain: &str, name: &str, version: &str) -> String {
    let daemon = &software.daemon;
    match &software.cosmovisor {
        Some(_) => format!("{}/cosmovisor/upgrades/{name}/bin/{daemon}", software.home),
        None => format!("/opt/palisade/nodes/{chain}/{version}/{daemon}"),
    }
}

/// Read on the node's host by `sh`: the digest of that file.
pub fn script(path: &str) -> String {
    format!("if [ -f '{path}' ]; then sha256sum -- '{path}'; else echo missing; fi; echo end")
}

/// What the script's output means.
pub fn judge(out: &str, sha256: &str) -> Ready {
    let mut lines = out.lines();
    match (lines.next(), lines.next()) {
        (Some("missing"), Some("end")) => Ready::Missing,
        (Some(line), Some("end")) => match line.split_whitespace().next() {
            Some(digest) if digest == sha256 => Ready::Yes,
            Some(digest) => Ready::Other(digest.to_owned()),
            None => Ready::Unknown("no digest".into()),
        },
        _ => Ready::Unknown("the answer is cut off".into()),
    }
}

/// Where the chain stands on its way through the upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// So many blocks are left.
    Before(i64),
    /// These nodes are at the height or silent; the others are not there yet.
    Halting(Vec<String>),
    /// These are back; the others are not.
    Resuming(Vec<String>),
    /// Every node makes blocks above the height.
    Through,
}

/// Judges the newest heights of all nodes; `None` does not answer. The last block of the old binary is the one below the plan's height.
pub fn way(height: i64, nodes: &BTreeMap<String, Option<i64>>) -> Way {
    let names = |pick: &dyn Fn(Option<i64>) -> bool| -> Vec<String> {
        nodes.iter().filter(|(_, at)| pick(**at)).map(|(name, _)| name.clone()).collect()
    };
    let back = names(&|at| at.is_some_and(|at| at > height));
    let stopped = names(&|at| at.is_none_or(|at| at >= height - 1));
    let best = nodes.values().flatten().max().copied();
    match best {
        _ if back.len() == nodes.len() && !nodes.is_empty() => Way::Through,
        _ if !back.is_empty() => Way::Resuming(back),
        Some(best) if best < height - 1 => Way::Before(height - 1 - best),
        _ => Way::Halting(stopped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(heights: &[Option<i64>]) -> BTreeMap<String, Option<i64>> {
        heights.iter().enumerate().map(|(i, height)| (format!("n{i}"), *height)).collect()
    }

    #[test]
    fn the_way_through_is_told_from_heights_alone() {
        assert_eq!(way(100, &at(&[Some(90), Some(89)])), Way::Before(9));
        assert_eq!(way(100, &at(&[Some(99), Some(98)])), Way::Halting(vec!["n0".into()]));
        assert_eq!(way(100, &at(&[Some(99), None])), Way::Halting(vec!["n0".into(), "n1".into()]));
        assert_eq!(way(100, &at(&[Some(101), Some(99)])), Way::Resuming(vec!["n0".into()]));
        assert_eq!(way(100, &at(&[Some(101), Some(105)])), Way::Through);
        assert_ne!(way(100, &at(&[])), Way::Through, "no node proves nothing");
    }

    #[test]
    fn ready_is_the_right_digest_and_nothing_else() {
        assert_eq!(judge("aa  /x\nend\n", "aa"), Ready::Yes);
        assert_eq!(judge("bb  /x\nend\n", "aa"), Ready::Other("bb".into()));
        assert_eq!(judge("missing\nend\n", "aa"), Ready::Missing);
        assert!(matches!(judge("aa  /x\n", "aa"), Ready::Unknown(_)), "cut off");
    }
}
