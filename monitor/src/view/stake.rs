//! Stake, seat and commission: of one validator, and what a seat costs.

use serde::Serialize;

/// Stake of one validator, in the smallest unit of the bond denom, as decimal text: it may not fit a float.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StakeView {
    /// What it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
    /// Position by stake among all who are not in jail, from 1, those outside the set included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// In the set: what it could lose before the first outside takes its seat. Outside: what it needs to get in, as a
    /// negative number. Absent where nobody waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<String>,
    /// What a jailing for downtime burns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downtime_slash: Option<String>,
    /// What is left after it; in jail: what it has now, for it is burned already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_after: Option<String>,
    /// Position by stake if it came back with that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_after: Option<usize>,
    /// Whether that is a seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_after: Option<bool>,
    /// Earliest unjail in Unix seconds, while in jail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unjail_unix: Option<i64>,
    /// Commission, 1 = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_rate: Option<String>,
    /// At most, for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_max_rate: Option<String>,
    /// At most in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_max_change: Option<String>,
    /// Below this much of its own it may not leave jail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_self_delegation: Option<String>,
}

/// The seats of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SeatsView {
    /// `uakt`, …
    pub denom: Option<String>,
    /// How many there are.
    pub seats: Option<u32>,
    /// How many are taken.
    pub taken: Option<usize>,
    /// Stake of the last one with a seat: more than this is a seat. `0` while one is free.
    pub price: Option<String>,
}
