//! Troubles that are not misses: a jailing that becomes likely, votes that exclude, votes owed, upgrades, empty pockets.

use super::{Severity, Trouble, duration};
use crate::view::{ChainView, ProposalView, ValidatorView};

/// P(jail within a day) above this is worth a look.
const LIKELY: f64 = 0.01;
/// An upgrade nearer than this is said, in seconds.
const UPGRADE: f64 = 86_400.0;

pub(super) fn of(chain: &ChainView, v: &ValidatorView) -> Vec<Trouble> {
    let say = |severity, what: String, means: String, left: Option<String>, advice: String| Trouble {
        severity,
        valoper: v.valoper.clone(),
        moniker: v.moniker.clone(),
        what,
        means,
        left,
        advice,
    };
    let id = &chain.chain_id;
    let mut all = Vec::new();
    let left = v.blocks_to_jail.map(|k| format!("{k} blocks to jail if it signs none of them"));
    // Who is down has a worse line already, with the blocks that are left.
    let down = v.consecutive_missed >= super::STREAK;
    if let Some(p) = v.forecast.jail_probability_24h.filter(|p| *p > LIKELY && !down) {
        let means = match &v.stake.downtime_slash {
            Some(slash) => {
                format!("A jailing burns {} and ends the income until an unjail.", coins(chain, slash))
            }
            None => "A jailing burns part of the stake and ends the income until an unjail.".into(),
        };
        all.push(say(
            Severity::Warning,
            format!(
                "goes to jail within a day with a probability of {:.1} %, by its outages so far",
                p * 100.0
            ),
            means,
            left.clone(),
            "journalctl -u palisade-signer -n 50; curl -s localhost:26657/status".into(),
        ));
    }
    if let Some(other) = v.diagnosis.excluded_by.first() {
        all.push(say(
            Severity::Warning,
            format!(
                "is left out by the proposer {} {}: {} of {} blocks, {:.1} would be chance",
                other.proposer, other.moniker, other.missed, other.of, other.expected
            ),
            "Its votes reach that proposer too late: these misses count for jail like all others.".into(),
            left,
            "add a peer near that validator to persistent_peers of the sentries".into(),
        ));
    }
    if v.diagnosis.proposes_too_few {
        all.push(say(
            Severity::Warning,
            format!("proposes too few blocks: {:.0} were its share", v.diagnosis.expected_proposals),
            "Its proposals come too late or are refused; the proposer's reward goes to others.".into(),
            None,
            "curl -s localhost:26657/metrics | grep -i propos; look at timeout_propose and the mempool"
                .into(),
        ));
    }
    for proposal in chain.proposals.iter().flatten() {
        let unvoted =
            v.duty.as_ref().and_then(|d| d.unvoted.as_ref()).is_some_and(|u| u.contains(&proposal.id));
        if unvoted {
            all.push(say(
                Severity::Warning,
                format!("has not voted on proposal {} ({})", proposal.id, proposal.title),
                "Its delegators see a validator that does not vote.".into(),
                Some(format!("The voting ends at {}", proposal.ends)),
                format!(
                    "<node> tx gov vote {} yes|no|abstain|no_with_veto --from <operator> --chain-id {id}",
                    proposal.id
                ),
            ));
        }
        all.extend(parameters(proposal, v).map(|(severity, what, means, left)| {
            let advice = format!("<node> query gov proposal {}", proposal.id);
            say(severity, what, means, left, advice)
        }));
    }
    if let Some(upgrade) = chain.upgrade.as_ref().filter(|u| u.seconds.is_some_and(|s| s < UPGRADE)) {
        all.push(say(
            Severity::Warning,
            format!("needs the binary of the upgrade {:?} at height {}", upgrade.name, upgrade.height),
            "The old binary stops there; whoever comes back late misses blocks.".into(),
            upgrade.seconds.map(|s| format!("{} blocks, about {}", upgrade.blocks, duration(s))),
            format!("<node> query upgrade plan; cosmovisor add-upgrade {:?} <binary>", upgrade.name),
        ));
    }
    if v.duty.as_ref().is_some_and(|d| d.balance.as_deref() == Some("0")) {
        all.push(say(
            Severity::Warning,
            "its operator's account is empty".into(),
            "No fee can be paid: no vote, and no unjail when it counts.".into(),
            None,
            "send some coins to the operator's account, or withdraw the commission".into(),
        ));
    }
    if v.stake.seat_after == Some(false) && v.jailed == Some(true) {
        let price = chain.seats.price.as_deref().map(|p| coins(chain, p)).unwrap_or_default();
        all.push(say(
            Severity::Warning,
            "has too little stake for a seat after an unjail".into(),
            format!("A seat costs more than {price}: it would leave jail and stay outside the set."),
            v.stake.rank_after.map(|rank| format!("It would be number {rank}")),
            format!("<node> tx staking delegate {} <amount> --from <account> --chain-id {id}", v.valoper),
        ));
    }
    all
}

