//! A running devnet in the hands of a test or of the demo.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use comet::key::{Address, PublicKey};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::shared::Shared;
use crate::chain::Finalized;
use crate::record::{DoubleSign, NodeStats, Record};
use crate::truth::{self, Truth};

/// Servers get so long to finish when the devnet stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running devnet. Dropping it stops it as well, without waiting.
pub struct Handle {
    pub(super) rpc: SocketAddr,
    pub(super) grpc: SocketAddr,
    pub(super) privval: Vec<String>,
    pub(super) chain_id: String,
    pub(super) shared: watch::Receiver<Option<Arc<Shared>>>,
    pub(super) record: Arc<Mutex<Record>>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) tasks: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle(rpc {}, grpc {}, height {})", self.rpc, self.grpc, self.height())
    }
}

impl Handle {
    /// The RPC's address.
    pub fn rpc_addr(&self) -> SocketAddr {
        self.rpc
    }

    /// The gRPC's address.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// Where the remote seat's nodes wait for their signers, ready to be put into a signer's configuration.
    pub fn privval_addrs(&self) -> &[String] {
        &self.privval
    }

    /// Chain id.
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.borrow().clone()
    }

    /// Height of the last block; 0 before the first.
    pub fn height(&self) -> i64 {
        self.shared().map_or(0, |s| s.node().ledger.height())
    }

    /// The chain's own numbers after the last block; `None` while the chain has not begun.
    pub fn truth(&self) -> Option<Truth> {
        self.shared().map(|s| s.truth())
    }

    /// Blocks until the validator is jailed if it misses every one from now on.
    pub fn blocks_to_jail(&self, address: &Address) -> Option<i64> {
        let shared = self.shared()?;
        let node = shared.node();
        truth::blocks_to_jail(&node.ledger.last()?.app, address)
    }

    /// Consensus address of a seat; `None` while the chain has not begun.
    pub fn address_of(&self, seat: usize) -> Option<Address> {
        self.shared()?.node().genesis.keys.get(seat).map(PublicKey::address)
    }

    /// Blocks from now on; waits for the chain to begin. A receiver that lags more than 256 blocks loses the oldest.
    pub async fn subscribe(&self) -> Option<broadcast::Receiver<Arc<Finalized>>> {
        let mut ready = self.shared.clone();
        let shared = ready.wait_for(Option::is_some).await.ok()?;
        shared.as_ref().map(|s| s.blocks())
    }

    /// Waits until the chain has the block of `height`; `None` when the chain ended before.
    pub async fn wait_height(&self, height: i64) -> Option<i64> {
        let mut ready = self.shared.clone();
        let shared = ready.wait_for(Option::is_some).await.ok()?.clone()?;
        let mut heights = shared.heights();
        heights.wait_for(|h| *h >= height).await.ok().map(|h| *h)
    }

    /// Slots for which remote signers gave more than one signature. It must be empty.
    pub fn double_signs(&self) -> Vec<DoubleSign> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).double_signs()
    }

    /// How each node of the remote seat fared, and how many slots were signed in all.
    pub fn signer_stats(&self) -> (Vec<NodeStats>, usize) {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        (record.nodes().to_vec(), record.len())
    }

    /// Stops everything and waits until it has.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for mut task in self.tasks {
            if timeout(FAREWELL, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}
