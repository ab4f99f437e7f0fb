//! What the rules look at: everything that is known at one moment, and what is not known as `None`.

use super::board::ChannelView;
use crate::metrics::SourceView;
use crate::view::ChainView;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Unix seconds.
    pub now: i64,
    /// Each chain of the configuration.
    pub chains: Vec<ChainFacts>,
    /// Each `[[signer]]`.
    pub signers: Vec<Probe>,
    /// Each `[[sentry]]`.
    pub sentries: Vec<Probe>,
    /// Each channel.
    pub channels: Vec<ChannelView>,
}

/// One chain.
#[derive(Clone, Debug, Default)]
pub struct ChainFacts {
    /// What its follower published.
    pub view: Arc<ChainView>,
    /// Its endpoints.
    pub sources: Vec<SourceView>,
    /// No new block for longer than this chain's pace explains.
    pub blind: bool,
    /// A new block has come within the time that this chain's pace explains.
    pub fresh: bool,
    /// Endpoints have different blocks at one height, and none is proved right.
    pub disputed: bool,
    /// Every endpoint is below the last block that was counted.
    pub rewound: bool,
    /// Own arithmetic and the chain's word have differed within the last hour.
    pub disagreed: bool,
    /// Own validators as the configuration names them.
    pub watch: Vec<String>,
}

/// Longest time since the last good answer of an endpoint that counts as answering.
const ANSWERS: f64 = 60.0;

/// Endpoints answer, and none of them has a block after `height`: there is no newer one to be had.
pub fn quiet(height: Option<i64>, sources: &[SourceView]) -> bool {
    let answering = |s: &&SourceView| s.up && s.age_seconds.is_none_or(|age| age < ANSWERS);
    let tip = sources.iter().filter(answering).filter_map(|s| s.height).max();
    matches!((tip, height), (Some(tip), Some(ours)) if tip <= ours)
}

impl ChainFacts {
    /// There is no newer block to be had.
    pub fn quiet(&self) -> bool {
        quiet(self.view.height, &self.sources)
    }

    /// The halt of an upgrade is due now: until this Unix second it stands as planned.
    pub fn halt(&self) -> Option<i64> {
        self.view.upgrade.as_ref().filter(|u| u.halt_expected)?.halt_to_unix
    }

    /// Nothing is known of now.
    pub fn is_blind(&self) -> bool {
        self.blind && !self.quiet()
    }
}

/// A daemon beside us that is asked now and then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it answered; `None` = not asked yet.
    pub up: Option<bool>,
    /// What it says is wrong: a signer that is not ready, a sentry's findings.
    pub findings: Option<Vec<String>>,
    /// Why it did not answer.
    pub error: Option<String>,
}
