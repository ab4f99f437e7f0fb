//! Asks for duties: the slow lane, beside the blocks, everything at one height so that votes and proposals belong together.
//!
//! Each question fails by itself. An application without protobuf queries (SDK 0.39) is asked in its own words.

use super::rpc::RpcFailure;
use super::sdk::{Sdk, SdkFailure};
use crate::duty::{
    Duties, Operator, Plan, Proposal, Vote, account, legacy, legacy_proposal, plain, proposal,
};
use comet::sdk::bank::{self, Coin};
use comet::sdk::gov::{self, ProposalsRequest, VoteRequest};
use comet::sdk::{PageRequest, staking, upgrade};

/// More proposals at once are not looked at.
const PROPOSALS: u64 = 100;

/// Which words the application understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    V1,
    V1Beta1,
    Custom,
}

/// Reads the duties of the operators `own` at `height`.
pub async fn read(sdk: &Sdk, own: &[String], height: i64) -> Duties {
    let staking = staking(sdk, height).await;
    let (proposals, dialect) = proposals(sdk, height).await.unzip();
    let denom = staking.as_ref().map(|(_, denom)| denom.clone());
    let mut duties = Duties {
        seats: staking.map(|(seats, _)| seats),
        plan: plan(sdk, height).await,
        denom,
        proposals,
        ..Duties::default()
    };
    for valoper in own {
        let Some(account) = account(valoper) else { continue };
        let mut operator = match &duties.denom {
            Some(denom) => owned(sdk, valoper, &account, denom, height).await,
            None => Operator::default(),
        };
        for proposal in duties.proposals.iter().flatten() {
            let vote = match dialect {
                Some(dialect) => vote(sdk, dialect, proposal.id, &account, height).await,
                None => Vote::Unknown,
            };
            operator.votes.insert(proposal.id, vote);
        }
        operator.account = account;
        duties.operators.insert(valoper.clone(), operator);
    }
    duties
}

async fn staking(sdk: &Sdk, height: i64) -> Option<(u32, String)> {
    let request = staking::ParamsRequest {};
    match sdk.query::<_, staking::ParamsResponse>(staking::PARAMS, request, height).await {
        Ok((answer, _)) => answer.params.map(|p| (p.max_validators, p.bond_denom)).filter(|(n, _)| *n > 0),
        Err(_) => legacy::staking(&sdk.store(legacy::STAKING, b"", height).await.ok()?),
    }
}

async fn proposals(sdk: &Sdk, height: i64) -> Option<(Vec<Proposal>, Dialect)> {
    let request = ProposalsRequest {
        proposal_status: gov::VOTING,
        pagination: Some(PageRequest { limit: PROPOSALS, ..PageRequest::default() }),
    };
    let v1 = sdk.query::<_, gov::ProposalsResponse>(gov::PROPOSALS, request.clone(), height).await;
    if let Ok((answer, _)) = v1 {
        let voting = answer.proposals.iter().filter(|p| p.status == gov::VOTING);
        return Some((voting.map(proposal).collect(), Dialect::V1));
    }
    let old = sdk.query::<_, gov::LegacyProposalsResponse>(gov::PROPOSALS_V1BETA1, request, height).await;
    if let Ok((answer, _)) = old {
        let voting = answer.proposals.iter().filter(|p| p.status == gov::VOTING);
        return Some((voting.map(legacy_proposal).collect(), Dialect::V1Beta1));
    }
    let json = sdk.store(legacy::PROPOSALS, &legacy::proposals_request(), height).await.ok()?;
    Some((legacy::proposals(&json)?, Dialect::Custom))
}

async fn vote(sdk: &Sdk, dialect: Dialect, id: u64, account: &str, height: i64) -> Vote {
    let path = match dialect {
        Dialect::V1 => gov::VOTE,
        Dialect::V1Beta1 => gov::VOTE_V1BETA1,
        Dialect::Custom => {
            let request = legacy::vote_request(id, account);
            let json = sdk.store(legacy::VOTE, &request, height).await;
            return match json.ok().and_then(|json| legacy::voted(&json, id, account)) {
                Some(true) => Vote::Yes,
                Some(false) => Vote::No,
                None => Vote::Unknown,
            };
        }
    };
    let request = VoteRequest { proposal_id: id, voter: account.into() };
    match sdk.query::<_, gov::VoteResponse>(path, request, height).await {
        Ok((answer, _)) => match answer.vote {
            Some(vote) if vote.proposal_id == id && vote.voter == account => Vote::Yes,
            _ => Vote::Unknown,
        },
        Err(SdkFailure::Rpc(RpcFailure::App { log, .. })) if is_absent(&log, id) => Vote::No,
        Err(_) => Vote::Unknown,
    }
}

/// The keeper's words for a vote that is not there: `voter: … not found for proposal: 7`, 0.40 to 0.55.
fn is_absent(log: &str, id: u64) -> bool {
    let Some((_, rest)) = log.split_once("not found for proposal: ") else { return false };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse() == Ok(id)
}

async fn plan(sdk: &Sdk, height: i64) -> Option<Option<Plan>> {
    let request = upgrade::CurrentPlanRequest {};
    match sdk.query::<_, upgrade::CurrentPlanResponse>(upgrade::CURRENT_PLAN, request, height).await {
        Ok((answer, _)) => {
            let plan = answer.plan.filter(|p| p.height > 0);
            Some(plan.map(|p| Plan { name: plain(&p.name), height: p.height }))
        }
        Err(_) => legacy::plan(&sdk.store(legacy::PLAN, b"", height).await.ok()?),
    }
}

async fn owned(sdk: &Sdk, valoper: &str, account: &str, denom: &str, height: i64) -> Operator {
    let amount = |coin: Option<Coin>| coin.filter(|c| c.denom == denom)?.amount.parse::<u128>().ok();
    let request = bank::BalanceRequest { address: account.into(), denom: denom.into() };
    let balance = match sdk.query::<_, bank::BalanceResponse>(bank::BALANCE, request, height).await {
        Ok((answer, _)) => amount(answer.balance),
        Err(_) => {
            let json = sdk.store(legacy::BALANCES, &legacy::balances_request(account), height).await;
            json.ok().and_then(|json| legacy::balance(&json, denom))
        }
    };
    let request = bank::DelegationRequest { delegator_addr: account.into(), validator_addr: valoper.into() };
    let delegation = sdk.query::<_, bank::DelegationResponse>(bank::DELEGATION, request, height).await;
    let self_delegation = delegation.ok().and_then(|(a, _)| amount(a.delegation_response?.balance));
    let request = bank::CommissionRequest { validator_address: valoper.into() };
    let commission = sdk.query::<_, bank::CommissionResponse>(bank::COMMISSION, request, height).await;
    let commission = commission.ok().and_then(|(a, _)| {
        let coins = a.commission?.commission;
        let units = coins.into_iter().find(|c| c.denom == denom).map_or(Some(0), |c| c.amount.parse().ok());
        units.map(|units: u128| units / 1_000_000_000_000_000_000)
    });
    Operator { balance, self_delegation, commission, ..Operator::default() }
}

#[cfg(test)]
mod tests {
    use super::is_absent;

    #[test]
    fn only_the_keepers_words_mean_no() {
        let log =
            "rpc error: code = InvalidArgument desc = voter: akash1x not found for proposal: 12: unknown";
        assert!(is_absent(log, 12));
        for (log, id) in [(log, 1), (log, 2), ("voter not found", 12), ("proposal 12 not found", 12), ("", 0)]
        {
            assert!(!is_absent(log, id), "{log} {id}");
        }
    }
}
