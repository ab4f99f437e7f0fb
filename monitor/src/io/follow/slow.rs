//! The slow lane of a chain's task: probabilities of jail, computed on a thread of their own, and the operators' duties.
//!
//! Own validators and those in danger are computed in every round, the others in turn, so that a set of any size costs
//! the same per round. Nothing here delays a block.

use super::beside::Answer;
use super::{Follower, LIVE};
use crate::event::Event;
use crate::forecast::outlook::{self, Question};
use crate::io::duty;
use crate::view;
use comet::key::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Between two rounds of probabilities.
const OUTLOOK_EVERY: Duration = Duration::from_secs(60);
/// One chain computes at a time: many chains share one core with what is urgent.
static TURN: Semaphore = Semaphore::const_new(1);
/// Others in one round.
const IN_TURN: usize = 8;
/// Between two readings of duties: fees, votes and plans change in hours.
const DUTIES_EVERY: Duration = Duration::from_secs(60);

/// When what was asked last.
#[derive(Debug, Default)]
pub(super) struct Slow {
    outlook_at: Option<Instant>,
    outlook_asked: bool,
    duties_at: Option<Instant>,
    duties_asked: bool,
}

impl Slow {
    /// An answer has come.
    pub(super) fn asked(&mut self, event: &Event) {
        self.outlook_asked &= !matches!(event, Event::Outlook(_));
        self.duties_asked &= !matches!(event, Event::Duties(_));
    }
}

fn due(at: Option<Instant>, every: Duration) -> bool {
    at.is_none_or(|at| at.elapsed() >= every)
}

impl Follower {
    /// Starts what is due.
    pub(super) fn ask_slowly(&mut self) {
        let Some(head) = self.state.head().map(|h| h.height) else { return };
        if self.pool.tip().is_none_or(|tip| tip > head + LIVE) {
            return;
        }
        if !self.slow.outlook_asked && due(self.slow.outlook_at, OUTLOOK_EVERY) {
            self.ask_outlook();
        }
        if !self.slow.duties_asked
            && due(self.slow.duties_at, DUTIES_EVERY)
            && self.state.profiles().is_some()
        {
            self.slow.duties_at = Some(Instant::now());
            self.slow.duties_asked = true;
            let own = view::own(&self.state, &self.chain.watch);
            let own: Vec<String> = own.into_values().collect();
            let (answers, sdk) = (self.answers.0.clone(), self.sdk.clone());
            tokio::spawn(async move {
                // One behind the head: the node has certainly executed it.
                let duties = duty::read(&sdk, &own, (head - 1).max(1)).await;
                let _ = answers.send(Answer::Slow(Event::Duties(Box::new(duties)))).await;
            });
        }
    }

    fn ask_outlook(&mut self) {
        let (Some(windows), Some(set), Some(pace)) =
            (self.state.windows(), self.state.set(), self.state.pace())
        else {
            return;
        };
        let fine: BTreeSet<Address> = view::own(&self.state, &self.chain.watch).into_keys().collect();
        let limit = windows.params.max_missed().unwrap_or(0);
        let danger = set.members().iter().map(|m| m.address).filter(|address| {
            let missed = windows.entries.get(address).map_or(0, |e| e.window.missed);
            missed.saturating_mul(2) > limit
        });
        let mut who: BTreeSet<Address> = fine.iter().copied().chain(danger).collect();
        let age = |address: &Address| self.state.outlook().get(address).map_or(0, |c| c.height);
        let mut others: Vec<Address> =
            set.members().iter().map(|m| m.address).filter(|a| !who.contains(a)).collect();
        others.sort_by_key(age);
        who.extend(others.into_iter().take(IN_TURN));
        let question = Question {
            windows: windows.clone(),
            set: set.clone(),
            rows: self.state.recent().cloned().collect(),
            pace,
            who,
            fine,
        };
        self.slow.outlook_at = Some(Instant::now());
        self.slow.outlook_asked = true;
        let answers = self.answers.0.clone();
        tokio::spawn(async move {
            let _turn = TURN.acquire().await;
            let answer = tokio::task::spawn_blocking(move || outlook::answer(&question)).await;
            let chances: BTreeMap<_, _> = answer.unwrap_or_default();
            let _ = answers.send(Answer::Slow(Event::Outlook(chances))).await;
        });
    }
}
