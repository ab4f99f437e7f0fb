//! A node ignores a key that it does not know, so a setting with a letter missing, or with the name of another line, does
//! nothing, and looks as if it did.
//!
//! Spec p2p.md §3.1. The list of keys of each line comes from the nodes themselves.

use crate::finding::{Finding, Severity};
use crate::home::Home;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "config_keys_known",
    attack: "The operator believes in a protection that is not there: the node does not say that it ignores the line.",
    checks: &[Check::Home(check)],
};

fn check(home: &Home) -> Vec<Finding> {
    let Some(strays) = &home.config.strays else {
        let evidence =
            "it is not known which node reads this config.toml, so nobody can say which of its keys count";
        let fix = "add node_line to the fleet file and name it beside --home, with --node".to_owned();
        return vec![RULE.finding(Severity::Info, home.subject.clone(), evidence.to_owned(), fix)];
    };
    let line = home.config.line.map(|line| format!(" of line {line}")).unwrap_or_default();
    strays
        .iter()
        .map(|stray| {
            let evidence =
                format!("config.toml has {}, which a node{line} ignores: {}", stray.key, stray.why);
            let fix = format!("remove {} or give it its right name", stray.key);
            RULE.finding(Severity::Warn, home.subject.clone(), evidence, fix)
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
    fn fails_on_a_letter_too_much_and_on_a_key_of_another_line() {
        for stray in ["[p2p]\nprivate_peers_ids = ''", "fast_sync = true"] {
            assert_eq!(in_home(&RULE, "sentry-1", stray, |_| ()).len(), 1, "{stray}");
        }
    }

    #[test]
    fn says_so_where_the_line_is_not_known() {
        let found = in_home(&RULE, "sentry-1", "", |home| home.config.strays = None);
        assert_eq!(found.len(), 1);
    }
}
