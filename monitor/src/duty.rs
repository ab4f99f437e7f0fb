//! What operators owe their chain besides signatures, as read from its modules: votes, upgrades, fees.
//!
//! Every fact degrades by itself: what could not be read is `None`, and a vote that could not be read is
//! [`Vote::Unknown`], never a false "not voted". Nothing here asks; `io/duty.rs` does.

pub mod legacy;

use crate::jailing::Params;
use comet::bech32;
use comet::sdk::decimal::Dec;
use comet::sdk::gov::{self, SlashingChange};
use comet::sdk::{Any, upgrade};
use std::collections::BTreeMap;

/// Whether an account has voted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// The chain has its vote.
    Yes,
    /// The chain said that there is none.
    No,
    /// Not read.
    Unknown,
}

/// A proposal in its voting period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// Number.
    pub id: u64,
    /// Title, without what could turn a line around.
    pub title: String,
    /// End of the voting, Unix nanoseconds.
    pub ends: i64,
    /// What it would do to x/slashing.
    pub slashing: Option<SlashingChange>,
    /// The upgrade that it would plan: name and height.
    pub upgrade: Option<(String, i64)>,
}

/// An upgrade plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Name, without what could turn a line around.
    pub name: String,
    /// Height at which the old binary stops.
    pub height: i64,
}

/// One own validator's operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// Its account.
    pub account: String,
    /// Balance in the bond denom.
    pub balance: Option<u128>,
    /// Own stake in the validator.
    pub self_delegation: Option<u128>,
    /// Commission that was not withdrawn, in the bond denom.
    pub commission: Option<u128>,
    /// By number of the proposal.
    pub votes: BTreeMap<u64, Vote>,
}

/// All duties of a chain at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// Seats in the set.
    pub seats: Option<u32>,
    /// Bond denom.
    pub denom: Option<String>,
    /// Proposals in their voting period.
    pub proposals: Option<Vec<Proposal>>,
    /// The plan; the inner `None` = the chain said that there is none.
    pub plan: Option<Option<Plan>>,
    /// By operator address.
    pub operators: BTreeMap<String, Operator>,
}

impl Duties {
    /// Takes what a newer answer knows and keeps the rest. An upgrade that has halted every node is still planned.
    /// Votes are only those of the newer answer, because they are read at one height with the proposals.
    #[must_use]
    pub fn updated(mut self, newer: Self) -> Self {
        self.seats = newer.seats.or(self.seats);
        self.denom = newer.denom.or(self.denom);
        self.plan = newer.plan.or(self.plan);
        if newer.proposals.is_some() {
            self.proposals = newer.proposals;
        } else {
            self.operators.values_mut().for_each(|o| o.votes.values_mut().for_each(unknown_unless_yes));
        }
        for (valoper, newer) in newer.operators {
            let old = self.operators.entry(valoper).or_default();
            *old = Operator {
                account: newer.account,
                balance: newer.balance.or(old.balance),
                self_delegation: newer.self_delegation.or(old.self_delegation),
                commission: newer.commission.or(old.commission),
                votes: if newer.votes.is_empty() { std::mem::take(&mut old.votes) } else { newer.votes },
            };
        }
        self
    }
}

/// A vote that was cast stays; that there was none an answer ago says nothing about now.
fn unknown_unless_yes(vote: &mut Vote) {
    if *vote == Vote::No {
        *vote = Vote::Unknown;
    }
}

/// The account of an operator address: the same bytes under the chain's own prefix. `None` for other texts.
pub fn account(valoper: &str) -> Option<String> {
    let (prefix, bytes) = bech32::decode(valoper).ok()?;
    bech32::encode(prefix.strip_suffix("valoper")?, &bytes).ok()
}

/// Text of others, cut and without control characters or those that turn the direction of writing.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| crate::profile::is_plain(*c)).take(140).collect()
}

/// A proposal of `gov.v1`.
pub fn proposal(found: &gov::Proposal) -> Proposal {
    let messages: Vec<Any> = found.messages.iter().filter_map(gov::unwrapped).collect();
    let title = match found.title.is_empty() {
        false => found.title.clone(),
        // Before SDK 0.47 only an older content has a title.
        true => match found.messages.first().zip(messages.first()) {
            Some((outer, inner)) if outer != inner => gov::title(inner).unwrap_or_default(),
            _ => String::new(),
        },
    };
    build(found.id, &title, found.voting_end_time.as_ref(), &messages)
}

/// A proposal of `gov.v1beta1`.
pub fn legacy_proposal(found: &gov::LegacyProposal) -> Proposal {
    let title = found.content.as_ref().and_then(gov::title).unwrap_or_default();
    build(found.id, &title, found.voting_end_time.as_ref(), found.content.as_slice())
}

fn build(id: u64, title: &str, ends: Option<&comet::sdk::Timestamp>, messages: &[Any]) -> Proposal {
    let ends =
        ends.map_or(i64::MAX, |t| t.seconds.saturating_mul(1_000_000_000).saturating_add(t.nanos.into()));
    let plan = messages.iter().find_map(upgrade::planned);
    Proposal {
        id,
        title: plain(title),
        ends,
        slashing: messages.iter().find_map(gov::slashing_change),
        upgrade: plan.map(|p| (plain(&p.name), p.height)),
    }
}

/// The parameters as they would be after `change`; `None` where a value cannot be read, or the SDK would refuse it.
pub fn changed(now: &Params, change: &SlashingChange) -> Option<Params> {
    let mut then = *now;
    match change {
        SlashingChange::All(all) => {
            then.window = all.signed_blocks_window;
            then.min_signed = Dec::from_wire(&all.min_signed_per_window).ok()?;
            let duration = all.downtime_jail_duration?;
            then.jail_duration =
                duration.seconds.checked_mul(1_000_000_000)?.checked_add(duration.nanos.into())?;
            then.slash_downtime = Dec::from_wire(&all.slash_fraction_downtime).ok()?;
        }
        SlashingChange::Some(changes) => {
            for change in changes {
                // JSON text; numbers of 64 bits and decimals stand in quotes.
                let value = change.value.trim().trim_matches('"');
                match change.key.as_str() {
                    "SignedBlocksWindow" => then.window = value.parse().ok()?,
                    "MinSignedPerWindow" => then.min_signed = value.parse().ok()?,
                    "DowntimeJailDuration" => then.jail_duration = value.parse().ok()?,
                    "SlashFractionDowntime" => then.slash_downtime = value.parse().ok()?,
                    _ => {}
                }
            }
        }
    }
    then.max_missed().map(|_| then)
}

#[cfg(test)]
mod tests;
