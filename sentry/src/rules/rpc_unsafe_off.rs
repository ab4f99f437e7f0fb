//! `rpc.unsafe` adds routes that make the node dial whom the caller names and drop its mempool.
//!
//! Spec p2p.md §4, vector 7.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::Fleet;
use crate::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "rpc_unsafe_off",
    attack: "GET /dial_peers makes the node connect to the attacker, who learns its address and becomes a peer.",
    check,
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let open = fleet.views().filter(|v| v.settings.rpc_unsafe.value);
    open.map(|view| {
        let setting = &view.settings.rpc_unsafe;
        let fix = set(view, "rpc.unsafe", false, setting.origin);
        RULE.finding(Severity::Error, &view.node.name, seen("rpc.unsafe", true, setting.origin), fix)
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
        let findings = findings(&RULE, &give(CLASSIC, "rpc-1", "config.rpc.unsafe = true"));
        assert_eq!(hosts(&findings), ["rpc-1"]);
    }
}
