//! What an operator has to do besides signing: votes, upgrades, fees for the next transaction.

use serde::Serialize;

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
