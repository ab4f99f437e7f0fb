//! What must not be found, and the search for it in what strangers are told.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeSet;

use comet::p2p::NetAddress;

use crate::fleet::{Fleet, Role};
use crate::peer::NodeId;

/// A node that nobody may find: a validator or a private sentry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What the operator calls it.
    pub name: String,
    /// Its id, if known.
    pub id: Option<NodeId>,
    /// Its addresses.
    pub ips: BTreeSet<IpAddr>,
}

/// How a hidden node shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// What the operator calls it.
    pub name: String,
    /// What was found of it: `id b62e…`, `address 10.66.0.10`.
    pub what: String,
}

impl Hidden {
    /// The hidden nodes of a fleet.
    pub fn of(fleet: &Fleet) -> Vec<Self> {
        let hidden = fleet.views().filter(|v| matches!(v.node.role, Role::Validator | Role::PrivateSentry));
        hidden
            .map(|view| Self {
                name: format!("{} {}", view.node.role, view.node.name.host),
                id: Some(view.node.id.clone()),
                ips: view
                    .host
                    .public
                    .iter()
                    .copied()
                    .chain(view.host.private)
                    .chain(view.host.wireguard)
                    .collect(),
            })
            .collect()
    }

    /// How it shows in an address of an address book.
    pub fn in_address(&self, address: &NetAddress) -> Option<Trace> {
        let id = self.id.as_ref().is_some_and(|id| id.to_string() == address.id.to_string());
        (id || self.ips.contains(&address.ip))
            .then(|| Trace { name: self.name.clone(), what: address.to_string() })
    }
}

/// Every trace of the hidden nodes in a text that a stranger was given. Whole ids and whole addresses only: 10.0.0.1 is
/// not found in 10.0.0.10.
pub fn traces(hidden: &[Hidden], text: &str) -> BTreeSet<Trace> {
    let mut found = BTreeSet::new();
    for node in hidden {
        let id = node.id.iter().map(|id| (id.to_string(), "id"));
        for (word, kind) in id.chain(node.ips.iter().map(|ip| (ip.to_string(), "address"))) {
            // Ids are written in upper case here and there.
            let hit = stands(text, &word) || (kind == "id" && stands(text, &word.to_uppercase()));
            if hit {
                found.insert(Trace { name: node.name.clone(), what: format!("{kind} {word}") });
            }
        }
    }
    found
}

fn stands(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric();
    let dotted = |c: char, beyond: Option<char>| c == '.' && beyond.is_some_and(|c| c.is_ascii_digit());
    text.match_indices(word).any(|(at, _)| {
        let mut before = text[..at].chars().rev();
        let mut after = text[at + word.len()..].chars();
        let (b, a) = (before.next(), after.next());
        let joined_before = b.is_some_and(|c| part(c) || dotted(c, before.next()));
        let joined_after = a.is_some_and(|c| part(c) || dotted(c, after.next()));
        !joined_before && !joined_after
    })
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.what, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";

    fn hidden() -> Vec<Hidden> {
        vec![Hidden {
            name: "validator val-1".into(),
            id: Some(ID.parse().unwrap()),
            ips: ["10.66.0.1", "fd00::1"].iter().map(|ip| ip.parse().unwrap()).collect(),
        }]
    }

    #[test]
    fn whole_words_are_traces() {
        for text in [
            format!("{ID}@x"),
            format!("peer_id=\"{ID}\""),
            format!("\"{}\"", ID.to_uppercase()),
            "10.66.0.1".into(),
            "\"remote_ip\":\"10.66.0.1\"".into(),
            "tcp://10.66.0.1:26656".into(),
            "It is 10.66.0.1.".into(),
            "[fd00::1]:26656".into(),
        ] {
            assert_eq!(traces(&hidden(), &text).len(), 1, "{text}");
        }
    }

    #[test]
    fn parts_of_other_words_are_none() {
        for text in
            ["", "10.66.0.10", "110.66.0.1", "1.10.66.0.1", "10.66.0.1.7", &ID[1..], &format!("{ID}a")]
        {
            assert_eq!(traces(&hidden(), text).len(), 0, "{text}");
        }
    }

    #[test]
    fn an_entry_shows_by_id_or_by_address() {
        let address = |id: &str, ip: &str| NetAddress::new(id, ip, 26656).unwrap();
        let other = ID.replace('b', "c");
        assert!(hidden()[0].in_address(&address(ID, "203.0.113.7")).is_some());
        assert!(hidden()[0].in_address(&address(&other, "10.66.0.1")).is_some());
        assert!(hidden()[0].in_address(&address(&other, "10.66.0.2")).is_none());
    }
}
