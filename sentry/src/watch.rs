//! The audit as a daemon: what is known of every finding over time, who is told what, and whether the sentries do their work.
//!
//! ```text
//! Report ── confirm ──> which absences count ──┐
//!                                              ├─ ledger ──> open, gone, back ── view ──> JSON
//! Report ── its findings ──────────────────────┘                              ├─ metrics ──> Prometheus
//! a node's RPC ── health ──> lag, peers, links of validators ─────────────────┴─ alert ──> Alertmanager
//! ```
//!
//! Two audiences: what goes into metrics, the redacted JSON and (unless told otherwise) alerts names rules and severities and
//! no host, address or id of anybody who hides; the details are behind a socket that only the operator opens. Absent: any
//! decision about schedule and retry, which `io::watch` takes.

pub mod alert;
pub mod confirm;
pub mod health;
pub mod ledger;
pub mod metrics;
pub mod settings;
pub mod span;
pub mod view;

use serde::{Deserialize, Serialize};

use crate::audit::Report;
use crate::live::{Answer, Live, P2p, Part, Pex, State};

/// What a run of the audit came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// When it ended, in seconds since 1970.
    pub at: i64,
    /// How long it took, in seconds.
    pub duration: f64,
    /// Why there is no result, with its `try:` line; it names hosts and files.
    pub error: Option<String>,
    /// What was reached.
    pub reach: Coverage,
}

/// How much of what should be seen was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Addresses by part: how many answered anything, and how many nothing.
    pub targets: Vec<(Part, usize, usize)>,
    /// Address books that were read.
    pub books_read: usize,
    /// Nodes without PEX.
    pub books_off: usize,
    /// Nodes that face the world and whose book was not read.
    pub books_unread: usize,
    /// Distinct addresses in all answers of all nodes, nodes counted one by one.
    pub addresses: usize,
    /// The worst chance that one entry of a book that was read was in no answer.
    pub miss: Option<f64>,
    /// Rules that ran.
    pub rules: usize,
}

impl Coverage {
    /// Of a report and what was seen for it.
    pub fn of(report: &Report, live: Option<&Live>) -> Self {
        let mut coverage = Self { rules: report.rules.len(), ..Self::default() };
        let Some(live) = live else { return coverage };
        for target in &live.targets {
            let answered = confirm::answers(target);
            match coverage.targets.iter_mut().find(|(part, ..)| *part == target.part) {
                Some((_, reached, silent)) => {
                    *reached += usize::from(answered);
                    *silent += usize::from(!answered);
                }
                None => coverage.targets.push((target.part, usize::from(answered), usize::from(!answered))),
            }
            coverage.book(target);
        }
        coverage.targets.sort_unstable();
        coverage
    }

    fn book(&mut self, target: &crate::live::Target) {
        let faces = matches!(target.part, Part::Sentry | Part::Seed | Part::Rpc | Part::Outsider);
        match target.node() {
            Some((_, node)) => match &node.pex {
                Pex::Read(census, _) if census.answers() > 0 => {
                    self.books_read += 1;
                    self.addresses += census.distinct();
                    self.miss = Some(self.miss.unwrap_or(0.0).max(census.miss()));
                }
                Pex::Off => self.books_off += 1,
                Pex::Read(..) | Pex::Refused | Pex::Unspoken => self.books_unread += 1,
            },
            None if faces => self.books_unread += 1,
            None => {}
        }
    }
}

/// Whether a port said anything that only this protocol says.
pub(crate) fn spoke(state: &State, answer: Option<&Answer>) -> bool {
    *state == State::Open && !matches!(answer, Some(Answer::P2p(P2p::Silent | P2p::Dropped)))
}
