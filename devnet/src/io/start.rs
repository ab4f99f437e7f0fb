//! Starting and stopping a devnet inside this process.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use comet::key::{NodeId, PrivateKey, PublicKey};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::info;

use super::engine::Engine;
use super::handle::Handle;
use super::link::Listener;
use super::node::{NodeTask, Nodes};
use super::shared::{Shared, now};
use super::{grpc, rpc};
use crate::chain::{Chain, Genesis};
use crate::ledger::Ledger;
use crate::node::Node;
use crate::record::Record;
use crate::round::Keyring;
use crate::script::Script;
use crate::seats::{COIN, Origin};

/// Requests that may wait for one node.
const QUEUE: usize = 16;

/// A devnet to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names, stakes, chain id and parameters.
    pub origin: Origin,
    /// Faults.
    pub script: Script,
    /// From one block to the next; zero is as fast as possible.
    pub block_time: Duration,
    /// The RPC's address; port 0 takes a free one.
    pub rpc: SocketAddr,
    /// The gRPC's address; port 0 takes a free one.
    pub grpc: SocketAddr,
    /// A seat whose key a remote signer holds.
    pub remote: Option<Remote>,
    /// What the headers say of the time from one block to the next; without it, what the clock says.
    pub pace: Option<Duration>,
    /// Stop making blocks after this height; the servers stay.
    pub blocks: Option<i64>,
    /// No block above this height before it says more: for whoever has to look while nothing moves.
    pub hold: Option<watch::Receiver<i64>>,
    /// Blocks kept for queries; each takes some 50 KB.
    pub keep: usize,
}

/// A seat whose votes come from remote signers.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Index of the seat.
    pub seat: usize,
    /// Where its nodes listen, one address for each node: `tcp://host:port` or `unix:///path`.
    pub addresses: Vec<String>,
    /// The seat's key; without it the chain starts when the first signer has named its key.
    pub key: Option<PublicKey>,
}

/// A devnet that cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address cannot be used.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// A chain without validators, or a window without blocks.
    #[error("a chain needs a validator with a whole coin and a window of at least one block")]
    Empty,
    /// The remote seat is none of the chain's.
    #[error("seat {0} does not exist, there are {1}")]
    Seat(usize, usize),
}

impl Default for Options {
    /// akashnet-1 with a block a second on free loopback ports.
    fn default() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            origin: Origin::akashnet_1(),
            script: Script::default(),
            block_time: Duration::from_secs(1),
            rpc: loopback,
            grpc: loopback,
            remote: None,
            pace: None,
            blocks: None,
            hold: None,
            keep: 5_000,
        }
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address: address.to_string(), error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Binds everything and returns; the chain begins as soon as the remote seat's key is known.
///
/// Until then the RPC and gRPC accept connections and do not answer.
pub async fn start(options: Options) -> Result<Handle, StartError> {
    let seats = options.origin.seats.len();
    if let Some(remote) = options.remote.as_ref().filter(|r| r.seat >= seats) {
        return Err(StartError::Seat(remote.seat, seats));
    }
    let window = options.script.params(&options.origin.slashing).window;
    if window < 1 || options.origin.seats.iter().all(|seat| seat.tokens < COIN) {
        return Err(StartError::Empty);
    }
    let (rpc_listener, rpc) = bind(options.rpc).await?;
    let (grpc_listener, grpc) = bind(options.grpc).await?;
    let (stop, stopped) = watch::channel(false);
    let (ready, shared) = watch::channel(None);
    let record = Arc::new(Mutex::new(Record::default()));
    let key = Arc::new(OnceLock::new());
    if let Some(known) = options.remote.as_ref().and_then(|r| r.key) {
        // Just made, so it is empty.
        let _ = key.set(known);
    }
    let (learned, knows) = watch::channel(key.get().is_some());

    let mut tasks = Vec::new();
    let (mut privval, mut asks) = (Vec::new(), Vec::new());
    for (index, address) in options.remote.iter().flat_map(|r| &r.addresses).enumerate() {
        let failed = |error| StartError::Listen { address: address.clone(), error };
        let listener = Listener::bind(address).await.map_err(failed)?;
        privval.push(listener.address().map_err(failed)?);
        let (ask, receiver) = mpsc::channel(QUEUE);
        asks.push(ask);
        let task = NodeTask {
            index,
            listener,
            chain_id: options.origin.chain_id.clone(),
            key: Arc::clone(&key),
            learned: learned.clone(),
            record: Arc::clone(&record),
            asks: receiver,
        };
        tasks.push(tokio::spawn(task.run(stopped.clone())));
    }
    let chain_id = options.origin.chain_id.clone();
    let birth = Birth { options, rpc, key, asks, record: Arc::clone(&record), ready };
    tasks.push(tokio::spawn(birth.wait(knows, stopped, rpc_listener, grpc_listener)));
    Ok(Handle { rpc, grpc, privval, chain_id, shared, record, stop, tasks })
}

