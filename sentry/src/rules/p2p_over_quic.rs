//! With libp2p (0.39 and 0.40) none of the settings that hide a validator is applied.
//!
//! `private_peer_ids`, `unconditional_peer_ids` and `persistent_peers` are ignored without a word, and identify tells whoever
//! asks every address that the node knows of itself (spec p2p.md §3.2, leak vector 22).

use crate::finding::{Finding, Severity};
use crate::live::{Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "p2p_over_quic",
    attack: "libp2p ignores private_peer_ids, and its identify protocol tells a stranger the addresses that the node has, inner ones too unless external_address is set.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        for port in target.open(Service::Quic) {
            let hidden = matches!(target.part, Part::Validator | Part::PrivateSentry | Part::Signer);
            let severity = if hidden { Severity::Error } else { Severity::Warn };
            let evidence = "QUIC answers at the port of P2P: libp2p is on".to_owned();
            let fix = "set p2p.libp2p.enabled = false; if it must be on, set p2p.external_address and treat the node \
                       as one that hides nothing";
            findings.push(RULE.finding(severity, target.at(port), evidence, fix.to_owned()));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Answer, Part, Service, State};
    use crate::rules::example::{found, port};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, port(Part::Sentry, Service::Quic, State::Filtered, None)), []);
    }

    #[test]
    fn fails_where_quic_answers() {
        let quic = port(Part::Sentry, Service::Quic, State::Open, Some(Answer::Quic(2)));
        assert_eq!(found(&RULE, quic).len(), 1);
    }
}
