//! One chain in a line: what the overview of many chains shows, and all that a viewer of another chain is told of it.

use super::ValidatorView;
use crate::metrics::Snapshot;
use crate::trouble::Severity;
use serde::Serialize;

/// One chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Chain id.
    pub chain_id: String,
    /// Height of the last block seen.
    pub height: Option<i64>,
    /// Seconds since it arrived.
    pub data_age_seconds: Option<f64>,
    /// No news for too long.
    pub blind: bool,
    /// `websocket` or `polling`.
    pub feed: Option<&'static str>,
    /// Median time between blocks.
    pub block_seconds: Option<f64>,
    /// Round that decided the last counted height.
    pub round: Option<i32>,
    /// Members of the set.
    pub set_size: usize,
    /// Share of the power that signed the last counted height.
    pub signed_power_ratio: Option<f64>,
    /// Where the windows come from.
    pub window_source: &'static str,
    /// Times own arithmetic and the chain's word differed.
    pub disagreements: u64,
    /// Endpoints that answer.
    pub sources_up: usize,
    /// All endpoints.
    pub sources: usize,
    /// Critical troubles of own validators.
    pub critical: usize,
    /// Warnings of own validators.
    pub warnings: usize,
    /// Own validators.
    pub own: usize,
    /// The one of them that needs help first.
    pub worst: Option<Worst>,
}

/// The own validator that needs help first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Worst {
    /// Operator address.
    pub valoper: String,
    /// Name, hostile text.
    pub moniker: String,
    /// In the set of the last block.
    pub in_set: bool,
    /// In jail.
    pub jailed: Option<bool>,
    /// Out for ever.
    pub tombstoned: Option<bool>,
    /// Misses in a row up to now.
    pub consecutive_missed: u64,
    /// Blocks until it is jailed if it signs none of them.
    pub blocks_to_jail: Option<i64>,
    /// Whether that is exact, or a lower bound.
    pub exact: bool,
    /// The same in seconds.
    pub seconds_to_jail: Option<f64>,
    /// Misses in the window.
    pub window_missed: Option<i64>,
    /// Misses it allows.
    pub window_limit: Option<i64>,
    /// What happened at the last heights, as in the grid.
    pub flags: String,
}

/// Heights that the overview shows of the worst own validator.
const SHOWN: usize = 50;

impl Summary {
    /// Of a chain as it is now.
    pub fn of(snapshot: &Snapshot) -> Self {
        let chain = &snapshot.chain;
        let count = |s: Severity| chain.troubles.iter().filter(|t| t.severity == s).count();
        let own = || chain.validators.iter().filter(|v| v.own);
        Self {
            chain_id: chain.chain_id.clone(),
            height: chain.height,
            data_age_seconds: snapshot.data_age_seconds,
            blind: snapshot.blind,
            feed: snapshot.feed,
            block_seconds: chain.block_seconds,
            round: chain.round,
            set_size: chain.set_size,
            signed_power_ratio: chain.signed_power_ratio,
            window_source: chain.window_source,
            disagreements: chain.disagreements,
            sources_up: snapshot.sources.iter().filter(|s| s.up).count(),
            sources: snapshot.sources.len(),
            critical: count(Severity::Critical),
            warnings: count(Severity::Warning),
            own: own().count(),
            worst: own().min_by_key(|v| need(v)).map(worst),
        }
    }

    /// Whether there is something to tell beside the age of the data.
    pub fn differs(&self, other: &Self) -> bool {
        let mut other = other.clone();
        other.data_age_seconds = self.data_age_seconds;
        *self != other
    }
}

/// The smaller, the sooner it needs help: out for ever comes late, because nothing helps any more.
fn need(v: &ValidatorView) -> (u8, i64) {
    let left = v.blocks_to_jail.unwrap_or(i64::MAX);
    match v {
        _ if v.tombstoned == Some(true) => (3, left),
        _ if v.jailed == Some(true) => (0, left),
        _ if v.in_set && v.consecutive_missed > 0 => (1, left),
        _ if !v.in_set => (2, left),
        _ => (4, left),
    }
}

fn worst(v: &ValidatorView) -> Worst {
    Worst {
        valoper: v.valoper.clone(),
        moniker: v.moniker.clone(),
        in_set: v.in_set,
        jailed: v.jailed,
        tombstoned: v.tombstoned,
        consecutive_missed: v.consecutive_missed,
        blocks_to_jail: v.blocks_to_jail,
        exact: v.exact,
        seconds_to_jail: v.seconds_to_jail,
        window_missed: v.window_missed,
        window_limit: v.window_limit,
        flags: v.flags.get(v.flags.len().saturating_sub(SHOWN)..).unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::ChainView;

    #[test]
    fn the_worst_is_the_one_that_can_still_be_helped() {
        let own = |valoper: &str| ValidatorView {
            valoper: valoper.into(),
            own: true,
            in_set: true,
            blocks_to_jail: Some(50),
            ..ValidatorView::default()
        };
        let fine = own("fine");
        let close = ValidatorView { blocks_to_jail: Some(9), ..own("close") };
        let down = ValidatorView { consecutive_missed: 1, ..own("down") };
        let jailed = ValidatorView { jailed: Some(true), in_set: false, ..own("jailed") };
        let gone = ValidatorView { tombstoned: Some(true), ..jailed.clone() };
        let of = |validators: &[&ValidatorView]| {
            let validators = validators.iter().copied().cloned().collect();
            let chain = ChainView { validators, ..ChainView::default() }.into();
            Summary::of(&Snapshot { chain, ..Snapshot::default() }).worst.map(|w| w.valoper)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[&fine, &close]).as_deref(), Some("close"));
        assert_eq!(of(&[&close, &down, &fine]).as_deref(), Some("down"));
        assert_eq!(of(&[&down, &jailed]).as_deref(), Some("jailed"));
        let gone = ValidatorView { valoper: "gone".into(), ..gone };
        assert_eq!(of(&[&gone, &fine]).as_deref(), Some("gone"), "it is still the worst news");
        assert_eq!(of(&[&gone, &down]).as_deref(), Some("down"));
    }
}
