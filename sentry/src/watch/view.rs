//! `/findings` as JSON: whole for the operator's socket, and for everybody else without what an attacker could use.
//!
//! The redacted form has no host, chain, address, key, evidence or error text; a finding is called by its name in the ledger,
//! under which the operator finds it whole. Keys are only ever added; `version` changes if one must go.

use serde::Serialize;

use super::Run;
use super::health::Health;
use super::ledger::{Entry, Ledger};
use crate::finding::{Severity, Source, Subject};
use crate::rules;

/// Everything that is served, at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What is known of findings.
    pub ledger: Ledger,
    /// The last run.
    pub run: Option<Run>,
    /// The last run that ended well.
    pub good_at: Option<i64>,
    /// When the next is due.
    pub next_at: Option<i64>,
    /// Runs that ended well, and badly.
    pub runs: [u64; 2],
    /// The sentries.
    pub health: Vec<Health>,
    /// When they were asked.
    pub health_at: Option<i64>,
    /// Messages to Alertmanagers that were taken, and that were not.
    pub told: [u64; 2],
    /// Validators whose home was read, by whether they look for own signatures at start: off, on.
    pub double_sign_check: [u64; 2],
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    run: RunOut<'a>,
    counts: Counts,
    targets: Vec<TargetOut>,
    census: Census,
    findings: Vec<Finding<'a>>,
    nodes: &'a [Health],
}

#[derive(Serialize)]
struct RunOut<'a> {
    at: Option<i64>,
    ok: Option<bool>,
    duration_seconds: Option<f64>,
    last_success_at: Option<i64>,
    next_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Counts {
    error: usize,
    warn: usize,
    info: usize,
    unconfirmed: usize,
}

#[derive(Serialize)]
struct TargetOut {
    part: String,
    reached: usize,
    silent: usize,
}

#[derive(Serialize)]
struct Census {
    books_read: usize,
    books_unread: usize,
    addresses: usize,
    miss_probability: Option<f64>,
}

#[derive(Serialize)]
struct Finding<'a> {
    id: &'a str,
    rule: &'a str,
    severity: Severity,
    source: Source,
    first_seen: i64,
    last_seen: i64,
    gone: Option<i64>,
    unconfirmed: bool,
    #[serde(flatten)]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    subject: &'a Subject,
    evidence: &'a [String],
    attack: &'static str,
    fix: &'a [String],
}

/// The attack behind a rule; empty for one that this version does not have.
pub(super) fn attack(rule: &str) -> &'static str {
    rules::ALL.iter().find(|r| r.name == rule).map_or("", |r| r.attack)
}

/// The document; `whole` adds what only the operator may read.
pub fn findings(state: &State, whole: bool) -> String {
    let run = state.run.as_ref();
    let reach = run.map(|run| run.reach.clone()).unwrap_or_default();
    let mut counts = Counts::default();
    for (_, entry) in state.ledger.open() {
        match entry.severity {
            Severity::Error => counts.error += 1,
            Severity::Warn => counts.warn += 1,
            Severity::Info => counts.info += 1,
        }
        counts.unconfirmed += usize::from(entry.unconfirmed);
    }
    let document = Document {
        version: 1,
        run: RunOut {
            at: run.map(|run| run.at),
            ok: run.map(|run| run.error.is_none()),
            duration_seconds: run.map(|run| run.duration),
            last_success_at: state.good_at,
            next_at: state.next_at,
            error: run.and_then(|run| run.error.as_deref()).filter(|_| whole),
        },
        counts,
        targets: reach
            .targets
            .iter()
            .map(|(part, reached, silent)| TargetOut {
                part: part.to_string(),
                reached: *reached,
                silent: *silent,
            })
            .collect(),
        census: Census {
            books_read: reach.books_read,
            books_unread: reach.books_unread,
            addresses: reach.addresses,
            miss_probability: reach.miss,
        },
        findings: state.ledger.entries.iter().map(|(id, entry)| out(id, entry, whole)).collect(),
        nodes: &state.health,
    };
    let mut text = serde_json::to_string_pretty(&document).expect("strings and numbers always serialise");
    text.push('\n');
    text
}

fn out<'a>(id: &'a str, entry: &'a Entry, whole: bool) -> Finding<'a> {
    Finding {
        id,
        rule: &entry.rule,
        severity: entry.severity,
        source: entry.source,
        first_seen: entry.first_seen,
        last_seen: entry.last_seen,
        gone: entry.gone,
        unconfirmed: entry.unconfirmed,
        details: whole.then(|| Details {
            subject: &entry.subject,
            evidence: &entry.evidence,
            attack: attack(&entry.rule),
            fix: &entry.fix,
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::audit;
    use crate::resolve::resolve;
    use crate::watch::confirm::Looked;

    /// What stands after an audit of a leaking plan.
    pub(crate) fn leaking() -> State {
        let fleet = resolve(include_str!("../../tests/fleets/leaking.toml")).expect("it resolves");
        let report = audit(&fleet);
        let mut ledger = Ledger::new([9; 16]);
        ledger.take(&report.findings, &Looked { planned: true, ..Looked::default() }, 1000);
        let error = Some("fleet.toml: /secret/path".to_owned());
        let run = Run { at: 1000, duration: 1.5, error, ..Run::default() };
        State { ledger, run: Some(run), good_at: Some(900), ..State::default() }
    }

    /// Everything in the fleet that an attacker would like to read.
    pub(crate) fn secrets() -> Vec<String> {
        let fleet = resolve(include_str!("../../tests/fleets/leaking.toml")).expect("it resolves");
        let ids = fleet.nodes().map(|node| node.id.to_string());
        let ips = fleet.hosts().flat_map(|h| h.public.iter().chain(&h.private).chain(&h.wireguard));
        let names = fleet.hosts().map(|host| format!("\"{}\"", host.name));
        ids.chain(ips.map(ToString::to_string)).chain(names).chain(["/secret/path".to_owned()]).collect()
    }

    #[test]
    fn strangers_learn_that_something_is_wrong_and_not_where() {
        let state = leaking();
        let (redacted, whole) = (findings(&state, false), findings(&state, true));
        assert!(redacted.contains("\"rule\"") && redacted.contains("\"severity\": \"error\""), "{redacted}");
        for secret in secrets() {
            assert!(!redacted.contains(&secret), "{secret} in {redacted}");
        }
        assert!(secrets().iter().filter(|secret| whole.contains(secret.as_str())).count() > 5, "{whole}");
    }
}
