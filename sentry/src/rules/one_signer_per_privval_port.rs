//! A consensus key has one signer. Two with a mark each do not know what the other signed.
//!
//! The node adds to it: it uses the first dialler only, the second waits half-connected in the backlog and takes over at
//! the next hiccup (spec signer.md §3.1.4). That is how validators double-sign without an attacker.

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "one_signer_per_privval_port",
    attack: "Two signers of one key each remember only their own signatures; at the first failover both sign one height, which is a double sign: slashed and tombstoned for good.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in fleet.keys() {
        let holders = fleet.signers().iter().filter(|s| s.keys.contains(&key.name));
        let holders: Vec<&str> = holders.map(|s| s.host.as_str()).collect();
        if holders.len() > 1 {
            let evidence = format!("signers on {} hold it", holders.join(", "));
            let fix = format!("keep \"{}\" in the keys of one [host.signer] only", key.name);
            let subject = Subject::key(&key.name, &key.chain);
            findings.push(RULE.finding(Severity::Error, subject, evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_with_a_standby_signer() {
        let two = CLASSIC.replace("[host.monitor]", "[host.monitor]\n[host.signer]\nkeys = [\"akash\"]");
        let findings = findings(&RULE, &two);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].evidence, "signers on monitor-1, signer-1 hold it");
    }
}
