//! Two machines with one SSH host key were made from one image, and search engines index host keys.
//!
//! Leak vector 18: whoever has the key of a sentry finds every other machine that shows it.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity};
use crate::live::{Answer, Live, Part};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "ssh_host_keys_differ",
    attack: "Search engines of the internet list every address that shows a host key: from a sentry's key to the other machine in one query.",
    checks: &[Check::Live(look)],
};

fn look(live: &Live) -> Vec<Finding> {
    let mut owners: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for target in live.ours() {
        for port in &target.ports {
            if let Some(Answer::Ssh(key)) = &port.answer {
                owners.entry(key).or_default().push((target, port));
            }
        }
    }
    let mut findings = Vec::new();
    for shown in owners.into_values() {
        let first = shown[0].0;
        for (target, port) in shown.iter().filter(|(target, _)| target.subject.host != first.subject.host) {
            let hidden = |part| matches!(part, Part::Validator | Part::Signer | Part::PrivateSentry);
            let severity =
                if hidden(target.part) || hidden(first.part) { Severity::Error } else { Severity::Warn };
            let evidence = format!("its SSH host key is that of {} too", first.subject);
            let fix = "delete /etc/ssh/ssh_host_* on one of them, run ssh-keygen -A, and restart sshd";
            findings.push(RULE.finding(severity, target.at(port), evidence, fix.to_owned()));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Subject;
    use crate::live::{Answer, Live, Part, Service, State};
    use crate::rules::example::{found, port};

    fn two(first: &str, second: &str) -> Live {
        let shows =
            |key: &str| port(Part::Sentry, Service::Ssh, State::Open, Some(Answer::Ssh(key.to_owned())));
        let (mut live, mut other) = (shows(first), shows(second));
        other.targets[0].subject = Subject::host("other");
        live.targets.append(&mut other.targets);
        live
    }

    #[test]
    fn passes() {
        assert_eq!(found(&RULE, two("a", "b")), []);
    }

    #[test]
    fn fails_on_a_cloned_image() {
        assert_eq!(found(&RULE, two("a", "a")).len(), 1);
    }
}
