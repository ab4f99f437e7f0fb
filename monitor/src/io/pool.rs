//! The RPC endpoints of one chain: who is healthy, who is asked first, who answered what.
//!
//! An endpoint that fails is asked last, not never; one of another chain is not asked at all. The freshest height over all
//! endpoints is the truth about how far the chain is: `catching_up: false` is what a halted node says as well.

use super::http::Http;
use super::rpc::{Client, RpcFailure};
use crate::config::Endpoint;
use crate::metrics::SourceView;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Blocks an endpoint may be behind the best one before others are preferred.
const LAG: i64 = 3;

/// All endpoints of one chain.
#[derive(Debug)]
pub struct Pool {
    chain_id: String,
    sources: Vec<Source>,
    /// Whether a websocket delivers, so that polling may be slow.
    pub streaming: AtomicBool,
}

#[derive(Debug)]
struct Source {
    client: Client,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    height: Option<i64>,
    earliest: i64,
    catching_up: bool,
    quarantined: bool,
    failing: bool,
    errors: u64,
    last_error: Option<String>,
    last_good: Option<Instant>,
}

impl Source {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn good(&self) {
        let mut health = self.health();
        health.last_good = Some(Instant::now());
        if std::mem::take(&mut health.failing) {
            tracing::info!(endpoint = %self.client.endpoint().authority, "endpoint answers again");
        }
    }

    fn bad(&self, error: &RpcFailure) {
        let mut health = self.health();
        health.errors += 1;
        health.last_error = Some(error.to_string());
        let broken = !matches!(error, RpcFailure::Node(_) | RpcFailure::App { .. });
        if broken && !std::mem::replace(&mut health.failing, true) {
            tracing::warn!(endpoint = %self.client.endpoint().authority, %error, "endpoint fails");
        }
    }
}

impl Pool {
    /// The endpoints of `chain_id`, best first.
    pub fn new(chain_id: &str, endpoints: &[Endpoint], http: &Http) -> Self {
        let client = |e: &Endpoint| Client::new(e.clone(), http.clone());
        let source = |e: &Endpoint| Source { client: client(e), health: Mutex::default() };
        let sources = endpoints.iter().map(source).collect();
        Self { chain_id: chain_id.into(), sources, streaming: AtomicBool::new(false) }
    }

    /// How many endpoints there are.
    pub fn size(&self) -> usize {
        self.sources.len()
    }

    /// Asks every endpoint for its status, all at once.
    pub async fn refresh(&self) {
        futures_util::future::join_all((0..self.size()).map(|i| self.refresh_one(i))).await;
    }

    /// Asks endpoint `index` for its status.
    pub async fn refresh_one(&self, index: usize) {
        let Some(source) = self.sources.get(index) else { return };
        let status = match source.client.status().await {
            Ok(status) => status,
            Err(error) => return source.bad(&error),
        };
        source.good();
        let mut health = source.health();
        let other = status.node_info.network != self.chain_id;
        if other && !health.quarantined {
            let endpoint = &source.client.endpoint().authority;
            let found: String = status.node_info.network.chars().take(60).collect();
            tracing::error!(%endpoint, %found, expected = %self.chain_id, "endpoint is of another chain, put aside");
            health.errors += 1;
            health.last_error = Some(format!("it is a node of chain {found:?}, not {:?}", self.chain_id));
        }
        health.quarantined = other;
        health.height = Some(status.sync_info.latest_block_height);
        health.earliest = status.sync_info.earliest_block_height;
        health.catching_up = status.sync_info.catching_up;
    }

    fn usable<T>(&self, read: fn(&Health) -> T) -> impl Iterator<Item = T> {
        self.sources.iter().filter_map(move |source| {
            let health = source.health();
            usable(&health).then(|| read(&health))
        })
    }

    /// The highest height any endpoint of this chain has.
    pub fn tip(&self) -> Option<i64> {
        self.usable(|health| health.height).flatten().max()
    }

    /// The lowest height that some endpoint still has.
    pub fn earliest(&self) -> Option<i64> {
        self.usable(|health| health.earliest.max(1)).min()
    }

    /// A websocket or another source has seen `height` on endpoint `authority`.
    pub fn saw(&self, authority: &str, height: i64) {
        for source in self.sources.iter().filter(|s| s.client.endpoint().authority == authority) {
            let mut health = source.health();
            health.height = health.height.max(Some(height));
            health.last_good = Some(Instant::now());
        }
    }

    /// The order in which endpoints are asked: working and fresh ones first, then as configured.
    pub fn order(&self) -> Vec<Client> {
        let tip = self.tip().unwrap_or(0);
        let mut order: Vec<_> = self.sources.iter().filter(|s| !s.health().quarantined).collect();
        order.sort_by_key(|s| {
            let h = s.health();
            (h.failing, h.catching_up, h.height.is_none_or(|height| height + LAG < tip))
        });
        order.into_iter().map(|s| s.client.clone()).collect()
    }

    /// Asks one endpoint after the other until one answers; the first error is returned when none does.
    pub async fn ask<T, F, Fut>(&self, question: F) -> Result<T, RpcFailure>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, RpcFailure>>,
    {
        let mut first = None;
        for client in self.order() {
            let authority = client.endpoint().authority.clone();
            let source = self.sources.iter().find(|s| s.client.endpoint().authority == authority);
            match question(client).await {
                Ok(answer) => {
                    source.inspect(|s| s.good());
                    return Ok(answer);
                }
                Err(error) => {
                    source.inspect(|s| s.bad(&error));
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or(RpcFailure::NoneLeft))
    }

    /// Health of all endpoints.
    pub fn view(&self) -> Vec<SourceView> {
        let tip = self.tip();
        let chosen = self.order().first().map(|c| c.endpoint().clone());
        let view = |s: &Source| {
            let h = s.health();
            SourceView {
                endpoint: s.client.endpoint().authority.clone(),
                up: h.last_good.is_some() && usable(&h) && !h.catching_up,
                chosen: chosen.as_ref() == Some(s.client.endpoint()),
                quarantined: h.quarantined,
                height: h.height,
                lag: tip.zip(h.height).map(|(tip, height)| tip - height),
                age_seconds: h.last_good.map(|at| at.elapsed().as_secs_f64()),
                errors: h.errors,
                last_error: h.last_error.clone(),
            }
        };
        self.sources.iter().map(view).collect()
    }

    /// Whether a websocket delivers.
    pub fn set_streaming(&self, streaming: bool) {
        self.streaming.store(streaming, Ordering::Relaxed);
    }
}

fn usable(health: &Health) -> bool {
    !health.quarantined && !health.failing
}
