//! JSON-RPC of an EVM chain on a node that should answer nobody.
//!
//! Spec p2p.md §4, vector 8 (port 8545): it is on by default on many EVM chains, and `admin_` and `personal_` are one setting
//! away.

use crate::exposed;
use crate::finding::{Finding, Severity};
use crate::live::{Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "evm_rpc_not_public",
    attack: "Queries of the EVM run for seconds; whoever sends enough of them makes a validator miss blocks, or a sentry lose its validator.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let open = exposed::answered(live, Service::Evm, |target| target.part != Part::Rpc);
    open.into_iter()
        .map(|(target, port, _)| {
            let severity = if target.signs { Severity::Error } else { Severity::Warn };
            let fix = exposed::close(target, port, "json-rpc.address");
            let evidence = "web3_clientVersion answered a stranger".to_owned();
            RULE.finding(severity, target.at(port), evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Part, Service};
    use crate::rules::example::{found, page};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, page(Part::Rpc, Service::Evm, "web3_clientVersion", 200, "{}")), []);
        assert_eq!(found(&RULE, page(Part::Sentry, Service::Evm, "web3_clientVersion", 403, "")), []);
    }

    #[test]
    fn fails_on_sentry_and_validator() {
        for part in [Part::Sentry, Part::Validator] {
            let live = page(part, Service::Evm, "web3_clientVersion", 200, "{}");
            assert_eq!(found(&RULE, live).len(), 1);
        }
    }
}
