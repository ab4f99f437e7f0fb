//! How the sentries are, by their own RPC: up, how far behind the fleet's best, how many peers, and whether the validators
//! behind them are connected.
//!
//! The link of a validator is judged from the sentry's `net_info`, over its inner address; the validator itself is never asked.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::fleet::{Fleet, NodeName};
use crate::peer::NodeId;

/// What a node said about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its last block.
    pub height: u64,
    /// Whether it is fetching old blocks.
    pub catching_up: bool,
    /// Its own id.
    pub id: Option<NodeId>,
    /// Peers that dialled in.
    pub inbound: u64,
    /// Peers that it dialled.
    pub outbound: u64,
    /// Ids of all of them.
    pub peers: BTreeSet<NodeId>,
}

/// One sentry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Its host in the fleet, with its chain where the host has several nodes.
    pub node: String,
    /// Whether its RPC answered.
    pub up: bool,
    /// Whether another node than the declared one answered.
    pub impostor: bool,
    /// Its last block.
    pub height: Option<u64>,
    /// Blocks behind the best of its chain that was asked in the same round.
    pub behind: Option<u64>,
    /// Whether it is fetching old blocks.
    pub catching_up: Option<bool>,
    /// Peers that dialled in.
    pub peers_in: Option<u64>,
    /// Peers that it dialled.
    pub peers_out: Option<u64>,
    /// Validators behind it that are its peers now.
    pub validators_up: Option<u64>,
    /// Validators that should be.
    pub validators: u64,
    /// Everything above, in words; empty where nothing is wrong.
    pub wrong: Vec<Wrong>,
}

/// What can be wrong with a sentry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// Its RPC does not answer.
    Down,
    /// Another node answers.
    Impostor,
    /// It is behind by more than allowed, or fetches old blocks.
    Late,
    /// A validator behind it is not connected.
    ValidatorLink,
    /// It has no other peers.
    Alone,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Down, Self::Impostor, Self::Late, Self::ValidatorLink, Self::Alone];

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Impostor => "impostor",
            Self::Late => "late",
            Self::ValidatorLink => "validator_link",
            Self::Alone => "alone",
        }
    }

    /// For an operator, without a name.
    pub fn says(self) -> &'static str {
        match self {
            Self::Down => "a sentry's RPC does not answer",
            Self::Impostor => "another node answers where a sentry should",
            Self::Late => "a sentry is behind the others of its chain",
            Self::ValidatorLink => "a validator is not connected to one of its sentries",
            Self::Alone => "a sentry has no peer but the fleet's own nodes",
        }
    }
}

/// Reads `/status` and `/net_info`; nothing where they are not what a node says.
pub fn said(status: &str, net_info: &str) -> Option<Said> {
    let (status, net): (Value, Value) =
        (serde_json::from_str(status).ok()?, serde_json::from_str(net_info).ok()?);
    // 0.33 answers as the others do; URI answers always stand in `result`.
    let (status, net) = (&status["result"], &net["result"]);
    let sync = &status["sync_info"];
    let mut said = Said {
        height: sync["latest_block_height"].as_str()?.parse().ok()?,
        catching_up: sync["catching_up"].as_bool()?,
        id: status["node_info"]["id"].as_str().and_then(|id| id.parse().ok()),
        ..Said::default()
    };
    for peer in net["peers"].as_array()? {
        match peer["is_outbound"].as_bool()? {
            true => said.outbound += 1,
            false => said.inbound += 1,
        }
        said.peers.extend(peer["node_info"]["id"].as_str().and_then(|id| id.parse().ok()));
    }
    Some(said)
}

/// The health of every node that was asked, in the order asked.
pub fn judge(fleet: &Fleet, asked: &[(NodeName, Option<Said>)], max_lag: u64) -> Vec<Health> {
    let best = |chain: &str| {
        let heights = asked.iter().filter(|(name, _)| name.chain == chain);
        heights.filter_map(|(_, said)| Some(said.as_ref()?.height)).max()
    };
    asked.iter().map(|(name, said)| one(fleet, name, said.as_ref(), best(&name.chain), max_lag)).collect()
}

