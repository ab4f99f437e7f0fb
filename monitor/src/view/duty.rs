//! What an operator has to do besides signing: votes, upgrades, fees for the next transaction.

use super::seconds;
use crate::chain::State;
use crate::decode::timestamp;
use crate::duty::{Duties, Proposal, Vote, changed};
use crate::forecast::to_jail;
use comet::key::Address;
use serde::Serialize;
use std::collections::BTreeMap;

/// Duties of one own validator. Each is absent while it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DutyView {
    /// The operator's account.
    pub account: String,
    /// Its balance in the bond denom, smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<String>,
    /// What it has delegated to itself, smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_delegation: Option<String>,
    /// Commission that was not withdrawn yet, in the bond denom, whole smallest units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unclaimed_commission: Option<String>,
    /// Proposals in their voting period for which it certainly has not voted. Absent where they could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unvoted: Option<Vec<u64>>,
    /// Proposals in their voting period whose vote could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vote_unknown: Option<Vec<u64>>,
}

/// A proposal in its voting period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProposalView {
    /// Its number.
    pub id: u64,
    /// Its title; hostile text.
    pub title: String,
    /// End of the voting, RFC 3339.
    pub ends: String,
    /// The same in Unix seconds.
    pub ends_unix: i64,
    /// The slashing parameters that it would set, and what that does to own validators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slashing: Option<ParameterChangeView>,
    /// The upgrade that it would plan: name and height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<(String, i64)>,
}

/// Slashing parameters as a proposal would set them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ParameterChangeView {
    /// W.
    pub blocks: i64,
    /// M.
    pub limit: Option<i64>,
    /// Share that must be signed.
    pub min_signed: String,
    /// Least time in jail.
    pub jail_seconds: i64,
    /// Share of the stake that a jailing burns.
    pub slash_downtime: String,
    /// Own validators under them, from their windows of now.
    pub own: Vec<BudgetView>,
}

/// What other parameters would do to one validator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BudgetView {
    /// Operator address.
    pub valoper: String,
    /// M - C now.
    pub budget: i64,
    /// M - C then.
    pub budget_then: Option<i64>,
    /// Blocks to jail then, if it signs none; `None` = never, or not known.
    pub blocks_to_jail_then: Option<i64>,
    /// The change alone jails it, even on a block that it signs.
    pub jailed_at_once: bool,
}

/// The upgrade plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UpgradeView {
    /// Its name; hostile text.
    pub name: String,
    /// Height at which the old binary stops.
    pub height: i64,
    /// Blocks until then; at 1 the next block is the upgrade, and the chain halts until enough have changed the binary.
    pub blocks: i64,
    /// Seconds until then, by the median block time.
    pub seconds: Option<f64>,
    /// The moment, RFC 3339.
    pub at: Option<String>,
    /// The halt is expected from this Unix second…
    pub halt_from_unix: Option<i64>,
    /// …until this one; a chain that stands longer did not resume.
    pub halt_to_unix: Option<i64>,
    /// The last block before the upgrade is there: a chain that stands now stands as planned.
    pub halt_expected: bool,
}

/// A chain that stands longer than this at an upgrade did not resume, in seconds.
const HALT: i64 = 7200;

/// Those whose voting has not ended at the time of the last block.
fn open(duties: &Duties, now: i64) -> Option<impl Iterator<Item = &Proposal>> {
    Some(duties.proposals.as_ref()?.iter().filter(move |p| p.ends > now))
}

/// Of one own validator.
pub(super) fn build(state: &State, valoper: &str) -> Option<DutyView> {
    let operator = state.duties.operators.get(valoper)?;
    let now = state.head().map_or(i64::MIN, |h| h.time);
    let votes = |wanted: Vote| {
        let is = |p: &&Proposal| operator.votes.get(&p.id).copied().unwrap_or(Vote::Unknown) == wanted;
        open(&state.duties, now).map(|all| all.filter(is).map(|p| p.id).collect())
    };
    Some(DutyView {
        account: operator.account.clone(),
        balance: operator.balance.map(|n| n.to_string()),
        self_delegation: operator.self_delegation.map(|n| n.to_string()),
        unclaimed_commission: operator.commission.map(|n| n.to_string()),
        unvoted: votes(Vote::No),
        vote_unknown: votes(Vote::Unknown),
    })
}

/// Open proposals with what they would do to `own` validators.
pub(super) fn proposals(state: &State, own: &BTreeMap<Address, String>) -> Option<Vec<ProposalView>> {
    let now = state.head().map_or(i64::MIN, |h| h.time);
    let view = |p: &Proposal| ProposalView {
        id: p.id,
        title: p.title.clone(),
        ends: timestamp(p.ends),
        ends_unix: p.ends.div_euclid(1_000_000_000),
        slashing: p.slashing.as_ref().and_then(|change| {
            let windows = state.windows()?;
            let then = changed(&windows.params, change)?;
            let budget = |(address, valoper): (&Address, &String)| {
                let window = &windows.entries.get(address).filter(|e| !e.jailed)?.window;
                let limit = then.max_missed();
                let guard = window.start_height + then.window + 1 - windows.height;
                Some(BudgetView {
                    valoper: valoper.clone(),
                    budget: windows.params.max_missed()? - window.missed,
                    budget_then: limit.map(|m| m - window.missed),
                    blocks_to_jail_then: to_jail(window, &then, windows.height).blocks(),
                    jailed_at_once: limit.is_some_and(|m| window.missed > m) && guard <= 1,
                })
            };
            Some(ParameterChangeView {
                blocks: then.window,
                limit: then.max_missed(),
                min_signed: then.min_signed.to_string(),
                jail_seconds: then.jail_duration / 1_000_000_000,
                slash_downtime: then.slash_downtime.to_string(),
                own: own.iter().filter_map(budget).collect(),
            })
        }),
        upgrade: p.upgrade.clone(),
    };
    open(&state.duties, now).map(|all| all.map(view).collect())
}

/// The upgrade that lies ahead. A plan whose height was passed is done.
pub(super) fn upgrade(state: &State) -> Option<UpgradeView> {
    let plan = state.duties.plan.as_ref()?.as_ref()?;
    let head = state.head()?;
    let blocks = plan.height - head.height;
    if blocks < 0 {
        return None;
    }
    let ahead = state.pace().map(|pace| blocks.saturating_mul(pace));
    let at = ahead.map(|ns| head.time.saturating_add(ns));
    // A hundredth of the way either side: block times drift.
    let drift = ahead.map(|ns| ns / 100);
    let unix = |ns: i64| ns.div_euclid(1_000_000_000);
    Some(UpgradeView {
        name: plan.name.clone(),
        height: plan.height,
        blocks,
        seconds: ahead.map(seconds),
        at: at.map(timestamp),
        halt_from_unix: at.zip(drift).map(|(at, drift)| unix(at - drift)),
        halt_to_unix: at.zip(drift).map(|(at, drift)| unix(at + drift) + HALT),
        halt_expected: blocks <= 1,
    })
}
