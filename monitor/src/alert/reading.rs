//! From facts to readings: for each rule and each subject whether it holds, does not, or cannot be known.

use super::facts::{ChainFacts, Facts, Probe};
use super::policy::Policy;
use super::rule::{BLIND, RULES, Rule, Scope};
use super::{Key, Millis, Severity, Words, words};
use crate::metrics::SourceView;
use crate::trouble::duration;
use crate::view::{self, ChainView, ValidatorView};
use std::collections::{BTreeMap, BTreeSet};

/// Whether a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The facts do not say.
    Unknown,
}

/// One rule's word about one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it is about.
    pub key: Key,
    /// Whether it holds.
    pub holds: Holds,
    /// The number compared.
    pub value: Option<f64>,
    /// How bad it is.
    pub severity: Severity,
    /// What receivers tell alerts apart by.
    pub labels: BTreeMap<String, String>,
    /// What an operator reads.
    pub words: Words,
    /// Must hold for so long.
    pub hold: Millis,
    /// Must have ceased for so long.
    pub clear: Millis,
    /// Another one says it already.
    pub hidden: bool,
}

/// All readings of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// One for each rule and subject.
    pub list: Vec<Reading>,
    /// Rules of a chain whose subjects are not known now; alerts of theirs stay as they are.
    pub undecided: BTreeSet<(String, String)>,
}

/// What a rule found: whether it holds, and the number that it compared.
pub(super) type Found = (Holds, Option<f64>);

/// Reads `facts` by the table of rules as `policy` has changed it.
pub fn read(facts: &Facts, policy: &Policy) -> Readings {
    let mut list = Vec::new();
    for rule in RULES {
        match rule.scope {
            Scope::Chain | Scope::Validator | Scope::Source => {
                for chain in &facts.chains {
                    of_chain(rule, facts, chain, policy, &mut list);
                }
            }
            Scope::Signer => of_probes(rule, &facts.signers, policy, &mut list),
            Scope::Sentry => of_probes(rule, &facts.sentries, policy, &mut list),
            Scope::Channel => {
                for channel in &facts.channels {
                    let mut reading = Draft::new(rule, "", &channel.name, &channel.name, policy, &[]);
                    #[allow(clippy::cast_precision_loss, reason = "seconds")]
                    let waited = channel.oldest_seconds as f64;
                    let late = waited > reading.threshold && channel.failures > 0;
                    reading.found = when(late, waited);
                    reading.left.clone_from(&channel.error);
                    list.extend(reading.done());
                }
            }
        }
    }
    hide(&mut list);
    Readings { list, undecided: BTreeSet::new() }
}

fn of_chain(
    rule: &'static Rule,
    facts: &Facts,
    chain: &ChainFacts,
    policy: &Policy,
    list: &mut Vec<Reading>,
) {
    let id = chain.view.chain_id.as_str();
    match rule.scope {
        Scope::Validator => {
            let mut seen = BTreeSet::new();
            for watched in &chain.watch {
                let found = view::find(&chain.view, watched);
                // The same validator by two names is one.
                if found.is_some_and(|v| !seen.insert(&v.address)) {
                    continue;
                }
                let who = found.filter(|v| !v.moniker.is_empty()).map_or(watched, |v| &v.moniker);
                let valoper = found.map_or(watched, |v| &v.valoper);
                let mut draft = Draft::new(rule, id, watched, who, policy, &[valoper.as_str(), who.as_str()]);
                draft.labels.insert("valoper".into(), valoper.clone());
                draft.labels.insert("moniker".into(), who.clone());
                draft.left = found.and_then(left);
                draft.found = match found {
                    Some(v) if rule.name == "PalisadeProposalUnvoted" => {
                        unvoted(&chain.view, v, facts.now, draft.threshold)
                    }
                    Some(v) if !chain.is_blind() => validator(rule.name, v, draft.threshold),
                    _ => (Holds::Unknown, None),
                };
                list.extend(draft.done());
            }
        }
        Scope::Source => {
            for source in &chain.sources {
                // One host may serve several transports: each is a subject of its own.
                let name = match source.transport {
                    "" | "rpc" => source.endpoint.clone(),
                    other => format!("{} ({other})", source.endpoint),
                };
                let mut draft = Draft::new(rule, id, &name, &name, policy, &[&source.endpoint]);
                draft.left.clone_from(&source.last_error);
                draft.found = endpoint(rule.name, source, chain.halt().is_some());
                list.extend(draft.done());
            }
        }
        _ => {
            let mut draft = Draft::new(rule, id, "", id, policy, &[]);
            draft.found = whole(rule.name, facts, chain, draft.threshold);
            list.extend(draft.done());
        }
    }
}