/// A proposal that narrows the window of this validator.
fn parameters(
    proposal: &ProposalView,
    v: &ValidatorView,
) -> Option<(Severity, String, String, Option<String>)> {
    let change = proposal.slashing.as_ref()?;
    let own = change.own.iter().find(|b| b.valoper == v.valoper)?;
    let then = own.budget_then?;
    if then >= own.budget && !own.jailed_at_once {
        return None;
    }
    let severity = if own.jailed_at_once { Severity::Critical } else { Severity::Warning };
    let what = if own.jailed_at_once {
        format!("would be jailed at once by proposal {} if it passes now", proposal.id)
    } else {
        format!("would be left with {then} misses instead of {} by proposal {}", own.budget, proposal.id)
    };
    let means =
        format!("The window becomes {} blocks with a share of {} signed.", change.blocks, change.min_signed);
    let left = own
        .blocks_to_jail_then
        .map(|k| format!("{k} blocks to jail then; the voting ends at {}", proposal.ends));
    Some((severity, what, means, left))
}

fn coins(chain: &ChainView, amount: &str) -> String {
    match &chain.seats.denom {
        Some(denom) => format!("{amount} {denom}"),
        None => amount.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{BudgetView, DutyView, ExclusionView, ParameterChangeView, UpgradeView};

    fn said(chain: &ChainView) -> Vec<String> {
        of(chain, &chain.validators[0]).into_iter().map(|t| t.what).collect()
    }

    #[test]
    fn who_is_down_is_not_told_that_it_may_be_jailed() {
        let mut v = ValidatorView { consecutive_missed: 300, ..ValidatorView::default() };
        v.forecast.jail_probability_24h = Some(1.0);
        let chain = ChainView { validators: vec![v], ..ChainView::default() };
        assert_eq!(said(&chain), Vec::<String>::new());
    }

    #[test]
    fn every_duty_has_its_words() {
        let mut v =
            ValidatorView { own: true, in_set: true, valoper: "v".into(), ..ValidatorView::default() };
        let mut chain =
            ChainView { chain_id: "c".into(), validators: vec![v.clone()], ..ChainView::default() };
        assert_eq!(said(&chain), Vec::<String>::new(), "nothing known is nothing wrong");
        v.forecast.jail_probability_24h = Some(0.25);
        v.diagnosis.excluded_by = vec![ExclusionView { proposer: "p".into(), ..ExclusionView::default() }];
        v.diagnosis.proposes_too_few = true;
        v.jailed = Some(true);
        v.stake.seat_after = Some(false);
        v.duty = Some(DutyView {
            balance: Some("0".into()),
            unvoted: Some(vec![7]),
            vote_unknown: Some(vec![8]),
            ..DutyView::default()
        });
        let own = vec![BudgetView {
            valoper: "v".into(),
            budget: 9,
            budget_then: Some(-1),
            jailed_at_once: true,
            ..BudgetView::default()
        }];
        let slashing = Some(ParameterChangeView { own, ..ParameterChangeView::default() });
        chain.proposals = Some(vec![
            ProposalView { id: 7, slashing, ..ProposalView::default() },
            ProposalView { id: 8, ..ProposalView::default() },
        ]);
        chain.upgrade =
            Some(UpgradeView { name: "v2".into(), seconds: Some(60.0), ..UpgradeView::default() });
        chain.validators = vec![v];
        let said = said(&chain);
        for (what, part) in said.iter().zip([
            "probability of 25.0 %",
            "left out by the proposer p",
            "proposes too few",
            "has not voted on proposal 7",
            "jailed at once by proposal 7",
            "binary of the upgrade",
            "account is empty",
            "too little stake",
        ]) {
            assert!(what.contains(part), "{what}: {part}");
        }
        assert_eq!(said.len(), 8, "{said:?}");
        assert!(of(&chain, &chain.validators[0]).iter().all(|t| !t.advice.is_empty()));
    }
}
