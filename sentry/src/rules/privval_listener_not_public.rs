//! The privval port takes the first dialler for the signer and cannot tell one from another.
//!
//! The listener's key is fresh at every start and nobody's identity is checked (spec signer.md §3.1.4 and §3.1.7): only
//! WireGuard or a firewall protects this hop. Leak vector 19.

use crate::exposed;
use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::listen::Listen;
use crate::live::{Live, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "privval_listener_not_public",
    attack: "The node accepts the first dialler as its signer: a stranger who gets there takes the signer's place, the validator stops signing, and the open port marks it as a validator.",
    checks: &[Check::Planned(check), Check::Live(look)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views() {
        let setting = &view.settings.priv_validator_laddr;
        let Some(listen) = &setting.value else { continue };
        let exposure = listen.exposure(view.host);
        if exposure.is_public() {
            let evidence =
                format!("{}: open to {exposure}", seen("priv_validator_laddr", listen, setting.origin));
            let fix = match view.host.inner() {
                Some(ip) => set(
                    view,
                    "priv_validator_laddr",
                    Listen::tcp(ip, view.node.ports.privval),
                    setting.origin,
                ),
                None => format!(
                    "give {} a wireguard address and let priv_validator_laddr follow it",
                    view.host.name
                ),
            };
            findings.push(RULE.finding(Severity::Error, &view.node.name, evidence, fix));
        }
    }
    findings
}

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        for port in target.open(Service::Privval) {
            // Nothing was said to it, so all that is known is the number and whether a signer belongs here.
            let severity = if target.signs { Severity::Error } else { Severity::Warn };
            let evidence =
                format!("port {} takes connections from a stranger; nothing was said to it", port.number);
            let fix = exposed::close(target, port, "priv_validator_laddr");
            findings.push(RULE.finding(severity, target.at(port), evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::live::{Part, Service, State};
    use crate::rules::example::{CLASSIC, SERVED, findings, found, give, hosts, port};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_on_every_interface() {
        let findings = findings(
            &RULE,
            &give(CLASSIC, "val-1", r#"config.priv_validator_laddr = "tcp://0.0.0.0:26659""#),
        );
        assert_eq!(hosts(&findings), ["val-1"]);
    }

    #[test]
    fn fails_on_a_public_address() {
        let findings = findings(
            &RULE,
            &give(SERVED, "sentry-1", r#"config.priv_validator_laddr = "tcp://203.0.113.21:26659""#),
        );
        assert_eq!(hosts(&findings), ["sentry-1"]);
    }

    #[test]
    fn seen_from_outside() {
        let open = |part, state| found(&RULE, port(part, Service::Privval, state, None));
        assert_eq!(open(Part::Validator, State::Open)[0].severity, Severity::Error);
        assert_eq!(open(Part::Rpc, State::Open)[0].severity, Severity::Warn);
        assert_eq!(open(Part::Validator, State::Filtered), []);
    }
}
