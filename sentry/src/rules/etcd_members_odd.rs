//! A cluster of three loses one member and goes on; of four, one too; of two, none.

use crate::finding::{Finding, Severity, Subject};
use crate::fleet::Fleet;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "etcd_members_odd",
    attack: "One machine that is switched off takes the majority away, and no signer of a shared key signs any more.",
    checks: &[Check::Planned(check)],
};

fn check(fleet: &Fleet) -> Vec<Finding> {
    let members = fleet.etcd();
    let (severity, why) = match members.len() {
        0 | 3 | 5 => return vec![],
        1 | 2 => (Severity::Error, "none of them may fail"),
        n if n % 2 == 0 => (Severity::Warn, "the last one adds a machine that can fail, and no majority"),
        _ => (Severity::Warn, "each signature waits for more machines than it gains by"),
    };
    let evidence = format!("{} members: {why}", members.len());
    let fix = "have [host.etcd] on three hosts, or five".to_owned();
    let subject = members.first().map_or_else(Subject::default, |member| Subject::host(&member.host));
    vec![RULE.finding(severity, subject, evidence, fix)]
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::rules::example::{CLASSIC, SHARED, findings};

    #[test]
    fn passes() {
        assert_eq!(findings(&RULE, CLASSIC), []);
        assert_eq!(findings(&RULE, SHARED), []);
    }

    #[test]
    fn fails_with_two_and_warns_with_four() {
        let two = SHARED.replacen("[host.etcd]", "[host.monitor]", 1);
        assert_eq!(findings(&RULE, &two)[0].severity, Severity::Error);
        let four = SHARED.replace("[host.monitor]", "[host.monitor]\n[host.etcd]");
        assert_eq!(findings(&RULE, &four)[0].severity, Severity::Warn);
    }
}
