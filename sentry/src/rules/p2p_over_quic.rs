//! With libp2p (0.39 and 0.40) none of the settings that hide a validator is applied.
//!
//! `private_peer_ids`, `unconditional_peer_ids` and `persistent_peers` are ignored without a word, and identify tells whoever
//! asks every address that the node knows of itself (spec p2p.md §3.2, leak vector 22).

use crate::finding::{Finding, Severity};
use crate::home::Home;
use crate::live::{Answer, Live, Part, Service};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "p2p_over_quic",
    attack: "libp2p ignores private_peer_ids, and its identify protocol tells a stranger the addresses that the node has, inner ones too unless external_address is set.",
    checks: &[Check::Live(look), Check::Home(at_home)],
};

const FIX: &str = "set p2p.libp2p.enabled = false; if it must be on, set p2p.external_address and treat the node as one \
                   that hides nothing";

fn at_home(home: &Home) -> Vec<Finding> {
    let evidence = || "p2p.libp2p.enabled = true, by the files of its home".to_owned();
    let error = || RULE.finding(Severity::Error, home.subject.clone(), evidence(), FIX.to_owned());
    home.config.libp2p.then(error).into_iter().collect()
}

fn look(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in live.ours() {
        for port in target.open(Service::Quic) {
            let hidden = matches!(target.part, Part::Validator | Part::PrivateSentry | Part::Signer);
            let severity = if hidden { Severity::Error } else { Severity::Warn };
            let mut evidence = "QUIC answers at the port of P2P: libp2p is on".to_owned();
            if let Some(Answer::Quic(_, Some(said))) = &port.answer {
                evidence += &format!("; {said}");
            }
            findings.push(RULE.finding(severity, target.at(port), evidence, FIX.to_owned()));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::live::{Answer, Part, Service, State};
    use crate::rules::example::{found, in_home, port};

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, port(Part::Sentry, Service::Quic, State::Filtered, None)), []);
    }

    #[test]
    fn fails_where_quic_answers() {
        let quic = port(Part::Sentry, Service::Quic, State::Open, Some(Answer::Quic(2, None)));
        assert_eq!(found(&RULE, quic).len(), 1);
    }

    #[test]
    fn fails_where_it_is_on_in_a_home() {
        assert_eq!(in_home(&RULE, "sentry-1", "[p2p.libp2p]\nenabled = false", |_| ()), []);
        // Line 0.38 has no libp2p and ignores the table.
        assert_eq!(in_home(&RULE, "sentry-1", "[p2p.libp2p]\nenabled = true", |_| ()), []);
        assert_eq!(in_home(&RULE, "sentry-1", "", |home| home.config.libp2p = true).len(), 1);
    }
}
