//! What the page, the API and the metrics show of a chain: plain values, computed from a state without a clock.
//!
//! A field is `None` when it is not known; nothing unknown is ever shown as zero.

mod detail;
mod diagnosis;
mod duty;
mod forecast;
mod grid;
mod stake;
mod summary;
mod validator;

pub use detail::{Detail, WindowDetail, detail};
pub use diagnosis::{CoMissView, DiagnosisView, ExclusionView, HealthView};
pub use duty::{BudgetView, DutyView, ParameterChangeView, ProposalView, UpgradeView};
pub use forecast::ForecastView;
pub use stake::{SeatsView, StakeView};
pub use summary::{Summary, Worst};
pub use validator::ValidatorView;

use crate::chain::State;
use crate::decode::timestamp;
use crate::row::Row;
use crate::set::Set;
use crate::trouble::{self, Trouble};
use comet::bech32;
use comet::key::Address;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
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
    /// `store`, `replay`, `counter`, `none` (the chain has no x/slashing) or `unknown` (not read yet).
    pub window_source: &'static str,
    /// Whose rules are counted by, such as `SDK 0.50-0.54`, with the doubt where there is one.
    pub sdk_line: Option<String>,
    /// What the node answered that says so.
    pub sdk_evidence: Vec<String>,
    /// The slashing parameters.
    pub window: Option<WindowView>,
    /// Times own arithmetic and the chain's word differed.
    pub disagreements: u64,
    /// Heights that could not be read.
    pub unknown_heights: u64,
    /// Time of the last block seen that carried evidence of misbehaviour, Unix seconds.
    pub evidence_time_unix: Option<i64>,
    /// Last height of the grid; it begins `GRID - 1` heights before.
    pub grid_to: Option<i64>,
    /// Seats and their price.
    pub seats: SeatsView,
    /// Proposals in their voting period; `None` = not known.
    pub proposals: Option<Vec<ProposalView>>,
    /// The upgrade plan; `None` = there is none, or it is not known.
    pub upgrade: Option<UpgradeView>,
    /// Whether the chain was asked for its upgrade plan with success.
    pub upgrade_known: bool,
    /// Rounds, empty blocks, network events.
    pub health: HealthView,
    /// One letter per height of the grid: the round that decided it as a digit, `+` above nine, `?` unknown.
    pub rounds: String,
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
    let shown = shown(state, watch);
    let rows = shown.iter().zip(grid::letters(state, &shown));
    let mut validators: Vec<_> =
        rows.map(|(a, letters)| validator::build(state, watch, pace, a, letters)).collect();
    let place = |v: &ValidatorView| (!v.own, v.rank.is_none(), v.rank);
    validators.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.valoper.cmp(&b.valoper)));
    let mut view = ChainView {
        seats: stake::seats(state),
        proposals: duty::proposals(state, &own(state, watch)),
        upgrade: duty::upgrade(state),
        upgrade_known: state.duties.plan.is_some(),
        health: diagnosis::health(state),
        ..ChainView::default()
    };
    view = ChainView {
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
        sdk_line: state.line().map(|line| line.name()),
        sdk_evidence: state.line().map(|line| line.words()).unwrap_or_default(),
        window,
        disagreements: state.disagreements,
        unknown_heights: state.unknown_heights,
        evidence_time_unix: state.evidence_time.map(|t| t.div_euclid(1_000_000_000)),
        grid_to: last.map(|r| r.height),
        rounds: rounds(state),
        validators,
        ..view
    };
    view.troubles = trouble::of(&view);
    view
}

/// Own validators of x/staking: operator address by consensus address.
pub(crate) fn own(state: &State, watch: &[String]) -> BTreeMap<Address, String> {
    let profiles = state.profiles().into_iter().flat_map(|p| &p.by_address);
    profiles.filter(|(a, p)| is_own(watch, a, &p.valoper)).map(|(a, p)| (*a, p.valoper.clone())).collect()
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

fn rounds(state: &State) -> String {
    let Some(last) = state.recent().next_back().map(|r| r.height) else { return String::new() };
    let mut letters = vec!['?'; usize::try_from(GRID).unwrap_or(0)];
    for row in state.recent().rev().take(letters.len()) {
        let age = usize::try_from(last - row.height).ok();
        if let Some(at) = age.and_then(|age| letters.len().checked_sub(age + 1)) {
            letters[at] = detail::round_letter(row.round);
        }
    }
    letters.into_iter().collect()
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

/// The own validator that an entry of `watch` names, once it is known which one that is.
pub fn find<'a>(view: &'a ChainView, watched: &str) -> Option<&'a ValidatorView> {
    let watch = [watched.to_owned()];
    view.validators
        .iter()
        .filter(|v| v.own)
        .find(|v| Address::from_hex(&v.address).is_some_and(|address| is_own(&watch, &address, &v.valoper)))
}

/// When the first of the votes ends that `v` certainly owes, in Unix seconds.
pub fn unvoted_ends(view: &ChainView, v: &ValidatorView) -> Option<i64> {
    let owed = v.duty.as_ref()?.unvoted.as_ref()?;
    view.proposals.iter().flatten().filter(|p| owed.contains(&p.id)).map(|p| p.ends_unix).min()
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
