//! What is known of every finding over time: since when, until when, and whether the last run could tell.
//!
//! A finding is the same as before if rule, source and subject are; its evidence may change from run to run (the size of a
//! book does). A finding ends when a run looked where it was and did not make it again, never because it was not reached.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::confirm::Looked;
use crate::finding::{Finding, Severity, Source, Subject};

/// Findings that have ended are kept so many days.
const DAYS: i64 = 90;
/// And no more than so many.
const KEPT: usize = 5_000;

/// Everything that is known, as it is kept on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Form of the file.
    pub version: u32,
    /// What the names of findings are made with, so that nobody can guess a subject from a name.
    pub salt: String,
    /// By name.
    pub entries: BTreeMap<String, Entry>,
}

/// One finding over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name of the rule.
    pub rule: String,
    /// The kind of evidence.
    pub source: Source,
    /// On whom.
    pub subject: Subject,
    /// The worst of what was found there last.
    pub severity: Severity,
    /// What was seen last.
    pub evidence: Vec<String>,
    /// What ends it.
    pub fix: Vec<String>,
    /// Seconds since 1970.
    pub first_seen: i64,
    /// Seconds since 1970.
    pub last_seen: i64,
    /// When a run looked there and did not meet it; seconds since 1970.
    pub gone: Option<i64>,
    /// Whether the last run could not look there.
    pub unconfirmed: bool,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// Never met before.
    Opened,
    /// Met again after it had ended.
    Back,
    /// It has ended.
    Gone,
    /// Its severity has changed.
    Changed,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub turn: Turn,
    /// The finding's name.
    pub id: String,
    /// As it is now.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Ledger {
    /// An empty one; `salt` is random.
    pub fn new(salt: [u8; 16]) -> Self {
        Self { version: 1, salt: hex::encode(salt), entries: BTreeMap::new() }
    }

    /// The name of a finding: the same in every run, and telling nothing about its subject.
    fn name(&self, finding: &Finding) -> String {
        let subject = serde_json::to_string(&finding.subject).expect("strings always serialise");
        let mut hash = Sha256::new();
        for part in [self.salt.as_str(), finding.rule, finding.source.word(), &subject] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize()[..8])
    }

    /// Takes what a run found at `now`; returns what changed.
    pub fn take(&mut self, findings: &[Finding], looked: &Looked<'_>, now: i64) -> Vec<Change> {
        let mut found: BTreeMap<String, Entry> = BTreeMap::new();
        for finding in findings {
            let entry = found.entry(self.name(finding)).or_insert_with(|| Entry {
                rule: finding.rule.to_owned(),
                source: finding.source,
                subject: finding.subject.clone(),
                severity: finding.severity,
                evidence: Vec::new(),
                fix: Vec::new(),
                first_seen: now,
                last_seen: now,
                gone: None,
                unconfirmed: false,
            });
            entry.severity = entry.severity.max(finding.severity);
            entry.evidence.push(finding.evidence.clone());
            if !entry.fix.contains(&finding.fix) {
                entry.fix.push(finding.fix.clone());
            }
        }
        let mut changes = Vec::new();
        for (id, old) in &mut self.entries {
            if found.contains_key(id) || old.gone.is_some() {
                continue;
            }
            let book = old.rule == "hidden_node_in_pex_answers";
            old.unconfirmed = !looked.at(old.source, &old.subject, book);
            if !old.unconfirmed {
                old.gone = Some(now);
                changes.push(Change { turn: Turn::Gone, id: id.clone(), entry: old.clone() });
            }
        }
        for (id, new) in found {
            let (turn, first_seen) = match self.entries.get(&id) {
                None => (Some(Turn::Opened), now),
                Some(old) if old.gone.is_some() => (Some(Turn::Back), old.first_seen),
                Some(old) => ((old.severity != new.severity).then_some(Turn::Changed), old.first_seen),
            };
            let entry = Entry { first_seen, ..new };
            if let Some(turn) = turn {
                changes.push(Change { turn, id: id.clone(), entry: entry.clone() });
            }
            self.entries.insert(id, entry);
        }
        self.forget(now);
        changes
    }

    /// Findings that stand, as far as is known.
    pub fn open(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().filter(|(_, e)| e.gone.is_none()).map(|(id, e)| (id.as_str(), e))
    }

    fn forget(&mut self, now: i64) {
        self.entries.retain(|_, e| e.gone.is_none_or(|gone| now.saturating_sub(gone) < DAYS * 86400));
        let mut ended: Vec<(i64, String)> =
            self.entries.iter().filter_map(|(id, e)| Some((e.gone?, id.clone()))).collect();
        ended.sort_unstable();
        for (_, id) in ended.iter().take(ended.len().saturating_sub(KEPT)) {
            self.entries.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Part, Service, State};
    use crate::rules::example::port;

    fn finding(severity: Severity, evidence: &str) -> Finding {
        let live = port(Part::Sentry, Service::Rpc, State::Open, None);
        Finding {
            severity,
            rule: "rpc_not_public_on_sentries",
            source: Source::Live,
            subject: live.targets[0].at(&live.targets[0].ports[0]),
            evidence: evidence.to_owned(),
            attack: "",
            fix: "close it".to_owned(),
        }
    }

    fn turns(changes: &[Change]) -> Vec<Turn> {
        changes.iter().map(|c| c.turn).collect()
    }

    #[test]
    fn opened_kept_unconfirmed_gone_and_back() {
        let mut ledger = Ledger::new([7; 16]);
        let (closed, silent) = (
            port(Part::Sentry, Service::Rpc, State::Closed, None),
            port(Part::Sentry, Service::Rpc, State::Filtered, None),
        );
        let met = Looked { live: Some(&closed), ..Looked::default() };
        let deaf = Looked { live: Some(&silent), ..Looked::default() };
        assert_eq!(turns(&ledger.take(&[finding(Severity::Warn, "a")], &met, 100)), [Turn::Opened]);
        assert_eq!(turns(&ledger.take(&[finding(Severity::Warn, "b")], &met, 200)), []);
        assert_eq!(turns(&ledger.take(&[finding(Severity::Error, "b")], &met, 250)), [Turn::Changed]);
        assert_eq!(turns(&ledger.take(&[], &deaf, 300)), [], "silence is not an end");
        let (_, entry) = ledger.open().next().expect("it stands");
        assert!(entry.unconfirmed && entry.first_seen == 100 && entry.last_seen == 250, "{entry:?}");
        assert_eq!(turns(&ledger.take(&[], &met, 400)), [Turn::Gone]);
        assert_eq!(ledger.open().count(), 0);
        let changes = ledger.take(&[finding(Severity::Warn, "c")], &met, 500);
        assert_eq!((turns(&changes), changes[0].entry.first_seen), (vec![Turn::Back], 100));
    }

    #[test]
    fn two_sights_of_one_thing_are_one() {
        let mut ledger = Ledger::new([7; 16]);
        let two = [finding(Severity::Info, "a"), finding(Severity::Error, "b")];
        let changes = ledger.take(&two, &Looked::default(), 1);
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].entry.severity, changes[0].entry.evidence.len()), (Severity::Error, 2));
    }

    #[test]
    fn what_has_ended_is_forgotten_at_last() {
        let mut ledger = Ledger::new([7; 16]);
        let closed = port(Part::Sentry, Service::Rpc, State::Closed, None);
        let met = Looked { live: Some(&closed), ..Looked::default() };
        ledger.take(&[finding(Severity::Warn, "a")], &met, 0);
        ledger.take(&[], &met, 1);
        ledger.take(&[], &met, DAYS * 86400);
        assert_eq!(ledger.entries.len(), 1);
        ledger.take(&[], &met, DAYS * 86400 + 1);
        assert_eq!(ledger.entries.len(), 0);
    }

    #[test]
    fn names_depend_on_the_salt_and_the_file_survives_a_round() {
        let name = |salt| {
            let mut ledger = Ledger::new([salt; 16]);
            ledger.take(&[finding(Severity::Warn, "a")], &Looked::default(), 1);
            let text = serde_json::to_string(&ledger).expect("it serialises");
            assert_eq!(serde_json::from_str::<Ledger>(&text).expect("it reads"), ledger);
            ledger.entries.keys().next().expect("one").clone()
        };
        assert_ne!(name(1), name(2));
    }
}
