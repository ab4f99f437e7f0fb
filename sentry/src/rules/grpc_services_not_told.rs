//! Reflection lists every service of a gRPC port, and the privileged one of CometBFT 1.0 can prune blocks.
//!
//! Spec p2p.md §4, vector 8: `[grpc.privileged] laddr` has no authentication of any kind.

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::live::{Answer, Live, Part};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "grpc_services_not_told",
    attack: "The list of services tells which chain and which version runs here and what can be loaded; with the pruning service a stranger deletes this node's blocks.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        for port in &target.ports {
            let Some(Answer::Grpc(_, services)) = &port.answer else { continue };
            if let Some(service) = services.iter().find(|s| s.contains(".pruning.")) {
                let fix = exposed::close(target, port, "grpc.privileged.laddr");
                let evidence = format!("{service} answered a stranger");
                findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix));
            } else if !services.is_empty() && target.part != Part::Rpc {
                let fix = exposed::close(target, port, "grpc.address");
                let some: Vec<&str> = services.iter().take(3).map(String::as_str).collect();
                let evidence =
                    format!("{} services named to a stranger: {} …", services.len(), some.join(", "));
                findings.push(RULE.finding(Severity::Warn, target.at(port), evidence, fix));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::live::{Answer, Grpc, Part, Service, State};
    use crate::rules::example::{found, port};

    fn with(part: Part, services: &[&str]) -> Vec<Severity> {
        let services = services.iter().map(ToString::to_string).collect();
        let answer = Some(Answer::Grpc(Grpc::Other, services));
        found(&RULE, port(part, Service::Grpc, State::Open, answer)).iter().map(|f| f.severity).collect()
    }

    #[test]
    fn passes() {
        assert_eq!(with(Part::Sentry, &[]), []);
        assert_eq!(with(Part::Rpc, &["cosmos.bank.v1beta1.Query"]), [], "it is there to be asked");
    }

    #[test]
    fn fails_on_a_list_and_worst_on_the_privileged_one() {
        assert_eq!(with(Part::Sentry, &["cosmos.bank.v1beta1.Query"]), [Severity::Warn]);
        let pruning = ["cometbft.services.pruning.v1.PruningService"];
        assert_eq!(with(Part::Rpc, &pruning), [Severity::Error]);
    }
}
