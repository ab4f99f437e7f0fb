//! A value that cannot be understood is not known to be safe.
//!
//! A node takes an id with a letter wrong without a word, and it hides nobody (spec p2p.md §3.2, `private_peer_ids`).

use crate::finding::{Finding, Severity};
use crate::home::Home;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "config_values_read",
    attack: "What this line really does nobody has checked: a mistyped id hides nobody, and a name instead of an address may stand for any.",
    checks: &[Check::Home(check)],
};

fn check(home: &Home) -> Vec<Finding> {
    let unread = home.config.unread.iter();
    unread
        .map(|unread| {
            let at = if unread.key.is_empty() { String::new() } else { format!("{}: ", unread.key) };
            let fix = "correct it: numeric addresses, ids of 40 small hexadecimal digits; `palisade-sentry render` shows the right value";
            RULE.finding(Severity::Error, home.subject.clone(), format!("{at}{}", unread.why), fix.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::rules::example::in_home;

    #[test]
    fn passes() {
        assert_eq!(in_home(&RULE, "sentry-1", "", |_| ()), []);
    }

    #[test]
    fn fails_on_what_is_not_understood() {
        for text in [
            "[p2p]\nprivate_peer_ids = 'B62E'",
            "[rpc]\nladdr = 'tcp://node:26657'",
            "[p2p]\npex = 'no'",
            "x =",
        ] {
            assert_eq!(in_home(&RULE, "sentry-1", text, |_| ()).len(), 1, "{text}");
        }
    }
}
