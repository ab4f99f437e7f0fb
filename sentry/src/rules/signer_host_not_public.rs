//! A machine that holds a consensus key and only dials out needs no public address of its own (spec p2p.md §4, vector 32).

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "signer_host_not_public",
    attack: "A public address can be scanned and attacked; on the machine with the key, every open or vulnerable service is a way to the key.",
    check,
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let hosts = fleet.signers().iter().filter_map(|s| fleet.host(&s.host));
    hosts
        .filter(|host| !host.public.is_empty())
        .map(|host| {
            let evidence = format!("public = {}", host.public[0]);
            let fix = "take the address away and dial out through a router or WireGuard".to_owned();
            RULE.finding(Severity::Warn, Subject::host(&host.name), evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, hosts};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails_with_a_public_address() {
        let open = CLASSIC.replace("private = \"10.0.0.11\"", "public = [\"203.0.113.11\"]");
        assert_eq!(hosts(&findings(&RULE, &open)), ["signer-1"]);
    }
}
