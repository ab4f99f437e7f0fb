//! The loop that makes blocks: open a round, ask remote signers, tally, execute, publish, wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use comet::privval::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::node::Nodes;
use super::shared::{Shared, now, stopped};
use crate::chain::Chain;
use crate::moment;
use crate::round::{Keyring, Round};

/// A failed round costs at most so much, and at least [`MIN_ROUND`] once several have failed.
const MAX_ROUND: Duration = Duration::from_secs(1);
const MIN_ROUND: Duration = Duration::from_millis(20);

pub(super) struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) chain: Chain,
    pub(super) keys: Keyring,
    pub(super) nodes: Option<Nodes>,
    pub(super) block_time: Duration,
    pub(super) birth: Timestamp,
    pub(super) pace: Option<Duration>,
    pub(super) last_height: Option<i64>,
    pub(super) hold: Option<watch::Receiver<i64>>,
}

impl Engine {
    /// Makes blocks until told to stop, or until the last one wanted.
    pub(super) async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut tick = Instant::now();
        while self.last_height.is_none_or(|last| self.chain.height() < last) {
            tokio::select! {
                () = stopped(stop.clone()) => return,
                () = self.block() => {}
            }
            tick += self.block_time;
            // After a halt or a late round the chain does not hurry to catch up.
            tick = tick.max(Instant::now());
            tokio::select! {
                () = stopped(stop.clone()) => return,
                () = sleep_until(tick) => {}
            }
            if self.block_time.is_zero() {
                tokio::task::yield_now().await;
            }
        }
        info!(height = self.chain.height(), "the last block wanted is made");
    }

    /// When the votes of `height` are cast.
    fn now(&self, height: i64) -> Timestamp {
        let Some(pace) = self.pace else { return now() };
        moment::plus(self.birth, pace.saturating_mul(u32::try_from(height).unwrap_or(u32::MAX)))
    }

    async fn block(&mut self) {
        let height = self.chain.height() + 1;
        if let Some(hold) = &mut self.hold {
            // Whoever held it is gone: it goes on.
            let _ = hold.wait_for(|to| *to >= height).await;
        }
        if let Some(pause) = self.shared.script.halt(height) {
            warn!(height, seconds = pause.as_secs_f64(), "the chain halts by script");
            sleep(pause).await;
        }
        for round in 0.. {
            let mut open = Round::begin(&self.chain, &self.shared.script, round);
            let remote = match &self.nodes {
                Some(nodes) => nodes.ask(&self.chain, &mut open, self.now(height)).await,
                None => BTreeMap::new(),
            };
            let script = &self.shared.script;
            let signatures = open.precommits(&self.chain, script, &self.keys, &remote, self.now(height));
            let Some(commit) = open.tally(&self.chain, signatures) else {
                let wait = (self.block_time / 2).min(MAX_ROUND);
                sleep(if round > 3 { wait.max(MIN_ROUND) } else { wait }).await;
                continue;
            };
            let proofs = open.equivocations(&self.chain, script, &self.keys, self.now(height));
            let block = self.chain.finalize(open.draft, commit, script.operations(height));
            self.chain.report(proofs);
            self.shared.publish(Arc::new(block), &self.chain);
            return;
        }
    }
}
