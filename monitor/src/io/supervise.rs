//! What runs in the background, and how it is exchanged while the daemon goes on: a chain or a service is stopped and
//! started only when its own part of the configuration is another.
//!
//! Everything a task owns can be left at any `await`: histories are written in one synchronous transaction.

use super::feed;
use super::follow::{Follower, Published};
use super::history::{History, HistoryError};
use super::pool::Pool;
use super::reach::{Clients, ReachError};
use super::server::Served;
use crate::chain::State;
use crate::config::{self, Config};
use crate::view;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// One background service, and the section of the configuration that it runs by.
#[derive(Debug)]
pub struct Service<C> {
    name: &'static str,
    running: Option<(C, JoinHandle<()>)>,
}

impl<C: PartialEq + Clone> Service<C> {
    /// Not running yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, running: None }
    }

    /// Sees to it that the service runs by `wanted`, or not at all. Nothing happens when it does already.
    pub async fn apply<F>(&mut self, wanted: Option<&C>, start: impl FnOnce(C) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.running.as_ref().map(|(config, _)| config) == wanted {
            return;
        }
        let service = self.name;
        match (self.running.is_some(), wanted.is_some()) {
            (true, true) => tracing::info!(service, "its configuration changed, starting it again"),
            (true, false) => tracing::info!(service, "no longer configured, stopped"),
            (false, _) => tracing::debug!(service, "starts"),
        }
        self.stop().await;
        self.running = wanted.map(|config| (config.clone(), tokio::spawn(start(config.clone()))));
    }

    /// Stops it and waits until it has.
    pub async fn stop(&mut self) {
        if let Some((_, task)) = self.running.take() {
            task.abort();
            let _ = task.await;
        }
    }
}

/// Why a chain cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its history cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The secrets of one of its endpoints cannot.
    #[error(transparent)]
    Reach(#[from] ReachError),
}

/// All chains that are watched.
#[derive(Debug, Default)]
pub struct Chains {
    running: Vec<Running>,
    served: watch::Sender<Vec<Served>>,
}

#[derive(Debug)]
struct Running {
    config: config::Chain,
    data_dir: PathBuf,
    served: Served,
    tasks: JoinSet<()>,
}

impl Chains {
    /// No chain yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The chains in the order of the configuration, as they are from time to time.
    pub fn served(&self) -> watch::Receiver<Vec<Served>> {
        self.served.subscribe()
    }

    /// Starts, stops and exchanges chains until they are those of `config`; says how many. After an error everything is
    /// as it was before. Certificates and tokens are read again; a chain whose tokens changed is exchanged.
    pub async fn apply(&mut self, config: &Config) -> Result<usize, StartError> {
        let mut clients = Clients::default();
        let mut pools = Vec::new();
        for chain in &config.chains {
            pools.push(Arc::new(Pool::new(chain, &mut clients)?));
        }
        let wanted = |id: &str| config.chains.iter().zip(&pools).find(|(c, _)| c.id == id);
        let same = |r: &Running, c: &config::Chain, pool: &Pool| {
            r.config == *c && r.data_dir == config.data_dir && r.served.pool.same(pool)
        };
        // First what may fail without harm: chains that were not there before.
        let mut fresh = Vec::new();
        for (chain, pool) in config.chains.iter().zip(&pools) {
            if !self.running.iter().any(|r| r.config.id == chain.id) {
                fresh.push(start(chain, &config.data_dir, pool.clone())?);
            }
        }
        let mut changed = fresh.len();
        for new in &fresh {
            tracing::info!(chain = %new.config.id, "watched from now on");
        }
        let mut old = std::mem::replace(&mut self.running, fresh);
        for mut running in old.drain(..) {
            match wanted(&running.config.id) {
                Some((chain, pool)) if same(&running, chain, pool) => self.running.push(running),
                Some((chain, pool)) => {
                    changed += 1;
                    running.tasks.shutdown().await;
                    tracing::info!(chain = %chain.id, "its configuration changed, starting it again");
                    // Its own file was open a moment ago; if it cannot be opened now, the disk has failed.
                    match start(chain, &config.data_dir, pool.clone()) {
                        Ok(new) => self.running.push(new),
                        Err(error) => tracing::error!(chain = %chain.id, %error, "not watched any more"),
                    }
                }
                None => {
                    changed += 1;
                    running.tasks.shutdown().await;
                    tracing::info!(chain = %running.config.id, "no longer watched");
                }
            }
        }
        let place = |id: &str| config.chains.iter().position(|c| c.id == id);
        self.running.sort_by_key(|r| place(&r.config.id));
        self.served.send_replace(self.running.iter().map(|r| r.served.clone()).collect());
        Ok(changed)
    }

    /// Stops all of them and waits until they have.
    pub async fn stop(&mut self) {
        for running in &mut self.running {
            running.tasks.shutdown().await;
        }
    }
}

fn start(chain: &config::Chain, data_dir: &Path, pool: Arc<Pool>) -> Result<Running, HistoryError> {
    let mut history = History::open(data_dir, &chain.id)?;
    history.keep(chain.keep);
    let state = State::restore(history.load()?);
    let restored = state.head().map(|h| h.height);
    tracing::info!(chain = %chain.id, ?restored, "history opened");
    let empty = Published {
        view: Arc::new(view::chain(&chain.id, &state, &chain.watch)),
        feed: None,
        received: None,
        history: history.view(),
    };
    let (out, published) = watch::channel(empty);
    let (blocks, received) = mpsc::channel(16);
    let (ask, questions) = mpsc::channel(4);
    let mut tasks = JoinSet::new();
    for index in 0..pool.size() {
        tasks.spawn(refresh(pool.clone(), index));
    }
    tasks.spawn(feed::run(chain.id.clone(), pool.clone(), blocks));
    tasks.spawn(Follower::new(chain.clone(), pool.clone(), state, history, out).run(received, questions));
    let (compat, directory) = (chain.compat.clone(), data_dir.to_owned());
    let served = Served { published, pool, ask, started: Instant::now(), compat, directory };
    Ok(Running { config: chain.clone(), data_dir: data_dir.into(), served, tasks })
}

/// Keeps one endpoint's health up to date: quickly while polling carries the feed. One task each, so that a hung
/// endpoint delays no other.
async fn refresh(pool: Arc<Pool>, index: usize) {
    loop {
        pool.refresh_one(index).await;
        let streaming = pool.streaming.load(Ordering::Relaxed);
        let pause = match (pool.is_rpc(index), streaming) {
            (true, false) => 500,
            (true, true) => 5000,
            (false, _) => 30_000,
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}
