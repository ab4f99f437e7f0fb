//! The names in a certificate are public twice: on the port, and in the logs of certificate transparency.
//!
//! Leak vector 17: certificates made from inventory names (`rpc.val1.example.com`) tell where to look.

use crate::finding::{Finding, Severity};
use crate::live::{Answer, Live};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "certificate_names_no_validator",
    attack: "Whoever reads the certificate, or the public logs of all certificates, has a name of the validator and resolves it.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        for port in &target.ports {
            let Some(Answer::Tls(tls)) = &port.answer else { continue };
            for name in tls.names.iter().filter(|name| tells(name)) {
                let evidence = format!("its certificate is for {name}");
                let fix = "get a certificate without that name; what was logged stays, so rename or move the validator's own name";
                findings.push(RULE.finding(Severity::Warn, target.at(port), evidence, fix.to_owned()));
            }
        }
    }
    findings
}

/// Whether a label of the name is one that people give to validators and signers, with or without a number.
pub(super) fn tells(name: &str) -> bool {
    name.to_ascii_lowercase().split(['.', '-', '_', ' ']).any(|label| {
        let word = label.trim_end_matches(|c: char| c.is_ascii_digit());
        matches!(word, "val" | "validator" | "signer" | "tmkms" | "horcrux" | "kms" | "hsm")
    })
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Answer, Part, Service, State, Tls};
    use crate::rules::example::{found, port};

    fn with(names: &[&str]) -> usize {
        let answer =
            Answer::Tls(Tls { names: names.iter().map(ToString::to_string).collect(), pages: vec![] });
        found(&RULE, port(Part::Rpc, Service::Https, State::Open, Some(answer))).len()
    }

    #[test]
    fn passes() {
        assert_eq!(with(&["rpc.example.com", "valley.example.com", "valuable.example.com"]), 0);
    }

    #[test]
    fn fails_on_a_validators_name() {
        assert_eq!(with(&["rpc.val1.example.com", "validator.example.com", "akash-signer.example.com"]), 3);
    }
}
