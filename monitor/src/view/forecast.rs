//! What is ahead of one validator: its budget, its way to jail and back to a clean window, and how likely jail is.

use super::{round, seconds};
use crate::chain::State;
use crate::decode::timestamp;
use crate::forecast::{ToJail, to_jail, to_recover};
use crate::windows::{Entry, Windows};
use comet::key::Address;
use serde::Serialize;

/// The forecast of one validator. Absent where it is not known, and while it is in jail.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ForecastView {
    /// M - C: misses that the window still takes, if none of the old ones falls out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<i64>,
    /// Height whose block jails it if it signs none from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_height: Option<i64>,
    /// The same moment by the median block time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_at: Option<String>,
    /// The same in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_at_unix: Option<i64>,
    /// Blocks to sign until half of the limit is used at most; 0 = it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_to_half: Option<i64>,
    /// The same in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_half: Option<f64>,
    /// Seconds of signing until the window is clean; in blocks it is `blocks_to_clean`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_clean: Option<f64>,
    /// Probability of a jailing for downtime within an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_probability_1h: Option<f64>,
    /// Within a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_probability_24h: Option<f64>,
    /// Within a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail_probability_7d: Option<f64>,
    /// Height of the state that the probabilities were computed from; they are renewed every few minutes, and sooner
    /// for who is in danger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability_height: Option<i64>,
    /// `complete` (every slot of the window is known), `partial` (some are) or `counter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<&'static str>,
    /// Misses in the window that are its own: those in blocks that much of the rest missed too are left out. For the
    /// estimate only, the chain counts all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributable_missed: Option<i64>,
    /// How long an outage of it lasts on average, in blocks, as estimated from its window and the whole set's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage_blocks: Option<f64>,
    /// Blocks between two outages on average, estimated likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_outages_blocks: Option<f64>,
}

/// The walks through a window, each made once for all that is shown of it.
pub(super) struct Ahead {
    /// k*.
    pub(super) to_jail: ToJail,
    /// M.
    pub(super) limit: Option<i64>,
    /// Blocks to sign until the window is clean.
    pub(super) clean: Option<i64>,
}

/// For a validator that is in the set and not in jail.
pub(super) fn ahead(windows: &Windows, entry: &Entry) -> Ahead {
    let (window, params) = (&entry.window, &windows.params);
    Ahead {
        to_jail: to_jail(window, params, windows.height),
        limit: params.max_missed(),
        clean: to_recover(window, params, window.ghosts(params).unwrap_or(0)),
    }
}

/// What is `ahead`, with blocks of `pace` nanoseconds.
pub(super) fn build(
    state: &State,
    pace: Option<i64>,
    address: &Address,
    (windows, entry): (&Windows, &Entry),
    ahead: &Ahead,
) -> ForecastView {
    let (window, params) = (&entry.window, &windows.params);
    let (head, limit, clean, blocks) = (state.head(), ahead.limit, ahead.clean, ahead.to_jail.blocks());
    let after = |blocks: i64| pace.map(|pace| blocks.saturating_mul(pace));
    let jail = blocks.and_then(after).zip(head).map(|(ns, head)| head.time.saturating_add(ns));
    let half = limit.and_then(|m| to_recover(window, params, m / 2));
    let mut view = ForecastView {
        budget: limit.map(|m| m - window.missed),
        jail_height: blocks.map(|k| windows.height.saturating_add(k)),
        jail_at: jail.map(timestamp),
        jail_at_unix: jail.map(|ns| ns.div_euclid(1_000_000_000)),
        blocks_to_half: half,
        seconds_to_half: half.and_then(after).map(seconds),
        seconds_to_clean: clean.and_then(after).map(seconds),
        confidence: Some(match (&window.bits, &window.partial) {
            (Some(_), _) => "complete",
            (None, Some(_)) => "partial",
            (None, None) => "counter",
        }),
        ..ForecastView::default()
    };
    if let Some(chance) = state.outlook().get(address) {
        view.jail_probability_1h = Some(round(chance.hour));
        view.jail_probability_24h = Some(round(chance.day));
        view.jail_probability_7d = Some(round(chance.week));
        view.probability_height = Some(chance.height);
        view.attributable_missed = Some(chance.attributable);
        view.outage_blocks = Some(round(1.0 / chance.habit.mend));
        view.between_outages_blocks = Some(round(1.0 / chance.habit.fail));
    }
    view
}
