//! The same questions to an SDK 0.39 application, which has no protobuf queries: amino JSON over `abci_query`, path
//! `custom/…`. Slashing changes are read there as well, for x/params was the only way.

use super::{Plan, Proposal, plain};
use crate::decode::nanoseconds;
use comet::sdk::gov::{ParamChange, SlashingChange};
use serde::Deserialize;
use serde_json::{Value, json};

/// Path of the proposals.
pub const PROPOSALS: &str = "custom/gov/proposals";
/// Path of one vote.
pub const VOTE: &str = "custom/gov/vote";
/// Path of the upgrade plan.
pub const PLAN: &str = "custom/upgrade/current";
/// Path of all balances of an account.
pub const BALANCES: &str = "custom/bank/balances";
/// Path of x/staking's parameters.
pub const STAKING: &str = "custom/staking/parameters";

/// Asks for proposals in their voting period. Amino writes `int` as text.
pub fn proposals_request() -> Vec<u8> {
    json!({"Page": "1", "Limit": "100", "Voter": "", "Depositor": "", "ProposalStatus": "VotingPeriod"})
        .to_string()
        .into_bytes()
}

/// Asks for one vote.
pub fn vote_request(id: u64, account: &str) -> Vec<u8> {
    json!({"ProposalID": id.to_string(), "Voter": account}).to_string().into_bytes()
}

/// Asks for the balances of an account.
pub fn balances_request(account: &str) -> Vec<u8> {
    json!({"Address": account}).to_string().into_bytes()
}

#[derive(Deserialize)]
struct RawProposal {
    content: Content,
    id: String,
    voting_end_time: String,
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    value: Value,
}

/// Proposals from their JSON; `null` is none. `None` for anything else.
pub fn proposals(json: &[u8]) -> Option<Vec<Proposal>> {
    let found: Option<Vec<RawProposal>> = serde_json::from_slice(json).ok()?;
    found.unwrap_or_default().iter().map(proposal).collect()
}

fn proposal(raw: &RawProposal) -> Option<Proposal> {
    let value = &raw.content.value;
    let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let changes: Vec<ParamChange> = (value.get("changes").and_then(Value::as_array).into_iter().flatten())
        .map(|c| ParamChange { subspace: text(c, "subspace"), key: text(c, "key"), value: text(c, "value") })
        .filter(|c| c.subspace == "slashing")
        .collect();
    let plan = value.get("plan").filter(|_| raw.content.kind.contains("SoftwareUpgrade"));
    Some(Proposal {
        id: raw.id.parse().ok()?,
        title: plain(&text(value, "title")),
        ends: nanoseconds(&raw.voting_end_time).ok()?,
        slashing: (!changes.is_empty()).then_some(SlashingChange::Some(changes)),
        upgrade: plan.and_then(|p| Some((plain(&text(p, "name")), text(p, "height").parse().ok()?))),
    })
}

/// Whether the answer is a vote of `account` for `id`: a missing one is answered with an empty vote. `None` for anything
/// else.
pub fn voted(json: &[u8], id: u64, account: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Raw {
        proposal_id: String,
        voter: String,
    }
    let raw: Raw = serde_json::from_slice(json).ok()?;
    match (raw.proposal_id.parse::<u64>().ok()?, raw.voter.as_str()) {
        (found, voter) if found == id && voter == account => Some(true),
        (0, "") => Some(false),
        _ => None,
    }
}

/// The plan; an empty answer is that there is none. The outer `None` for anything else.
pub fn plan(json: &[u8]) -> Option<Option<Plan>> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(default)]
        name: String,
        #[serde(default)]
        height: String,
    }
    if json.is_empty() || json == b"null" {
        return Some(None);
    }
    let raw: Raw = serde_json::from_slice(json).ok()?;
    Some(raw.height.parse().ok().map(|height| Plan { name: plain(&raw.name), height }))
}

/// The balance in `denom`; an account without any has zero.
pub fn balance(json: &[u8], denom: &str) -> Option<u128> {
    #[derive(Deserialize)]
    struct Coin {
        denom: String,
        amount: String,
    }
    let coins: Option<Vec<Coin>> = serde_json::from_slice(json).ok()?;
    let coins = coins.unwrap_or_default();
    coins.iter().find(|c| c.denom == denom).map_or(Some(0), |c| c.amount.parse().ok())
}

/// Seats and bond denom.
pub fn staking(json: &[u8]) -> Option<(u32, String)> {
    #[derive(Deserialize)]
    struct Raw {
        max_validators: u32,
        bond_denom: String,
    }
    let raw: Raw = serde_json::from_slice(json).ok()?;
    Some((raw.max_validators, raw.bond_denom))
}
