//! Why validators miss: what the page, the API and the metrics show of the diagnosis.

use super::round;
use crate::chain::State;
use crate::diagnosis::verdict::Pair;
use comet::key::Address;
use serde::Serialize;

/// Diagnosis of one validator, since the monitor started and at most a day back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DiagnosisView {
    /// Misses while nearly all others signed.
    pub solo_missed: u64,
    /// Misses in blocks that much of the rest missed too.
    pub network_missed: u64,
    /// Outages: three misses in a row or more.
    pub outages: u64,
    /// Blocks it proposed without a transaction.
    pub empty_proposed: u64,
    /// The same in a row, up to now.
    pub consecutive_empty: u64,
    /// Blocks it should have proposed by its share of the power.
    pub expected_proposals: f64,
    /// It proposed so few that chance does not explain it.
    pub proposes_too_few: bool,
    /// Its votes are left out by these next proposers far more often than by others: peering or distance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_by: Vec<ExclusionView>,
    /// It begins to miss at the same heights as these, far more often than by chance: the same machine, network or hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misses_with: Vec<CoMissView>,
}

/// One proposer that leaves the votes of a validator out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExclusionView {
    /// The proposer of the next block, operator address.
    pub proposer: String,
    /// Its name; hostile text.
    pub moniker: String,
    /// Single misses under it.
    pub missed: u64,
    /// Heights under it.
    pub of: u64,
    /// Misses that chance would give.
    pub expected: f64,
}

/// One validator that misses together with another.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CoMissView {
    /// Operator address.
    pub valoper: String,
    /// Its name; hostile text.
    pub moniker: String,
    /// Times both began to miss at the same height.
    pub together: u64,
    /// Times that chance would give.
    pub expected: f64,
}

/// Diagnosis of the chain, since the monitor started and at most a day back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HealthView {
    /// Counted heights it speaks of.
    pub heights: u64,
    /// Of these, decided after round 0.
    pub late_rounds: u64,
    /// Rounds that decided nothing, in sum.
    pub failed_rounds: u64,
    /// Blocks without a transaction.
    pub empty_blocks: u64,
    /// Transactions in all blocks.
    pub transactions: u64,
    /// Heights at which much of the power was absent.
    pub network_events: u64,
    /// Groups that miss together, operator addresses.
    pub clusters: Vec<Vec<String>>,
}

/// Operator address and name, or the consensus address where there is no staking module.
fn name(state: &State, address: &Address) -> (String, String) {
    let profile = state.profiles().and_then(|p| p.by_address.get(address));
    profile.map_or_else(|| (address.to_string(), String::new()), |p| (p.valoper.clone(), p.moniker.clone()))
}

/// Of the chain.
pub(super) fn health(state: &State) -> HealthView {
    let d = &state.diagnosis;
    HealthView {
        heights: d.heights,
        late_rounds: d.late_rounds,
        failed_rounds: d.failed_rounds,
        empty_blocks: d.empty_blocks,
        transactions: d.transactions,
        network_events: d.events,
        clusters: (d.proven.clusters.iter())
            .map(|group| group.iter().map(|a| name(state, a).0).collect())
            .collect(),
    }
}

/// Of one validator.
pub(super) fn build(state: &State, address: &Address) -> DiagnosisView {
    let Some(signs) = state.diagnosis.of(address) else { return DiagnosisView::default() };
    let proven = &state.diagnosis.proven;
    let pairs =
        |map: &std::collections::BTreeMap<Address, Vec<Pair>>| map.get(address).cloned().unwrap_or_default();
    let exclusion = |pair: Pair| {
        let (proposer, moniker) = name(state, &pair.other);
        let expected = round(pair.expected);
        ExclusionView { proposer, moniker, missed: pair.seen, of: pair.of, expected }
    };
    let together = |pair: Pair| {
        let (valoper, moniker) = name(state, &pair.other);
        CoMissView { valoper, moniker, together: pair.seen, expected: round(pair.expected) }
    };
    DiagnosisView {
        solo_missed: signs.solo,
        network_missed: signs.shared,
        outages: signs.outages,
        empty_proposed: signs.empty,
        consecutive_empty: signs.empty_streak,
        expected_proposals: round(signs.expected),
        proposes_too_few: signs.proposes_too_few(state.set().map_or(0, |s| s.members().len())),
        excluded_by: pairs(&proven.excluded_by).into_iter().map(exclusion).collect(),
        misses_with: pairs(&proven.misses_with).into_iter().map(together).collect(),
    }
}
