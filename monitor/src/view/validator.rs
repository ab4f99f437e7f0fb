//! One validator as the page, the API and the metrics show it.

use super::{DiagnosisView, DutyView, ForecastView, StakeView, is_own, ratio, seconds};
use super::{diagnosis, duty, forecast, stake};
use crate::chain::State;
use crate::decode::timestamp;
use crate::forecast::ToJail;
use comet::key::Address;
use serde::Serialize;

/// One validator.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ValidatorView {
    /// Operator address, or the consensus address where there is no staking module.
    pub valoper: String,
    /// Name; hostile text.
    pub moniker: String,
    /// Consensus address, upper-case hex.
    pub address: String,
    /// In `watch`.
    pub own: bool,
    /// Position by power, from 1.
    pub rank: Option<usize>,
    /// Power.
    pub power: Option<i64>,
    /// In the set of the last block.
    pub in_set: bool,
    /// In the set and not in jail.
    pub bonded: bool,
    /// In jail.
    pub jailed: Option<bool>,
    /// Out for ever.
    pub tombstoned: Option<bool>,
    /// Earliest unjail, RFC 3339, while in jail.
    pub jailed_until: Option<String>,
    /// In jail, and the time is over: an unjail transaction would be taken.
    pub may_unjail: Option<bool>,
    /// Counted heights signed, nil votes included, as x/slashing counts.
    pub signed: u64,
    /// Counted heights missed.
    pub missed: u64,
    /// Nil votes.
    pub nil: u64,
    /// Misses in a row up to now.
    pub consecutive_missed: u64,
    /// Blocks proposed.
    pub proposed: u64,
    /// How its window is known: `store`, `replay` or `counter`.
    pub window_source: Option<&'static str>,
    /// C; an upper bound where only bounds are known.
    pub window_missed: Option<i64>,
    /// M.
    pub window_limit: Option<i64>,
    /// Blocks until it is jailed if it misses all from now on.
    pub blocks_to_jail: Option<i64>,
    /// Whether `blocks_to_jail` is exact, or a lower bound.
    pub exact: bool,
    /// The same in seconds, by the median block time.
    pub seconds_to_jail: Option<f64>,
    /// Blocks to sign until the window is clean.
    pub blocks_to_clean: Option<i64>,
    /// Share of signed blocks over the window, or over all counted heights where there is no window.
    pub uptime_ratio: Option<f64>,
    /// What is ahead of it.
    pub forecast: ForecastView,
    /// Its stake, and what a jailing costs.
    pub stake: StakeView,
    /// Why it misses.
    pub diagnosis: DiagnosisView,
    /// What its operator has to do; own validators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty: Option<DutyView>,
    /// One letter per height of the grid: `s`igned, `n`il, `m`issed, upper case = proposed, `-` not in the set, `?`.
    pub flags: String,
}

/// `flags` are its letters in the grid.
pub(super) fn build(
    state: &State,
    watch: &[String],
    pace: Option<i64>,
    address: &Address,
    flags: String,
) -> ValidatorView {
    let profile = state.profiles.as_ref().and_then(|p| Some((p.height, p.by_address.get(address)?)));
    let set = state.set();
    let index = set.and_then(|s| s.index(address));
    let windows = state.windows();
    let entry = windows.and_then(|w| w.entries.get(address));
    let tally = state.tally(address).copied().unwrap_or_default();
    let jailed = match (entry, profile) {
        (Some(entry), Some((height, profile))) if index.is_none() && height > entry.jailed_since => {
            Some(profile.jailed)
        }
        (Some(entry), _) => Some(entry.jailed),
        (None, profile) => profile.map(|(_, p)| p.jailed),
    };
    let valoper = profile.map_or_else(|| address.to_string(), |(_, p)| p.valoper.clone());
    let mut view = ValidatorView {
        own: is_own(watch, address, &valoper),
        moniker: profile.map(|(_, p)| p.moniker.clone()).unwrap_or_default(),
        address: address.to_string(),
        rank: index.map(|i| i + 1),
        power: index.and_then(|i| Some(set?.members()[i].power)),
        in_set: index.is_some(),
        bonded: index.is_some() && jailed != Some(true),
        jailed,
        tombstoned: entry.map(|e| e.tombstoned),
        signed: tally.signed,
        missed: tally.missed,
        nil: tally.nil,
        consecutive_missed: tally.consecutive_missed,
        proposed: tally.proposed,
        uptime_ratio: recorded_uptime(tally.signed, tally.missed),
        flags,
        diagnosis: diagnosis::build(state, address),
        stake: profile.map_or_else(StakeView::default, |(_, profile)| {
            let burned = windows.map(|w| w.params.slash_downtime);
            stake::build(state, profile, entry, jailed == Some(true), burned)
        }),
        valoper,
        ..ValidatorView::default()
    };
    if view.own {
        view.duty = duty::build(state, &view.valoper);
    }
    if let (Some(windows), Some(entry)) = (windows, entry) {
        let (window, params) = (&entry.window, &windows.params);
        view.window_source = Some(windows.source_of(entry).name());
        view.window_missed = Some(window.missed);
        view.window_limit = params.max_missed();
        let span = params.window.min(window.index_offset);
        view.uptime_ratio = ratio(span - window.missed, span);
        if jailed == Some(true) {
            view.jailed_until = entry.jailed_until.map(timestamp);
            let now = state.head().map(|h| h.time);
            view.may_unjail =
                entry.jailed_until.zip(now).map(|(until, now)| until <= now && !entry.tombstoned);
        } else if view.in_set {
            let ahead = forecast::ahead(windows, entry);
            view.forecast = forecast::build(state, pace, address, (windows, entry), &ahead);
            view.blocks_to_jail = ahead.to_jail.blocks();
            view.exact = matches!(ahead.to_jail, ToJail::Exact { .. });
            view.blocks_to_clean = ahead.clean;
            view.seconds_to_jail =
                ahead.to_jail.blocks().zip(pace).map(|(k, pace)| seconds(k.saturating_mul(pace)));
        }
    }
    view
}

fn recorded_uptime(signed: u64, missed: u64) -> Option<f64> {
    ratio(i64::try_from(signed).ok()?, i64::try_from(signed + missed).ok()?)
}
