//! What the page, the API and the metrics show of a chain: plain values, computed from a state without a clock.
//!
//! A field is `None` when it is not known; nothing unknown is ever shown as zero.

use crate::chain::State;
use crate::decode::timestamp;
use crate::forecast::{ToJail, to_jail, to_recover};
use crate::row::Row;
use crate::set::Set;
use crate::trouble::{self, Trouble};
use comet::bech32;
use comet::key::Address;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Heights in the grid.
pub const GRID: i64 = 100;

/// One chain.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChainView {
    /// Chain id.
    pub chain_id: String,
    /// Height of the last block seen.
    pub height: Option<i64>,
    /// Last counted height, one lower.
    pub counted_height: Option<i64>,
    /// Time of the last block, RFC 3339.
    pub block_time: Option<String>,
    /// The same in Unix seconds.
    pub block_time_unix: Option<i64>,
    /// Round that decided the last counted height.
    pub round: Option<i32>,
    /// Median time between blocks.
    pub block_seconds: Option<f64>,
    /// Members of the set.
    pub set_size: usize,
    /// Share of the power that signed the last counted height.
    pub signed_power_ratio: Option<f64>,
    /// `store`, `counter`, `none` (the chain has no x/slashing) or `unknown` (not read yet).
    pub window_source: &'static str,
    /// The slashing parameters.
    pub window: Option<WindowView>,
    /// Times own arithmetic and the chain's word differed.
    pub disagreements: u64,
    /// Heights that could not be read.
    pub unknown_heights: u64,
    /// Last height of the grid; it begins `GRID - 1` heights before.
    pub grid_to: Option<i64>,
    /// What is wrong with own validators, worst first.
    pub troubles: Vec<Trouble>,
    /// Own validators first, then by power, then those outside the set.
    pub validators: Vec<ValidatorView>,
}

/// The slashing parameters.
#[derive(Clone, Debug, Serialize)]
pub struct WindowView {
    /// W.
    pub blocks: i64,
    /// M: misses allowed in it.
    pub limit: Option<i64>,
    /// Share that must be signed.
    pub min_signed: String,
    /// Least time in jail.
    pub jail_seconds: i64,
    /// Share of the stake that a jailing burns.
    pub slash_downtime: String,
}

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
    /// C.
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
    /// One letter per height of the grid: `s`igned, `n`il, `m`issed, upper case = proposed, `-` not in the set, `?`.
    pub flags: String,
}

/// Builds the view. `watch` holds own validators as valoper, valcons or hex.
pub fn chain(chain_id: &str, state: &State, watch: &[String]) -> ChainView {
    let head = state.head();
    let last = state.recent().next_back();
    let pace = state.pace();
    let windows = state.windows();
    let window = windows.map(|w| WindowView {
        blocks: w.params.window,
        limit: w.params.max_missed(),
        min_signed: w.params.min_signed.to_string(),
        jail_seconds: w.params.jail_duration / 1_000_000_000,
        slash_downtime: w.params.slash_downtime.to_string(),
    });
    let mut validators: Vec<_> =
        shown(state, watch).iter().map(|a| validator(state, watch, pace, a)).collect();
    validators.sort_by_key(|v| (!v.own, v.rank.is_none(), v.rank, v.valoper.clone()));
    let troubles = trouble::of(chain_id, &validators, window.as_ref());
    ChainView {
        chain_id: chain_id.into(),
        height: head.map(|h| h.height),
        counted_height: last.map(|r| r.height),
        block_time: head.map(|h| timestamp(h.time)),
        block_time_unix: head.map(|h| h.time.div_euclid(1_000_000_000)),
        round: last.map(|r| r.round),
        block_seconds: pace.map(seconds),
        set_size: state.set().map_or(0, |s| s.members().len()),
        signed_power_ratio: last.and_then(|row| signed_power(row)),
        window_source: match (windows, state.no_slashing) {
            (Some(w), _) => w.source.name(),
            (None, true) => "none",
            (None, false) => "unknown",
        },
        window,
        disagreements: state.disagreements,
        unknown_heights: state.unknown_heights,
        grid_to: last.map(|r| r.height),
        troubles,
        validators,
    }
}

