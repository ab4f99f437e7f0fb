//! Which line of the Cosmos SDK a chain runs, concluded from what its node answers.
//!
//! No single answer is trusted: versions are what a fork calls itself, and a node may refuse half of the questions. Each
//! answer allows a range of lines, and the ranges must meet. Where they do not, or where the lines that are left count
//! differently, the monitor does not guess: it takes the chain's counters and says why.

use crate::line::{Layout, Line, Rules};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What was asked and answered; `None` = no answer, or one that says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The protobuf query for x/slashing's parameters answers; otherwise only the amino one of 0.39 does.
    pub protobuf: Option<bool>,
    /// x/upgrade's versions of the modules (since 0.43).
    pub modules: BTreeMap<String, u64>,
    /// `cosmos_sdk_version` of the node: its own word (since 0.43).
    pub sdk_version: Option<String>,
    /// x/gov's second protocol is there (since 0.46).
    pub gov_v1: Option<bool>,
    /// x/slashing's own store holds its parameters (since 0.47).
    pub params_key: Option<bool>,
    /// Where and how a signing info is stored.
    pub info: Option<InfoForm>,
    /// `block_results` of ABCI 2 (CometBFT 0.38, SDK 0.50).
    pub abci_2: Option<bool>,
}

/// Where and how the store holds a signing info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoForm {
    /// `01 | address`, amino.
    BareAmino,
    /// `01 | address`, protobuf.
    BareProtobuf,
    /// `01 | length | address`.
    Length,
    /// A value that no line writes.
    Foreign,
}

/// One answer, and the lines that give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// For people.
    pub what: String,
    /// Which lines it allows.
    pub lines: RangeInclusive<Line>,
}

/// What the evidence amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// All of it.
    pub evidence: Vec<Evidence>,
    /// The lines that are left; of contradictory evidence those that the newest piece allows.
    pub lines: RangeInclusive<Line>,
    /// Why bits and jailings cannot be computed: only the chain's own counters count.
    pub doubt: Option<String>,
}

impl Facts {
    /// Each answer as evidence.
    pub fn evidence(&self) -> Vec<Evidence> {
        use Line::{V039, V040, V043, V046, V047, V050, V055};
        let mut all = Vec::new();
        let mut add = |what: String, lines| all.push(Evidence { what, lines });
        match self.protobuf {
            Some(true) => add("answers protobuf queries".into(), V040..=V055),
            Some(false) => add("answers amino queries only".into(), V039..=V039),
            None => {}
        }
        if let Some(version) = self.modules.get("staking")
            && let Some(lines) = match version {
                1 => Some(V039..=V043),
                2 => Some(V043..=V043),
                3 => Some(V046..=V046),
                4 => Some(V047..=V047),
                5 => Some(V050..=V050),
                6.. => Some(V055..=V055),
                0 => None,
            }
        {
            add(format!("x/staking has version {version}"), lines);
        }
        if let Some(version) = self.modules.get("slashing")
            && let Some(lines) = match version {
                1 => Some(V039..=V043),
                2 => Some(V043..=V046),
                3 => Some(V047..=V047),
                4 => Some(V050..=V055),
                _ => None,
            }
        {
            add(format!("x/slashing has version {version}"), lines);
        }
        if let Some(line) = self.sdk_version.as_deref().and_then(Line::of_version) {
            add(format!("says that it is SDK {}", line.name()), line..=line);
        }
        match self.gov_v1 {
            Some(true) => add("has cosmos.gov.v1".into(), V046..=V055),
            Some(false) if self.protobuf == Some(true) => add("has no cosmos.gov.v1".into(), V040..=V043),
            _ => {}
        }
        match self.params_key {
            Some(true) => add("x/slashing stores its parameters itself".into(), V047..=V055),
            Some(false) => add("x/params stores the parameters".into(), V039..=V046),
            None => {}
        }
        match self.info {
            Some(InfoForm::BareAmino) => add("signing infos are amino".into(), V039..=V039),
            Some(InfoForm::BareProtobuf) => add("keys have no length byte".into(), V040..=V040),
            Some(InfoForm::Length) => add("keys have a length byte".into(), V043..=V055),
            Some(InfoForm::Foreign) | None => {}
        }
        match self.abci_2 {
            Some(true) => add("block results are those of ABCI 2".into(), V050..=V055),
            Some(false) => add("block results are those of ABCI 1".into(), V039..=V047),
            None => {}
        }
        all
    }

    /// What it all amounts to.
    pub fn verdict(&self) -> Verdict {
        let evidence = self.evidence();
        let oldest = evidence.iter().map(|e| *e.lines.start()).max().unwrap_or(Line::V039);
        let newest = evidence.iter().map(|e| *e.lines.end()).min().unwrap_or(Line::V055);
        let mut verdict = Verdict { evidence, lines: oldest..=newest, doubt: None };
        let behaviour = |line: Line| (line.rules().skips_jailed, line.rules().renews_start);
        verdict.doubt = if oldest > newest {
            verdict.lines = newest..=oldest;
            Some("its answers contradict each other".into())
        } else if self.sdk_version.as_deref().is_some_and(|v| v.trim_start_matches('v').starts_with("0.52."))
        {
            Some("SDK 0.52 was never released and finds its slots in another way".into())
        } else if self.info == Some(InfoForm::Foreign) {
            Some("its signing infos are stored as no SDK does".into())
        } else if behaviour(oldest) != behaviour(newest) {
            Some("its answers do not tell which of these SDKs it is".into())
        } else {
            None
        };
        verdict
    }
}

impl Verdict {
    /// The rules to count by.
    pub fn rules(&self) -> Rules {
        self.lines.end().rules()
    }

    /// How the store is laid out, where all lines that are left agree and there is no doubt.
    pub fn layout(&self) -> Option<Layout> {
        let layout = self.lines.end().rules().layout;
        (self.doubt.is_none() && self.lines.start().rules().layout == layout).then_some(layout)
    }

    /// `SDK 0.50-0.54`, `SDK 0.40-0.45`, with the doubt.
    pub fn name(&self) -> String {
        let (oldest, newest) = (self.lines.start().name(), self.lines.end().name());
        let last = newest.rsplit_once('-').map_or(newest, |(_, last)| last);
        let first = oldest.split_once('-').map_or(oldest, |(first, _)| first);
        let range = if first == last { first.to_owned() } else { format!("{first}-{last}") };
        self.doubt.as_ref().map_or_else(|| format!("SDK {range}"), |doubt| format!("SDK {range}? {doubt}"))
    }

    /// The evidence in words.
    pub fn words(&self) -> Vec<String> {
        self.evidence.iter().map(|e| e.what.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