fn of_probes(rule: &'static Rule, probes: &[Probe], policy: &Policy, list: &mut Vec<Reading>) {
    for probe in probes {
        let mut draft = Draft::new(rule, "", &probe.name, &probe.name, policy, &[]);
        #[allow(clippy::cast_precision_loss, reason = "a number of findings")]
        let findings = probe.findings.as_ref().map(|f| f.len() as f64);
        let said = probe.findings.iter().flatten().take(5).cloned().collect::<Vec<_>>().join("; ");
        draft.left = probe.error.clone().or(Some(said).filter(|s| !s.is_empty()));
        draft.found = match rule.name {
            "PalisadeSignerUnreachable" | "PalisadeSentryUnreachable" => known(probe.up.map(|up| !up), None),
            "PalisadeSignerNotReady" => known(findings.map(|n| n > 0.0), None),
            _ => known(findings.map(|n| n > draft.threshold), findings),
        };
        list.extend(draft.done());
    }
}

fn whole(rule: &str, facts: &Facts, chain: &ChainFacts, threshold: f64) -> Found {
    let view = &chain.view;
    match rule {
        // At an upgrade the old binaries stop, and their endpoints with them.
        BLIND => known(Some(chain.is_blind() && chain.halt().is_none()), None),
        "PalisadeDidNotResume" => {
            known(Some(chain.blind && chain.halt().is_some_and(|until| until < facts.now)), None)
        }
        "PalisadeUpgradeNear" => match &view.upgrade {
            Some(upgrade) => upgrade.seconds.map_or((Holds::Unknown, None), |s| when(s < threshold, s)),
            None => known(view.upgrade_known.then_some(false), None),
        },
        "PalisadeEvidence" => match view.evidence_time_unix {
            #[allow(clippy::cast_precision_loss, reason = "seconds")]
            Some(at) => when(((facts.now - at) as f64) < threshold, (facts.now - at) as f64),
            None => (Holds::No, None),
        },
        "PalisadeChainStalled" => {
            #[allow(clippy::cast_precision_loss, reason = "seconds")]
            let age = view.block_time_unix.map(|at| (facts.now - at) as f64);
            match age {
                _ if chain.is_blind() => (Holds::Unknown, None),
                Some(age) => when(chain.quiet() && age > threshold && chain.halt().is_none(), age),
                None => (Holds::Unknown, None),
            }
        }
        "PalisadeNetworkEvent" => match view.signed_power_ratio {
            Some(ratio) if !chain.is_blind() => when(ratio < threshold, ratio),
            _ => (Holds::Unknown, None),
        },
        "PalisadeMonitorDisagrees" => known(Some(chain.disagreed), None),
        "PalisadeSourcesDisagree" => known(Some(chain.disputed), None),
        "PalisadeSourcesRewound" => known(Some(chain.rewound), None),
        _ => (Holds::Unknown, None),
    }
}

/// Misses in a row, or a window so full, that an ETA to jail is more than arithmetic.
const STREAK: u64 = 3;

fn validator(rule: &str, v: &ValidatorView, threshold: f64) -> Found {
    #[allow(clippy::cast_precision_loss, reason = "compared with a threshold of a few digits")]
    let streak = v.consecutive_missed as f64;
    match rule {
        "PalisadeValidatorTombstoned" => known(v.tombstoned, None),
        "PalisadeValidatorJailed" => known(v.jailed, None),
        "PalisadeJailLikely" => match v.forecast.jail_probability_24h {
            Some(p) => when(p > threshold, p),
            None if v.jailed == Some(true) || !v.in_set => (Holds::No, None),
            None => (Holds::Unknown, None),
        },
        "PalisadeBalanceLow" => match v.duty.as_ref().and_then(|d| d.balance.as_ref()?.parse::<f64>().ok()) {
            Some(balance) => when(balance <= threshold, balance),
            None => (Holds::Unknown, None),
        },
        "PalisadeValidatorOutside" => known(Some(!v.bonded), None),
        "PalisadeJailImminent" | "PalisadeJailNear" if v.jailed == Some(true) || !v.in_set => {
            (Holds::No, None)
        }
        "PalisadeJailImminent" | "PalisadeJailNear" => match v.seconds_to_jail {
            Some(seconds) => {
                let full = v.window_missed.zip(v.window_limit).is_some_and(|(c, m)| c.saturating_mul(2) > m);
                when(seconds < threshold && (v.consecutive_missed >= STREAK || full), seconds)
            }
            // Before the windows are read nobody knows.
            None => (Holds::Unknown, None),
        },
        "PalisadeValidatorDown" | "PalisadeValidatorMissing" => {
            when(streak >= threshold && v.in_set && v.jailed != Some(true), streak)
        }
        _ => (Holds::Unknown, None),
    }
}

