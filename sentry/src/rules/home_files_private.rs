//! Who may read a node's files may read its keys, and the names of everybody that it knows.
//!
//! Leak vector 34. The directories above a file count: behind a closed one a careless mode does no harm yet.

use crate::finding::{Finding, Severity};
use crate::home::Home;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    name: "home_files_private",
    attack: "Any account on the machine, a web server's for instance, reads the node's key and takes its place, or reads whom it is linked to.",
    checks: &[Check::Home(check)],
};

fn check(home: &Home) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &home.files {
        let open = file.mode & if file.secret { 0o077 } else { 0o004 } != 0;
        let severity = match (file.secret, file.reachable) {
            _ if !open => continue,
            (true, true) => Severity::Error,
            (true, false) | (false, true) => Severity::Warn,
            (false, false) => continue,
        };
        let way = if file.reachable {
            "and so are the directories above it"
        } else {
            "though a directory above it is closed"
        };
        let evidence = format!("{} has mode {:04o}: it is open to others, {way}", file.path, file.mode);
        let mode = if file.secret { "600" } else { "640" };
        let fix = format!("chmod {mode} {}", file.path);
        findings.push(RULE.finding(severity, home.subject.clone(), evidence, fix));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Severity;
    use crate::home::FileMode;
    use crate::rules::example::in_home;

    fn severities(mode: u32, reachable: bool, secret: bool) -> Vec<Severity> {
        let file = FileMode { path: "config/x".into(), mode, reachable, secret };
        in_home(&RULE, "sentry-1", "", |home| home.files = vec![file]).iter().map(|f| f.severity).collect()
    }

    #[test]
    fn passes() {
        for (mode, reachable, secret) in [(0o600, true, true), (0o640, true, false), (0o644, false, false)] {
            assert_eq!(severities(mode, reachable, secret), []);
        }
    }

    #[test]
    fn fails() {
        assert_eq!(severities(0o644, true, true), [Severity::Error]);
        assert_eq!(severities(0o640, false, true), [Severity::Warn]);
        assert_eq!(severities(0o644, true, false), [Severity::Warn]);
    }
}
