//! A lax address book stores private addresses and hands them out.
//!
//! Official advice says false for sentries; together with one forgotten private id that is exactly how a validator on
//! 10.0.0.0/8 was gossiped (spec p2p.md §3.3, §3.5 R4 against R5).

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "addr_book_strict_on_sentries",
    attack: "Inner addresses enter the address book and are given to whoever asks; one id missing from private_peer_ids is then enough to give the validator away.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let lax = fleet.views().filter(|v| v.settings.p2p_pex.value && !v.settings.p2p_addr_book_strict.value);
    lax.map(|view| {
        let setting = &view.settings.p2p_addr_book_strict;
        let fix = set(view, "p2p.addr_book_strict", true, setting.origin);
        let evidence = seen("p2p.addr_book_strict", false, setting.origin);
        RULE.finding(Severity::Warn, &view.node.name, evidence, fix)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, give, hosts};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
    }

    #[test]
    fn fails() {
        let findings = findings(&RULE, &give(CLASSIC, "sentry-1", "config.p2p.addr_book_strict = false"));
        assert_eq!(hosts(&findings), ["sentry-1"]);
    }
}