/// The nearest end of a vote that is certainly still owed.
fn unvoted(view: &ChainView, v: &ValidatorView, now: i64, threshold: f64) -> Found {
    match v.duty.as_ref().and_then(|d| d.unvoted.as_ref()) {
        None => (Holds::Unknown, None),
        Some(_) => match view::unvoted_ends(view, v) {
            #[allow(clippy::cast_precision_loss, reason = "seconds")]
            Some(end) => when(((end - now) as f64) < threshold, (end - now) as f64),
            None => (Holds::No, None),
        },
    }
}

fn endpoint(rule: &str, source: &SourceView, halt: bool) -> Found {
    match rule {
        "PalisadeSourceForked" => known(Some(source.quarantined), None),
        "PalisadeSourceDown" => known(Some(!source.up && !halt), None),
        _ => (Holds::Unknown, None),
    }
}

fn when(holds: bool, value: f64) -> Found {
    (if holds { Holds::Yes } else { Holds::No }, Some(value))
}

fn known(holds: Option<bool>, value: Option<f64>) -> Found {
    let holds = holds.map_or(Holds::Unknown, |h| if h { Holds::Yes } else { Holds::No });
    (holds, value)
}

/// How much is left to an own validator.
fn left(v: &ValidatorView) -> Option<String> {
    if v.jailed == Some(true) {
        return match (v.may_unjail, &v.jailed_until) {
            (Some(true), _) => Some("it may leave jail now".into()),
            (_, Some(time)) => Some(format!("it may leave jail at {time}")),
            (_, None) => None,
        };
    }
    let blocks = v.blocks_to_jail?;
    let bound = if v.exact { "" } else { "at least " };
    let time = v.seconds_to_jail.map(|s| format!(", about {}", duration(s))).unwrap_or_default();
    Some(format!("{bound}{blocks} blocks to jail if it signs none of them{time}"))
}

/// What another reading of the same subject, or of the same chain, says already.
fn hide(list: &mut [Reading]) {
    let holds: BTreeSet<Key> = list.iter().filter(|r| r.holds == Holds::Yes).map(|r| r.key.clone()).collect();
    for reading in list {
        let Key { rule, chain, subject } = &reading.key;
        let by = super::rule::find(rule).map_or(&[][..], |r| r.hidden_by);
        reading.hidden = by.iter().any(|other| {
            let at =
                |subject: &str| Key { rule: (*other).into(), chain: chain.clone(), subject: subject.into() };
            holds.contains(&at(subject)) || (!chain.is_empty() && holds.contains(&at("")))
        });
    }
}

/// A reading in the making.
struct Draft {
    rule: &'static Rule,
    key: Key,
    who: String,
    labels: BTreeMap<String, String>,
    threshold: f64,
    tuned: super::policy::Tuned,
    found: Found,
    left: Option<String>,
}

impl Draft {
    fn new(
        rule: &'static Rule,
        chain: &str,
        subject: &str,
        who: &str,
        policy: &Policy,
        names: &[&str],
    ) -> Self {
        let key = Key { rule: rule.name.into(), chain: chain.into(), subject: subject.into() };
        let mut labels = BTreeMap::from([("alertname".into(), rule.name.into())]);
        if !subject.is_empty() {
            labels.insert(rule.scope.label().into(), subject.into());
        }
        if !chain.is_empty() {
            labels.insert("chain_id".into(), chain.into());
        }
        let subjects: Vec<&str> = names.iter().copied().chain([subject]).collect();
        let tuned = policy.tuned(rule, chain, &subjects);
        let found = (Holds::Unknown, None);
        Self { rule, key, who: who.into(), labels, threshold: tuned.threshold, tuned, found, left: None }
    }

    /// `None` for a rule that is switched off.
    fn done(mut self) -> Option<Reading> {
        let severity = if self.tuned.severity == Severity::Critical { "critical" } else { "warning" };
        self.labels.insert("severity".into(), severity.into());
        let (holds, value) = self.found;
        let words = if holds == Holds::Yes {
            words::fill(self.rule, &self.who, &self.key.chain, value, self.left)
        } else {
            Words::default()
        };
        self.tuned.enabled.then_some(Reading {
            key: self.key,
            holds,
            value,
            severity: self.tuned.severity,
            labels: self.labels,
            words,
            hold: self.tuned.hold,
            clear: self.tuned.clear,
            hidden: false,
        })
    }
}

#[cfg(test)]
mod tests;
