//! The one fact that a sentry topology rests on: no stranger can open a connection to the validator.
//!
//! A node answers every dialler with its NodeInfo before it checks anything, PEX off or not (spec p2p.md §3.5 R1, R13; leak
//! vectors 3 and 4). So whoever reaches the port learns the node id and the chain, and can flood the validator off the
//! chain. The validator must also dial nobody but its sentries: every other peer learns its address from the connection.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::listen::Listen;
use crate::live::{Live, Part, Service};
use crate::peer::NodeId;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "validator_reachable_only_by_sentries",
    attack: "A stranger who can reach the validator's P2P port, or is dialled by it, learns its address and can flood it off the chain: missed blocks, then jail.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for validator in fleet.views().filter(|v| v.node.role == Role::Validator) {
        let (node, settings) = (validator.node, validator.settings);
        let own = |id: &NodeId| node.behind.iter().any(|s| fleet.view(s).is_some_and(|s| s.node.id == *id));
        let laddr = &settings.p2p_laddr;
        let exposure = laddr.value.exposure(validator.host);
        if exposure.is_public() {
            let evidence = format!("{}: open to {exposure}", seen("p2p.laddr", &laddr.value, laddr.origin));
            let fix = match validator.host.inner() {
                Some(ip) => set(validator, "p2p.laddr", Listen::tcp(ip, node.ports.p2p), laddr.origin),
                None => {
                    format!("give {} a wireguard address and let p2p.laddr follow it", validator.host.name)
                }
            };
            findings.push(RULE.finding(Severity::Error, &node.name, evidence, fix));
        }
        for peer in settings.p2p_persistent_peers.value.iter().filter(|peer| !own(&peer.id)) {
            let evidence = format!("p2p.persistent_peers dials {peer}, which is none of its sentries");
            let fix =
                "dial own sentries only; a partner belongs into the peers of a private-sentry".to_owned();
            findings.push(RULE.finding(Severity::Error, &node.name, evidence, fix));
        }
        for other in fleet.views().filter(|o| o.node.name != node.name && !node.behind.contains(&o.node.name))
        {
            if let Some(peer) = other.settings.p2p_persistent_peers.value.iter().find(|p| p.id == node.id) {
                let evidence =
                    format!("p2p.persistent_peers dials the validator of {} at {peer}", node.name.host);
                let fix = format!(
                    "remove {} from p2p.persistent_peers: this node is none of its sentries",
                    node.id
                );
                findings.push(RULE.finding(Severity::Error, &other.node.name, evidence, fix));
            }
        }
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours().filter(|target| target.part == Part::Validator) {
        for port in target.open(Service::P2p) {
            let said = port.answer.as_ref().map(|answer| format!("; it is {answer}")).unwrap_or_default();
            let network =
                if target.public { "the internet" } else { "here, outside of its own network or not" };
            let evidence = format!("the P2P port takes connections from {network}{said}");
            let fix = "bind p2p.laddr to the WireGuard address, and let the firewall pass the sentries only"
                .to_owned();
            findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service, State};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, give, hosts, port};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_on_every_interface() {
        let findings =
            findings(&RULE, &give(CLASSIC, "val-1", r#"config.p2p.laddr = "tcp://0.0.0.0:26656""#));
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_when_it_dials_a_stranger() {
        let findings = findings(
            &RULE,
            &give(
                CLASSIC,
                "val-1",
                r#"config.p2p.persistent_peers = "b62e867fa2f33afe62d5d6b1642e1621d5433078@192.0.2.99:26656""#,
            ),
        );
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_when_the_rpc_node_dials_it() {
        let findings = findings(
            &RULE,
            &give(CLASSIC, "rpc-1", r#"config.p2p.persistent_peers = "VAL_1@10.66.0.10:26656""#),
        );
        assert_eq!(hosts(&findings), ["rpc-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let open = |part, state| found(&RULE, port(part, Service::P2p, state, None)).len();
        assert_eq!(open(Part::Validator, State::Open), 1);
        assert_eq!(open(Part::Validator, State::Closed), 0);
        assert_eq!(open(Part::Sentry, State::Open), 0);
    }
}
