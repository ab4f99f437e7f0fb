//! Questions to a chain's task that are too rare to be answered with every block.

use crate::chain::State;
use crate::view::{self, Detail};
use comet::key::Address;
use tokio::sync::oneshot;

/// What somebody wants to know, and where the answer goes.
#[derive(Debug)]
pub struct Question {
    /// About whom.
    pub address: Address,
    /// `None`: nobody of that address is known.
    pub answer: oneshot::Sender<Option<Detail>>,
}

impl Question {
    /// Answers it; whoever has gone away meanwhile does not mind.
    pub(super) fn settle(self, state: &State) {
        let _ = self.answer.send(view::detail(state, &self.address));
    }
}
