//! What the counts of a diagnosis prove: pairs that chance does not explain.
//!
//! Every table is searched for its largest excess, so each pair must be as unlikely as [`DOUBT`] divided by the number of
//! pairs that could have been there (Bonferroni): then in a thousand chains without any cause, one would see a name.

use super::{Diagnosis, Signs};
use comet::key::Address;
use std::collections::BTreeMap;

/// Probability of naming anybody without a cause.
const DOUBT: f64 = 1e-3;
/// Fewer are never named, however unlikely.
const LEAST: u32 = 4;

/// A pair with more than chance gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The other one.
    pub other: Address,
    /// Times it was seen.
    pub seen: u64,
    /// Heights in which it could have been.
    pub of: u64,
    /// Times that chance would give.
    pub expected: f64,
}

/// What is proven, by validator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Next proposers under which its votes are left out.
    pub excluded_by: BTreeMap<Address, Vec<Pair>>,
    /// Who begins to miss when it does.
    pub misses_with: BTreeMap<Address, Vec<Pair>>,
    /// Groups of those.
    pub clusters: Vec<Vec<Address>>,
}

#[allow(clippy::cast_precision_loss, reason = "counts, far below 2^52")]
fn float(n: u64) -> f64 {
    n as f64
}

/// P(X >= `seen`) of a Poisson law, an upper bound of the binomial one for rare events above their mean.
pub fn chance(seen: u64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return if seen == 0 { 1.0 } else { 0.0 };
    }
    let mut term = -mean;
    for i in 1..=seen {
        term += (mean / float(i)).ln();
    }
    let (mut sum, mut term, mut i) = (0.0, term.exp(), seen);
    while term > 0.0 && i < seen + 10_000 {
        sum += term;
        i += 1;
        term *= mean / float(i);
        if term < sum * 1e-12 && float(i) > mean {
            break;
        }
    }
    sum.min(1.0)
}

/// P(X <= `seen`) of a Poisson law.
pub fn chance_of_few(seen: u64, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for i in 1..=seen {
        term *= mean / float(i);
        sum += term;
    }
    sum.min(1.0)
}

impl Signs {
    /// It proposed so few that chance is excluded, for all of the set together.
    pub fn proposes_too_few(&self, set: usize) -> bool {
        self.expected >= 10.0
            && float(self.proposed) < self.expected
            && chance_of_few(self.proposed, self.expected) < DOUBT / float(set.max(1) as u64)
    }
}

impl Diagnosis {
    /// What the counts prove now.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let active = self.signs.iter().filter(|s| s.heights > 0).count() as u64;
        let pairs = float(active.max(2)).powi(2);
        for ((who, proposer), seen) in self.excluded.iter().filter(|(_, n)| **n >= LEAST) {
            let signs = &self.signs[usize::from(*who)];
            let under = u64::from(self.under.get(proposer).copied().unwrap_or(0));
            let rate = float(signs.onsets) / float(signs.heights.max(1));
            let expected = rate * float(under);
            // The pair itself is part of the rate: against what it does under all others.
            let others = float(signs.onsets.saturating_sub(u64::from(*seen)))
                / float(signs.heights.saturating_sub(under).max(1))
                * float(under);
            if chance(u64::from(*seen), others.max(float(under) * 1e-4)) < DOUBT / pairs {
                let pair = self.pair(*proposer, *seen, under, expected);
                verdict.excluded_by.entry(self.names[usize::from(*who)]).or_default().push(pair);
            }
        }
        let mut edges = Vec::new();
        for ((a, b), seen) in self.together.iter().filter(|(_, n)| **n >= LEAST) {
            let (left, right) = (&self.signs[usize::from(*a)], &self.signs[usize::from(*b)]);
            let heights = left.heights.min(right.heights).max(1);
            let expected = float(left.onsets) * float(right.onsets) / float(heights);
            if chance(u64::from(*seen), expected) < DOUBT / pairs {
                for (from, to) in [(*a, *b), (*b, *a)] {
                    let pair = self.pair(to, *seen, heights, expected);
                    verdict.misses_with.entry(self.names[usize::from(from)]).or_default().push(pair);
                }
                edges.push((*a, *b));
            }
        }
        let most = |pairs: &mut Vec<Pair>| {
            pairs.sort_by_key(|p| (std::cmp::Reverse(p.seen), p.other));
            pairs.truncate(5);
        };
        verdict.excluded_by.values_mut().for_each(most);
        verdict.misses_with.values_mut().for_each(most);
        verdict.clusters = self.clusters(&edges);
        verdict
    }

    fn pair(&self, other: u16, seen: u32, of: u64, expected: f64) -> Pair {
        Pair { other: self.names[usize::from(other)], seen: u64::from(seen), of, expected }
    }

    /// Connected groups.
    fn clusters(&self, edges: &[(u16, u16)]) -> Vec<Vec<Address>> {
        let mut group: BTreeMap<u16, u16> = BTreeMap::new();
        for (a, b) in edges {
            let (a, b) = (*group.entry(*a).or_insert(*a), *group.entry(*b).or_insert(*b));
            group.values_mut().filter(|g| **g == b).for_each(|g| *g = a);
        }
        let mut members: BTreeMap<u16, Vec<Address>> = BTreeMap::new();
        for (id, group) in group {
            members.entry(group).or_default().push(self.names[usize::from(id)]);
        }
        members.into_values().collect()
    }
}
