//! Everybody who shakes hands is told where a node listens, for P2P and for RPC.
//!
//! Inner addresses there draw a map of the networks behind the sentry (spec p2p.md §3.5 R1, leak vector 23).

use crate::finding::{Finding, Severity};
use crate::live::identify::ip;
use crate::live::{Answer, Live, Service};
use crate::reach::Reach;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "inner_address_in_node_info",
    attack: "The handshake tells strangers an inner address of this host, and with it the range in which to look for the validator.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        let Some((port, node)) = target.node() else { continue };
        let told = [
            ("listen_addr", &node.info.listen_addr, "set p2p.external_address to the public address"),
            ("rpc_address", &node.info.rpc_address, "bind rpc.laddr to loopback, or accept that it is told"),
        ];
        for (field, address, fix) in told {
            let host = address.rsplit_once(':').map_or("", |(host, _)| host);
            let host = host.rsplit_once("//").map_or(host, |(_, host)| host);
            if inner(host.trim_matches(['[', ']'])) {
                let evidence = format!("node info: {field} = {address}");
                findings.push(RULE.finding(Severity::Info, target.at(port), evidence, fix.to_owned()));
            }
        }
    }
    for target in live.ours() {
        for port in target.open(Service::Quic) {
            let Some(Answer::Quic(_, Some(said))) = &port.answer else { continue };
            for at in said.listen.iter().filter(|at| ip(at).is_some_and(|ip| inner(&ip.to_string()))) {
                let evidence = format!("libp2p identify: listens at {at}");
                let fix = "set p2p.external_address: without it every address of the host is told".to_owned();
                findings.push(RULE.finding(Severity::Warn, target.at(port), evidence, fix));
            }
        }
    }
    findings
}

fn inner(host: &str) -> bool {
    matches!(Reach::of(host), Reach::Private | Reach::CarrierGrade)
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::identify::Identity;
    use crate::live::{Answer, P2p, Part, Pex, Service, State};
    use crate::rules::example::{found, node, port};

    fn telling(rpc: &str) -> usize {
        let mut live = node(Part::Sentry, Pex::Off);
        let Some(Answer::P2p(P2p::Node(node))) = &mut live.targets[0].ports[0].answer else {
            panic!("a node")
        };
        node.info.rpc_address = rpc.to_owned();
        found(&RULE, live).len()
    }

    #[test]
    fn passes() {
        for rpc in ["tcp://127.0.0.1:26657", "tcp://0.0.0.0:26657", "", "tcp://203.0.113.1:26657"] {
            assert_eq!(telling(rpc), 0, "{rpc}");
        }
    }

    #[test]
    fn fails_on_what_libp2p_tells() {
        let listen = ["/ip4/10.66.0.2/udp/26656/quic-v1", "/ip4/203.0.113.2/udp/26656/quic-v1"];
        let said = Identity { listen: listen.map(str::to_owned).to_vec(), ..Identity::default() };
        let answer = Some(Answer::Quic(2, Some(Box::new(said))));
        assert_eq!(found(&RULE, port(Part::Sentry, Service::Quic, State::Open, answer)).len(), 1);
    }

    #[test]
    fn fails_on_inner_networks() {
        for rpc in ["tcp://10.66.0.2:26657", "tcp://100.64.0.2:26657", "tcp://[fd00::1]:26657"] {
            assert_eq!(telling(rpc), 1, "{rpc}");
        }
    }
}
