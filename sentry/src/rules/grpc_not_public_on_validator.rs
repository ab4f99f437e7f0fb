//! gRPC answers `node_info`, with the node's id, name and addresses, and takes transactions.
//!
//! Spec p2p.md §4, vector 8.

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::fleet::Fleet;
use crate::home::Home;
use crate::live::{Answer, Live, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "grpc_not_public_on_validator",
    attack: "A query for node_info on this address returns the node's id and name; with the port open the machine can also be loaded until it misses blocks.",
    checks: &[Check::Planned(check), Check::Live(look), Check::Home(at_home)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.signs()) {
        let setting = &view.settings.grpc_address;
        let Some(open) = exposed::node(view, "grpc.address", setting, view.node.ports.grpc) else { continue };
        findings.push(RULE.finding(Severity::Error, &view.node.name, open.evidence, open.fix));
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours().filter(|target| target.signs) {
        for port in &target.ports {
            if let Some(Answer::Grpc(said, _)) = &port.answer {
                let evidence = format!("gRPC answered a stranger: {said:?}");
                let fix = exposed::close(target, port, "grpc.address");
                findings.push(RULE.finding(Severity::Error, target.at(port), evidence, fix));
            }
        }
    }
    let rest = exposed::answered(live, Service::Rest, |target| target.signs);
    findings.extend(rest.into_iter().map(|(target, port, evidence)| {
        let fix = exposed::close(target, port, "api.address");
        RULE.finding(Severity::Error, target.at(port), evidence, fix)
    }));
    findings
}

/// Listeners that no plan has: CometBFT's own gRPC, and the SDK's REST.
fn at_home(home: &Home) -> Vec<Finding> {
    let Some(view) = home.view().filter(|view| view.node.signs()) else { return Vec::new() };
    let open = home.config.extra.iter().filter(|(_, listen)| listen.exposure(view.host).is_public());
    open.map(|(key, listen)| {
        let evidence =
            format!("{key} = {listen}, by the files of its home: open to {}", listen.exposure(view.host));
        let fix = if *key == "api.address" {
            "set api.enable = false".to_owned()
        } else {
            format!("set {key} = \"\"")
        };
        RULE.finding(Severity::Error, home.subject.clone(), evidence, fix)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Answer, Grpc, Part, Service, State};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, give, hosts, in_home, page, port};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails() {
        let findings = findings(&RULE, &give(CLASSIC, "val-1", r#"app.grpc.address = "0.0.0.0:9090""#));
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let grpc = |part| {
            let answer = Some(Answer::Grpc(Grpc::Node(None, "0.38.25".into()), vec![]));
            found(&RULE, port(part, Service::Grpc, State::Open, answer)).len()
        };
        assert_eq!((grpc(Part::Validator), grpc(Part::Rpc)), (1, 0));
        assert_eq!(found(&RULE, page(Part::Validator, Service::Rest, "/node_info", 200, "{}")).len(), 1);
    }

    #[test]
    fn fails_with_a_listener_that_no_plan_has() {
        let open = "[rpc]\ngrpc_laddr = 'tcp://0.0.0.0:9098'";
        assert_eq!(in_home(&RULE, "val-1", open, |_| ()).len(), 1);
        assert_eq!(in_home(&RULE, "val-1", "[rpc]\ngrpc_laddr = 'tcp://127.0.0.1:9098'", |_| ()), []);
    }
}
