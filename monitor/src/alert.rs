//! Alerts: what is wrong, since when, and who was told. A pure machine over facts, so that a restart, a replay and a test
//! come to the same transitions.
//!
//! ```text
//! Facts -> reading::read (rules, thresholds) -> engine::evaluate(State, Readings, now) -> (State, Vec<Transition>) -> route -> message
//! ```
//!
//! Alerts are levels, not events: each look at the facts says again what holds, so nothing is lost that happened while the
//! monitor was away. What is not known neither raises nor clears anything. Deliberately absent: the clock, the store and the
//! wire, which are in `io::alert`.

pub mod board;
pub mod command;
pub mod engine;
pub mod escape;
pub mod facts;
pub mod message;
pub mod policy;
pub mod prometheus;
pub mod reading;
pub mod route;
pub mod rule;
pub mod words;

pub use crate::trouble::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Unix milliseconds; also spans of time in milliseconds.
pub type Millis = i64;

/// What an alert is about: its rule and its labels, which never change while it is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Name of the rule.
    pub rule: String,
    /// Chain id; empty where the alert is about none.
    #[serde(default)]
    pub chain: String,
    /// Own validator as the configuration names it, endpoint, signer, proposal …; empty for a whole chain.
    #[serde(default)]
    pub subject: String,
}

impl Key {
    /// A key in sixteen hex digits (FNV-1a), for receivers that bound the length of theirs.
    pub fn fingerprint(&self) -> String {
        let bytes = [&self.rule, &self.chain, &self.subject];
        let hash = bytes
            .iter()
            .flat_map(|s| s.bytes().chain([0]))
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    }
}

/// What an operator reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// What broke.
    pub what: String,
    /// What it means for the stake.
    pub means: String,
    /// How much is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// What to type.
    pub advice: String,
}

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Holds, and not yet for long enough.
    Pending {
        /// Since when it holds.
        since: Millis,
    },
    /// Holds, or has ceased to hold not long enough ago.
    Firing {
        /// Since when it fires.
        since: Millis,
        /// Since when it no longer holds.
        clear: Option<Millis>,
    },
}

/// Somebody has taken it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Who.
    pub by: String,
    /// When.
    pub at: Millis,
    /// Why, or what is being done.
    #[serde(default)]
    pub note: String,
}

/// What was told of it, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// First told.
    pub first: Millis,
    /// Last told.
    pub last: Millis,
    /// Highest tier of channels that was told.
    pub tier: u8,
    /// Transitions so far; part of the identity of the next.
    pub count: u32,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    pub key: Key,
    /// How bad it is.
    pub severity: Severity,
    /// What receivers tell alerts apart by; fixed when it begins.
    pub labels: BTreeMap<String, String>,
    /// What an operator reads, of the last look.
    pub words: Words,
    /// The number that the rule compares.
    pub value: Option<f64>,
    /// Where it is in its life.
    pub phase: Phase,
    /// Another alert says it already; nothing new is sent.
    #[serde(default)]
    pub hidden: bool,
    /// Nothing is sent because of a silence or a maintenance window.
    #[serde(default)]
    pub silenced: bool,
    /// Who was told; `None` = nobody yet.
    pub told: Option<Told>,
    /// Who has taken it.
    pub ack: Option<Ack>,
}

impl Alert {
    /// Since when it fires.
    pub fn fires_since(&self) -> Option<Millis> {
        match self.phase {
            Phase::Firing { since, .. } => Some(since),
            Phase::Pending { .. } => None,
        }
    }

    /// One firing of this alert, from its first to its last message: what receivers join messages by.
    pub fn incident(&self) -> String {
        let first = self.told.as_ref().map_or(0, |t| t.first);
        format!("palisade-{}-{first}", self.key.fingerprint())
    }
}

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It began.
    Fired,
    /// It is still there and nobody has taken it.
    Reminded,
    /// Nobody has taken it: the next tier of channels is told.
    Escalated,
    /// It is over.
    Resolved,
    /// A test by hand.
    Test,
}

/// One message to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Why.
    pub kind: Kind,
    /// When, by the monitor's clock.
    pub at: Millis,
    /// The alert as it was then.
    pub alert: Alert,
}

impl Transition {
    /// The same for each attempt and each channel, different for each transition: the idempotency key.
    pub fn id(&self) -> String {
        format!("{}-{}", self.alert.incident(), self.alert.told.as_ref().map_or(0, |t| t.count))
    }
}
