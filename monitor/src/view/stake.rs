//! Stake, seat and commission: of one validator, and what a seat costs.

use crate::chain::State;
use crate::profile::{Profile, Profiles};
use crate::windows::Entry;
use comet::sdk::decimal::Dec;
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

/// Seats of the chain.
pub(super) fn seats(state: &State) -> SeatsView {
    let seats = state.duties.seats;
    let Some(profiles) = state.profiles() else {
        return SeatsView { denom: state.duties.denom.clone(), seats, ..SeatsView::default() };
    };
    SeatsView {
        denom: state.duties.denom.clone(),
        seats,
        taken: Some(profiles.by_address.values().filter(|p| p.bonded).count()),
        price: seats.map(|seats| price(profiles, seats).to_string()),
    }
}

/// Stake of the last one with a seat, 0 while one is free.
fn price(profiles: &Profiles, seats: u32) -> u128 {
    usize::try_from(seats).ok().and_then(|n| profiles.stakes.get(n.checked_sub(1)?)).copied().unwrap_or(0)
}

/// Stake of one validator. `burned` is the share that a jailing for downtime takes.
pub(super) fn build(
    state: &State,
    profile: &Profile,
    entry: Option<&Entry>,
    jailed: bool,
    burned: Option<Dec>,
) -> StakeView {
    let tokens: Option<u128> = profile.tokens.parse().ok();
    let mut view = StakeView {
        tokens: tokens.map(|t| t.to_string()),
        rank: profile.rank,
        commission_rate: profile.commission.as_ref().map(|c| c[0].clone()),
        commission_max_rate: profile.commission.as_ref().map(|c| c[1].clone()),
        commission_max_change: profile.commission.as_ref().map(|c| c[2].clone()),
        min_self_delegation: Some(profile.min_self_delegation.clone()).filter(|m| !m.is_empty()),
        ..StakeView::default()
    };
    let (Some(tokens), Some(profiles)) = (tokens, state.profiles()) else { return view };
    let seats = state.duties.seats;
    let taken = seats.and_then(|n| usize::try_from(n).ok());
    if let (Some(seats), Some(taken)) = (seats, taken) {
        let has_seat = profile.rank.is_some_and(|rank| rank <= taken);
        let rival = if has_seat { profiles.stakes.get(taken).copied() } else { Some(price(profiles, seats)) };
        view.margin = rival.filter(|_| !jailed).map(|rival| difference(tokens, rival));
    }
    let slash = burned.and_then(|share| portion(tokens, share));
    let after = if jailed { Some(tokens) } else { slash.map(|slash| tokens - slash.min(tokens)) };
    view.downtime_slash = slash.filter(|_| !jailed).map(|s| s.to_string());
    view.tokens_after = after.map(|t| t.to_string());
    if let Some(after) = after {
        let ahead = profiles.stakes.partition_point(|t| *t > after);
        // Itself is among those ahead of what it would have left.
        let itself = usize::from(profile.rank.is_some() && tokens > after);
        let rank = ahead - itself.min(ahead) + 1;
        view.rank_after = Some(rank);
        view.seat_after = taken.map(|taken| rank <= taken);
    }
    view.unjail_unix =
        entry.filter(|_| jailed).and_then(|e| e.jailed_until).map(|ns| ns.div_euclid(1_000_000_000));
    view
}

fn difference(own: u128, other: u128) -> String {
    if own >= other { (own - other).to_string() } else { format!("-{}", other - own) }
}

/// `share` of `tokens`, rounded down as x/staking does.
fn portion(tokens: u128, share: Dec) -> Option<u128> {
    const ONE: u128 = 1_000_000_000_000_000_000;
    let share = u128::try_from(share.units()).ok().filter(|units| *units <= ONE)?;
    Some(tokens / ONE * share + tokens % ONE * share / ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_do_not_overflow() {
        for (tokens, share, expected) in [
            (1_000_000, "0.01", 10_000),
            (999, "0.0001", 0),
            (3 * 10_u128.pow(30), "0.000100000000000000", 3 * 10_u128.pow(26)),
            (7, "1", 7),
            (0, "0.5", 0),
        ] {
            assert_eq!(portion(tokens, share.parse().unwrap()), Some(expected), "{tokens} {share}");
        }
        assert_eq!(portion(5, "-0.1".parse().unwrap()), None);
        assert_eq!((difference(3, 5), difference(5, 3)), ("-2".into(), "2".into()));
    }
}