/// A chain that waits for its last key.
struct Birth {
    options: Options,
    rpc: SocketAddr,
    key: Arc<OnceLock<PublicKey>>,
    asks: Vec<mpsc::Sender<super::node::Ask>>,
    record: Arc<Mutex<Record>>,
    ready: watch::Sender<Option<Arc<Shared>>>,
}

impl Birth {
    async fn wait(
        self,
        mut knows: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
        rpc_listener: TcpListener,
        grpc_listener: TcpListener,
    ) {
        if self.options.remote.is_some() {
            let known = async { knows.wait_for(|known| *known).await.is_ok() };
            tokio::select! {
                () = super::shared::stopped(stop.clone()) => return,
                _ = known => {}
            }
        }
        let ready = self.ready.clone();
        let (shared, engine) = self.begin();
        let servers = [
            tokio::spawn(rpc::serve(rpc_listener, Arc::clone(&shared), stop.clone())),
            tokio::spawn(grpc::serve(grpc_listener, Arc::clone(&shared), stop.clone())),
        ];
        ready.send_replace(Some(shared));
        engine.run(stop).await;
        for server in servers {
            // A server that panicked has been logged by the runtime.
            let _ = server.await;
        }
    }

    fn begin(self) -> (Arc<Shared>, Engine) {
        let options = self.options;
        let validators = options.origin.seats.len();
        let origin = options.script.apply_to(options.origin);
        let remote_seat = options.remote.as_ref().map(|r| r.seat);
        let mut keys: Keyring = Vec::new();
        let mut public = Vec::new();
        for seat in 0..origin.seats.len() {
            match self.key.get().filter(|_| remote_seat == Some(seat)) {
                Some(key) => {
                    keys.push(None);
                    public.push(*key);
                }
                None => {
                    let key = PrivateKey::generate(&mut OsRng);
                    public.push(key.public());
                    keys.push(Some(key));
                }
            }
        }
        let birth = now();
        let genesis = Genesis { origin, keys: public, validators, time: birth };
        let chain = Chain::new(&genesis);
        let mut id = [0; 20];
        OsRng.fill_bytes(&mut id);
        let node = Node {
            id: NodeId(id),
            moniker: "devnet".to_owned(),
            rpc_address: self.rpc.to_string(),
            seat: remote_seat.unwrap_or(0),
            genesis,
            ledger: Ledger::new(options.keep, Arc::clone(chain.rotation())),
        };
        let nodes = remote_seat.zip(self.key.get()).map(|(seat, key)| Nodes {
            seat,
            key: *key,
            asks: self.asks,
            record: self.record,
            block_time: options.block_time,
        });
        info!(chain = chain.id(), validators, "the chain begins");
        let shared = Arc::new(Shared::new(options.script, node));
        let engine = Engine {
            shared: Arc::clone(&shared),
            chain,
            keys,
            nodes,
            block_time: options.block_time,
            birth,
            pace: options.pace,
            last_height: options.blocks,
            hold: options.hold,
        };
        (shared, engine)
    }
}
