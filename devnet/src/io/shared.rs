//! What the engine writes and the servers read.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use comet::privval::Timestamp;
use tokio::sync::{broadcast, watch};

use crate::chain::{Chain, Finalized};
use crate::moment;
use crate::node::Node;
use crate::script::{Answers, Script};
use crate::truth::{Tally, Truth};

/// Notifications that a slow subscriber may lag behind before it is cut off.
const BACKLOG: usize = 256;

pub(super) struct Shared {
    pub(super) script: Script,
    node: RwLock<Node>,
    tally: Mutex<Tally>,
    blocks: broadcast::Sender<Arc<Finalized>>,
    height: watch::Sender<i64>,
}

impl Shared {
    pub(super) fn new(script: Script, node: Node) -> Self {
        Self {
            script,
            node: RwLock::new(node),
            tally: Mutex::default(),
            blocks: broadcast::channel(BACKLOG).0,
            height: watch::channel(0).0,
        }
    }

    /// The node, for reading. A panic elsewhere leaves it readable: blocks are only ever added whole.
    pub(super) fn node(&self) -> RwLockReadGuard<'_, Node> {
        self.node.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a block and tells everybody.
    pub(super) fn publish(&self, block: Arc<Finalized>, chain: &Chain) {
        let mut node = self.node.write().unwrap_or_else(PoisonError::into_inner);
        let before = node.ledger.last().cloned();
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.block(&block, before.as_deref());
        node.ledger.push(Arc::clone(&block), Arc::clone(chain.rotation()));
        drop((node, tally));
        // Nobody listening is fine.
        let _ = self.height.send_replace(block.draft.height);
        let _ = self.blocks.send(block);
    }

    pub(super) fn truth(&self) -> Truth {
        let node = self.node();
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        match node.ledger.last() {
            Some(block) => tally.truth(&block.app),
            None => Truth { height: 0, signed_height: 0, late_rounds: 0, validators: Vec::new() },
        }
    }

    pub(super) fn blocks(&self) -> broadcast::Receiver<Arc<Finalized>> {
        self.blocks.subscribe()
    }

    pub(super) fn heights(&self) -> watch::Receiver<i64> {
        self.height.subscribe()
    }

    /// How the script has the RPC answer now.
    pub(super) fn answers(&self) -> Answers {
        self.script.answers(*self.height.borrow())
    }
}

/// The clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    moment::plus(Timestamp { seconds: 0, nanos: 0 }, since)
}

/// Resolves when the devnet is told to stop, or its handle is gone.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