/// Nanoseconds as seconds.
#[allow(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn seconds(nanoseconds: i64) -> f64 {
    round(nanoseconds as f64 / 1e9)
}

/// Six digits are plenty to show, and every reader parses them to the same number.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| round(part.max(0) as f64 / whole as f64))
}

fn signed_power(row: &Row) -> Option<f64> {
    let members = row.set.members().iter().zip(&row.flags);
    let signed = members.filter(|(_, f)| **f == crate::flag::Flag::Commit).map(|(m, _)| m.power).sum();
    ratio(signed, row.set.power())
}

/// Members of the set, own validators, and whoever was counted lately.
fn shown(state: &State, watch: &[String]) -> BTreeSet<Address> {
    let mut shown = BTreeSet::new();
    let mut seen: Option<&Arc<Set>> = None;
    let grid = state.recent().rev().take(usize::try_from(GRID).unwrap_or(0)).map(|row| &row.set);
    for set in state.set().into_iter().chain(grid) {
        if seen.is_none_or(|s| !Arc::ptr_eq(s, set)) {
            shown.extend(set.members().iter().map(|m| m.address));
            seen = Some(set);
        }
    }
    if let Some(profiles) = &state.profiles {
        // Jailed while it was watched: stays visible as long as x/staking knows it.
        let counted = |a: &&Address| state.tallies.contains_key(a);
        shown.extend(profiles.by_address.keys().filter(counted));
        shown.extend(
            profiles.by_address.iter().filter(|(a, p)| is_own(watch, a, &p.valoper)).map(|(a, _)| *a),
        );
    }
    shown.extend(watch.iter().filter_map(|w| Address::from_hex(w)));
    shown
}

fn is_own(watch: &[String], address: &Address, valoper: &str) -> bool {
    if watch.is_empty() {
        return false;
    }
    let hex = address.to_string();
    watch.iter().any(|w| {
        w == valoper
            || w.eq_ignore_ascii_case(&hex)
            || (w.contains("valcons") && bech32::decode(w).is_ok_and(|(_, bytes)| bytes == address.0))
    })
}

fn validator(state: &State, watch: &[String], pace: Option<i64>, address: &Address) -> ValidatorView {
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
        flags: flags(state, address),
        valoper,
        ..ValidatorView::default()
    };
    if let (Some(windows), Some(entry)) = (windows, entry) {
        let (window, params) = (&entry.window, &windows.params);
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
            let forecast = to_jail(window, params, windows.height);
            view.blocks_to_jail = forecast.blocks();
            view.exact = matches!(forecast, ToJail::Exact { .. });
            view.blocks_to_clean = to_recover(window, params, window.ghosts(params).unwrap_or(0));
            view.seconds_to_jail =
                forecast.blocks().zip(pace).map(|(k, pace)| seconds(k.saturating_mul(pace)));
        }
    }
    view
}

fn recorded_uptime(signed: u64, missed: u64) -> Option<f64> {
    ratio(i64::try_from(signed).ok()?, i64::try_from(signed + missed).ok()?)
}

fn flags(state: &State, address: &Address) -> String {
    let Some(last) = state.recent().next_back().map(|r| r.height) else { return String::new() };
    let mut letters = vec!['?'; usize::try_from(GRID).unwrap_or(0)];
    // The index in a set is looked up once per set, not once per height.
    let mut known: Option<(&Arc<Set>, Option<usize>)> = None;
    for row in state.recent().rev() {
        let Ok(age) = usize::try_from(last - row.height) else { break };
        if age >= letters.len() {
            break;
        }
        let index = match known {
            Some((set, index)) if Arc::ptr_eq(set, &row.set) => index,
            _ => row.set.index(address),
        };
        known = Some((&row.set, index));
        let at = letters.len() - 1 - age;
        letters[at] = index.map_or('-', |i| row.flags[i].letter(row.proposer == Some(i)));
    }
    letters.into_iter().collect()
}