fn one(fleet: &Fleet, name: &NodeName, said: Option<&Said>, best: Option<u64>, max_lag: u64) -> Health {
    let behind_it: Vec<_> = fleet.nodes().filter(|n| n.behind.contains(name)).collect();
    let own: BTreeSet<&NodeId> = fleet.nodes().map(|n| &n.id).collect();
    let several = fleet.nodes().filter(|n| n.name.host == name.host).count() > 1;
    let declared = fleet.view(name).map(|view| &view.node.id);
    let linked = |said: &Said| behind_it.iter().filter(|n| said.peers.contains(&n.id)).count();
    let behind = said.and_then(|s| Some(best?.saturating_sub(s.height)));
    let mut health = Health {
        node: if several { format!("{}/{}", name.host, name.chain) } else { name.host.clone() },
        up: said.is_some(),
        impostor: said.is_some_and(|s| s.id.is_some() && s.id.as_ref() != declared),
        height: said.map(|s| s.height),
        behind,
        catching_up: said.map(|s| s.catching_up),
        peers_in: said.map(|s| s.inbound),
        peers_out: said.map(|s| s.outbound),
        validators_up: said.map(|s| u64::try_from(linked(s)).unwrap_or(u64::MAX)),
        validators: u64::try_from(behind_it.len()).unwrap_or(u64::MAX),
        wrong: Vec::new(),
    };
    let late = health.catching_up == Some(true) || behind.is_some_and(|behind| behind > max_lag);
    let checks = [
        (Wrong::Down, !health.up),
        (Wrong::Impostor, health.impostor),
        (Wrong::Late, late),
        (Wrong::ValidatorLink, health.validators_up.is_some_and(|up| up < health.validators)),
        (Wrong::Alone, said.is_some_and(|s| s.peers.iter().all(|peer| own.contains(peer)))),
    ];
    health.wrong = checks.into_iter().filter_map(|(wrong, is)| is.then_some(wrong)).collect();
    health
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::resolve;

    const STRANGER: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";

    fn fleet() -> Fleet {
        resolve(include_str!("../../../examples/fleet-classic.toml")).expect("the example resolves")
    }

    fn node(fleet: &Fleet, host: &str) -> (NodeName, NodeId) {
        let node = fleet.nodes().find(|n| n.name.host == host).expect("it is there");
        (node.name.clone(), node.id.clone())
    }

    fn status(id: &NodeId, height: u64, catching_up: bool) -> String {
        format!(
            r#"{{"result":{{"node_info":{{"id":"{id}"}},"sync_info":{{"latest_block_height":"{height}","catching_up":{catching_up}}}}}}}"#
        )
    }

    fn net(peers: &[(&str, bool)]) -> String {
        let peers: Vec<String> = peers
            .iter()
            .map(|(id, out)| format!(r#"{{"node_info":{{"id":"{id}"}},"is_outbound":{out}}}"#))
            .collect();
        format!(r#"{{"result":{{"peers":[{}]}}}}"#, peers.join(","))
    }

    #[test]
    fn a_good_sentry_and_a_late_one_without_its_validator() {
        let fleet = fleet();
        let (val, one, two) = (node(&fleet, "val-1").1, node(&fleet, "sentry-1"), node(&fleet, "sentry-2"));
        let good = said(&status(&one.1, 100, false), &net(&[(&val.to_string(), false), (STRANGER, true)]));
        let bad = said(&status(&two.1, 70, false), &net(&[(&one.1.to_string(), true)]));
        let health = judge(&fleet, &[(one.0, good), (two.0, bad)], 20);
        assert_eq!(health[0].wrong, []);
        assert_eq!(
            (health[0].behind, health[0].validators_up, health[0].peers_in),
            (Some(0), Some(1), Some(1))
        );
        assert_eq!(health[1].wrong, [Wrong::Late, Wrong::ValidatorLink, Wrong::Alone]);
        assert_eq!(health[1].behind, Some(30));
    }

    #[test]
    fn silence_and_impostors() {
        let fleet = fleet();
        let (one, two) = (node(&fleet, "sentry-1"), node(&fleet, "sentry-2"));
        let other = said(&status(&two.1, 5, true), &net(&[(STRANGER, true)]));
        let health = judge(&fleet, &[(one.0.clone(), None), (one.0, other)], 20);
        assert_eq!((health[0].wrong.as_slice(), health[0].height), (&[Wrong::Down][..], None));
        assert!(health[1].wrong.contains(&Wrong::Impostor) && health[1].wrong.contains(&Wrong::Late));
    }

    #[test]
    fn what_is_no_answer_of_a_node_is_none() {
        for (status, net) in
            [("", ""), ("{}", "{}"), ("[]", "1"), (r#"{"result":{}}"#, r#"{"result":{"peers":[{}]}}"#)]
        {
            assert_eq!(said(status, net), None);
        }
    }
}
