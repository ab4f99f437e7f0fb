//! A validator that signs with its own file and was set up twice signs twice, unless it looks for its own votes first.
//!
//! `consensus.double_sign_check_height` (spec p2p.md §3.2). A signer with a memory of its own makes it needless; line 0.33 does
//! not have it.

use crate::finding::{Finding, Severity, seen, set};
use crate::fleet::{Fleet, Role};
use crate::node_line::NodeLine;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "double_sign_check_on",
    attack: "None is needed: a second copy of this validator, started by mistake, signs the same heights, and the chain slashes and removes it for ever.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for view in fleet.views().filter(|v| v.node.role == Role::Validator) {
        let setting = &view.settings.consensus_double_sign_check_height;
        let alone = view.settings.priv_validator_laddr.value.is_none();
        if alone && setting.value <= 0 && view.node.line != Some(NodeLine::V0_33) {
            let key = "consensus.double_sign_check_height";
            let fix = format!("{}; better, give its key to a signer", set(view, key, 10, setting.origin));
            let evidence = format!("{}, and no signer", seen(key, setting.value, setting.origin));
            findings.push(RULE.finding(Severity::Warn, &view.node.name, evidence, fix));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::{CLASSIC, SERVED, findings, in_home};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SERVED), []);
        let signer = "priv_validator_laddr = 'tcp://10.66.0.10:26659'";
        assert_eq!(in_home(&RULE, "val-1", signer, |_| ()), []);
        assert_eq!(in_home(&RULE, "val-1", "[consensus]\ndouble_sign_check_height = 10", |_| ()), []);
        assert_eq!(in_home(&RULE, "sentry-1", "", |_| ()), [], "it makes no votes");
    }

    #[test]
    fn fails_where_a_file_signs_unlooked() {
        assert_eq!(in_home(&RULE, "val-1", "", |_| ()).len(), 1);
    }
}
