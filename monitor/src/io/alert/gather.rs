//! Brings together what the rules look at.

use super::{Desk, Plan};
use crate::alert::Millis;
use crate::alert::facts::{ChainFacts, Facts};
use crate::io::server::Served;
use std::collections::BTreeMap;

/// A disagreement is told for so long.
const LATELY: Millis = 3_600_000;

/// What has to be remembered between two looks.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// Disagreements of each chain, and when there was last a new one.
    disagreements: BTreeMap<String, (u64, Option<Millis>)>,
}

impl Gather {
    pub(super) fn facts(&mut self, served: &[Served], plan: &Plan, desk: &Desk, now: Millis) -> Facts {
        let chains = served.iter().map(|served| {
            let snapshot = served.snapshot();
            let id = &snapshot.chain.chain_id;
            let count = snapshot.chain.disagreements;
            let (seen, last) = self.disagreements.entry(id.clone()).or_default();
            if count > *seen {
                (*seen, *last) = (count, Some(now));
            }
            ChainFacts {
                disagreed: last.is_some_and(|at| now - at < LATELY),
                watch: plan.watch.get(id).cloned().unwrap_or_default(),
                fresh: snapshot.data_age_seconds.is_some() && !snapshot.blind,
                blind: snapshot.blind,
                disputed: snapshot.source_forked.is_some(),
                rewound: snapshot.source_below.is_some(),
                sources: snapshot.sources,
                view: snapshot.chain,
            }
        });
        let chains = chains.collect();
        let [signers, sentries] = desk.probes();
        let channels = plan.alerts.channels.iter().map(|c| desk.fares(&c.route.name, now)).collect();
        Facts { now: now / 1000, chains, signers, sentries, channels }
    }
}
