//! Members of etcd in one machine room fall together, and with them every signer of a shared key.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "etcd_on_different_sites",
    attack: "A power cut or one suspended account in a single place takes the majority of etcd away: every block is missed until it is back.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let members = fleet.etcd();
    let mut places: BTreeMap<(&str, Option<&str>), Vec<&str>> = BTreeMap::new();
    for member in members {
        let host = fleet.host(&member.host).expect("names inside a fleet resolve");
        places.entry((&host.provider, host.site.as_deref())).or_default().push(&host.name);
    }
    // A place whose loss leaves no majority.
    let fatal = places.into_iter().filter(|(_, there)| 2 * (members.len() - there.len()) <= members.len());
    fatal
        .filter(|(_, there)| there.len() > 1)
        .map(|((provider, site), there)| {
            let place = site.map_or_else(|| provider.to_owned(), |site| format!("{provider}, {site}"));
            let evidence = format!("{} stand at {place}, which is the majority", there.join(", "));
            let fix = "spread the members over three sites".to_owned();
            RULE.finding(Severity::Warn, Subject::host(there[0]), evidence, fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SHARED, findings, hosts};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SHARED), []);
    }

    #[test]
    fn fails_with_two_of_three_in_one_place() {
        let near = SHARED.replace(
            "provider = \"dunes\"\nsite = \"madrid\"\nwireguard = \"10.66.0.53\"",
            "provider = \"cumulus\"\nsite = \"london\"\nwireguard = \"10.66.0.53\"",
        );
        assert_eq!(hosts(&findings(&RULE, &near)), ["etcd-2"]);
    }
}
