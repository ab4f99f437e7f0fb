//! The daemon: opens histories, starts one set of tasks per chain, serves until it is told to stop.

use super::feed;
use super::follow::{Follower, Published};
use super::history::{History, HistoryError};
use super::http::{Http, Tls, TlsError};
use super::pool::Pool;
use super::server::{self, Served};
use crate::chain::State;
use crate::config::{self, Config};
use crate::view;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The page's address is taken.
    #[error("cannot listen on {address}: {source}\ntry: another listen = \"…\", or stop what uses it")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A history cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server ended.
    #[error("the server ended: {0}")]
    Serve(std::io::Error),
}

/// Runs until `stop` is ready. `bound` is told the address that is really listened on.
pub async fn run(
    config: Config,
    bound: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let listen = |source| RunError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let http = Http::new(&Tls::default())?;
    let mut tasks = JoinSet::new();
    let mut served = Vec::new();
    for chain in &config.chains {
        served.push(start(chain, &config, &http, &mut tasks)?);
    }
    let (_keep, chains) = watch::channel(served);
    tracing::info!(%address, chains = config.chains.len(), "monitor runs");
    bound(address);
    let result = server::serve(listener, chains, stop).await.map_err(RunError::Serve);
    tasks.shutdown().await;
    tracing::info!("monitor stopped");
    result
}

fn start(
    chain: &config::Chain,
    config: &Config,
    http: &Http,
    tasks: &mut JoinSet<()>,
) -> Result<Served, RunError> {
    let mut history = History::open(&config.data_dir, &chain.id)?;
    let state = State::restore(history.load()?);
    let restored = state.head().map(|h| h.height);
    tracing::info!(chain = %chain.id, ?restored, "history opened");
    let pool = Arc::new(Pool::new(&chain.id, &chain.rpc, http));
    let empty = Published {
        view: Arc::new(view::chain(&chain.id, &state, &chain.watch)),
        feed: None,
        received: None,
    };
    let (out, published) = watch::channel(empty);
    let (blocks, received) = mpsc::channel(16);
    for index in 0..pool.size() {
        tasks.spawn(refresh(pool.clone(), index));
    }
    tasks.spawn(feed::run(chain.id.clone(), pool.clone(), blocks));
    tasks.spawn(Follower::new(chain.clone(), pool.clone(), state, history, out).run(received));
    Ok(Served { published, pool })
}

/// Keeps one endpoint's health up to date: quickly while polling carries the feed. One task each, so that a hung
/// endpoint delays no other.
async fn refresh(pool: Arc<Pool>, index: usize) {
    loop {
        pool.refresh_one(index).await;
        let streaming = pool.streaming.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(if streaming { 5000 } else { 500 })).await;
    }
}
