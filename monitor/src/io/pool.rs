//! The endpoints of one chain: who is healthy, who is asked first, who answered what.
//!
//! An endpoint that fails is asked last; one of another chain or another history is not asked at all. The freshest height
//! over all endpoints is the truth about how far the chain is: `catching_up: false` is what a halted node says as well.

use super::reach::{Clients, Reach, ReachError};
use super::rest::RestFailure;
use super::rpc::{Client, RpcFailure};
use super::source::Source;
use super::{grpc, rest};
use crate::config;
use crate::health::{Class, Health, Quarantine};
use crate::metrics::SourceView;
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Blocks an endpoint may be behind the best one before others are preferred.
const LAG: i64 = 3;
/// Longer than this nobody waits for an endpoint's turn.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Many may wait for the same endpoint's next turn and only one gets it: the others wait on, for so long.
const QUEUE: Duration = Duration::from_secs(30);
/// Hashes of own blocks kept, to know a fork by.
const KEPT: usize = 512;

/// All endpoints of one chain.
#[derive(Debug)]
pub struct Pool {
    chain_id: String,
    reach: Vec<Reach>,
    sources: Vec<Arc<Source<Client>>>,
    grpc: Vec<Source<grpc::Client>>,
    rest: Vec<Source<rest::Client>>,
    own: Mutex<Own>,
    /// Whether a websocket delivers, so that polling may be slow.
    pub streaming: AtomicBool,
}

/// What the chain's own task says of the blocks that it took.
#[derive(Debug, Default)]
struct Own {
    hashes: VecDeque<(i64, String)>,
    /// Endpoints disagree on this height and none is proved right.
    disputed: Option<i64>,
    /// All endpoints are below the last own block: tip and own height.
    below: Option<(i64, i64)>,
}

impl Pool {
    /// The endpoints of `chain`, best first. Reads their secrets.
    pub fn new(chain: &config::Chain, clients: &mut Clients) -> Result<Self, ReachError> {
        let mut reached =
            |list: &[config::Endpoint]| list.iter().map(|e| clients.reach(e)).collect::<Result<Vec<_>, _>>();
        let (rpc, grpc, rest) = (reached(&chain.rpc)?, reached(&chain.grpc)?, reached(&chain.rest)?);
        let about = |r: &Reach| (r.endpoint().name(), r.endpoint().rate);
        Ok(Self {
            chain_id: chain.id.clone(),
            sources: rpc
                .iter()
                .map(|r| Arc::new(Source::new(Client::new(r.clone()), about(r).0, "rpc", about(r).1)))
                .collect(),
            grpc: grpc
                .iter()
                .filter_map(|r| Some(Source::new(grpc::client(r)?, about(r).0, "grpc", about(r).1)))
                .collect(),
            rest: rest
                .iter()
                .map(|r| Source::new(rest::Client::new(r.clone()), about(r).0, "rest", about(r).1))
                .collect(),
            reach: [rpc, grpc, rest].concat(),
            own: Mutex::default(),
            streaming: AtomicBool::new(false),
        })
    }

    /// Whether `other` would ask the same endpoints with the same tokens.
    pub fn same(&self, other: &Self) -> bool {
        self.reach == other.reach
    }

    /// How many endpoints there are.
    pub fn size(&self) -> usize {
        self.sources.len() + self.grpc.len() + self.rest.len()
    }

    /// Whether endpoint `index` is asked for blocks.
    pub fn is_rpc(&self, index: usize) -> bool {
        index < self.sources.len()
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks every endpoint for its status, all at once.
    pub async fn refresh(&self) {
        futures_util::future::join_all((0..self.size()).map(|i| self.refresh_one(i))).await;
    }

    /// Asks endpoint `index` for its status, unless it wants to be left alone.
    pub async fn refresh_one(&self, index: usize) {
        if let Some(source) = self.sources.get(index) {
            if !pausing(source) {
                self.refresh_rpc(source).await;
            }
            return;
        }
        let index = index - self.sources.len();
        if let Some(source) = self.grpc.get(index) {
            if !pausing(source)
                && let Ok((chain, height)) = source.ask(grpc::latest(&source.client)).await
            {
                self.judge(source, &chain, height);
            }
        } else if let Some(source) = self.rest.get(index - self.grpc.len())
            && !pausing(source)
            && let Ok((chain, height)) = source.ask(source.client.latest()).await
        {
            self.judge(source, &chain, height);
        }
    }

    async fn refresh_rpc(&self, source: &Source<Client>) {
        let Ok(status) = source.ask(source.client.status()).await else { return };
        let sync = status.sync_info;
        source.health().earliest = sync.earliest_block_height;
        source.health().catching_up = sync.catching_up;
        if self.judge(source, &status.node_info.network, sync.latest_block_height) {
            return;
        }
        let at = |height: i64| self.own().hashes.iter().rev().find(|(h, _)| *h == height).cloned();
        if let Some((height, own)) = at(sync.latest_block_height) {
            return self.compare(source, height, &own, &sync.latest_block_hash);
        }
        // Put aside and at another height than we are: our last block tells whether it may come back.
        let aside = matches!(source.health().quarantine, Some(Quarantine::Forked(_) | Quarantine::Lied(_)));
        let last = self.own().hashes.back().cloned();
        if let Some((height, own)) = last.filter(|(height, _)| aside && *height <= sync.latest_block_height)
            && let Ok(theirs) = source.ask(source.client.block_hash(height)).await
        {
            self.compare(source, height, &own, &theirs);
        }
    }

    /// Notes what an endpoint says of itself; true when it is of another chain.
    fn judge<C>(&self, source: &Source<C>, chain: &str, height: i64) -> bool {
        let mut health = source.health();
        let other = chain != self.chain_id;
        if other {
            let found: String = chain.chars().filter(|c| !c.is_control()).take(60).collect();
            if !matches!(health.quarantine, Some(Quarantine::OtherChain(_))) {
                let endpoint = source.name();
                tracing::error!(%endpoint, %found, expected = %self.chain_id, "endpoint is of another chain, put aside");
                health.errors[Class::Foreign as usize] += 1;
                health.last_error = Some(format!("it is a node of chain {found:?}, not {:?}", self.chain_id));
            }
            health.quarantine = Some(Quarantine::OtherChain(found));
        } else if matches!(health.quarantine, Some(Quarantine::OtherChain(_))) {
            tracing::info!(endpoint = source.name(), "endpoint is of our chain now");
            health.quarantine = None;
        }
        if let Some(before) = health.height.filter(|before| height + LAG < *before && !other) {
            tracing::warn!(endpoint = source.name(), before, height, "endpoint went back");
        }
        health.height = Some(height);
        other
    }

    /// Puts an endpoint aside that has another block than we do, and takes it back when it has the same.
    fn compare(&self, source: &Source<Client>, height: i64, own: &str, theirs: &str) {
        let mut health = source.health();
        let forked = !own.eq_ignore_ascii_case(theirs);
        if forked && !theirs.is_empty() && !matches!(health.quarantine, Some(Quarantine::Forked(_))) {
            let theirs: String = theirs.chars().take(64).collect();
            tracing::error!(endpoint = source.name(), height, own, %theirs, "endpoint has another block, put aside");
            health.errors[Class::Foreign as usize] += 1;
            health.last_error = Some(format!("at height {height} it has block {theirs}, the others {own}"));
            health.quarantine = Some(Quarantine::Forked(height));
        } else if !forked && matches!(health.quarantine, Some(Quarantine::Forked(_) | Quarantine::Lied(_))) {
            tracing::info!(endpoint = source.name(), height, "endpoint has our blocks again");
            health.quarantine = None;
        }
    }

    /// Puts the endpoint called `name` aside, because what it said cannot be true.
    #[expect(clippy::needless_pass_by_value, reason = "an accusation is made for one endpoint")]
    pub fn accuse(&self, name: &str, quarantine: Quarantine, reason: &str) {
        for source in self.sources.iter().filter(|s| s.name() == name) {
            let mut health = source.health();
            tracing::error!(endpoint = name, reason, "endpoint does not tell the truth, put aside");
            health.errors[Class::Foreign as usize] += 1;
            health.last_error = Some(reason.into());
            health.quarantine = Some(quarantine.clone());
        }
    }

    /// A block has been taken: endpoints that have another one at this height are of another history. One that came without
    /// its id (Tendermint 0.33 over the websocket) says nothing about others.
    pub fn took(&self, height: i64, hash: String) {
        let mut own = self.own();
        own.disputed = own.disputed.filter(|at| *at > height);
        if hash.is_empty() {
            return;
        }
        if own.hashes.len() == KEPT {
            own.hashes.pop_front();
        }
        own.hashes.push_back((height, hash));
    }

    /// Hash of the block that was taken at `height`.
    pub fn hash(&self, height: i64) -> Option<String> {
        self.own().hashes.iter().rev().find(|(h, _)| *h == height).map(|(_, hash)| hash.clone())
    }

    /// Endpoints disagree on a height and none is proved right.
    pub fn dispute(&self, height: i64) {
        self.own().disputed = Some(height);
    }

    /// The height that endpoints disagree on: `None` when there is none, or it has been settled.
    pub fn disputed(&self) -> Option<i64> {
        self.own().disputed
    }

    /// Compares the chain's height with `own`, that of the last block taken; true once when the chain is below.
    pub fn stands(&self, own: i64) -> bool {
        let below = self.tip().filter(|tip| tip + LAG < own).map(|tip| (tip, own));
        let before = std::mem::replace(&mut self.own().below, below);
        below.is_some() && before.is_none()
    }

    /// All endpoints are below the last own block: the chain was restored or begun again. Tip and own height.
    pub fn below(&self) -> Option<(i64, i64)> {
        self.own().below
    }

    fn usable<T>(&self, read: fn(&Health) -> T) -> impl Iterator<Item = T> {
        self.sources.iter().filter_map(move |source| {
            let health = source.health();
            health.usable().then(|| read(&health))
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

    /// A websocket or another source has seen `height` on the endpoint called `name`.
    pub fn saw(&self, name: &str, height: i64) {
        for source in self.sources.iter().filter(|s| s.name() == name) {
            let mut health = source.health();
            health.height = health.height.max(Some(height));
            health.last_good = Some(Instant::now());
        }
    }

    /// The order in which endpoints are asked: working and fresh ones first, then as configured. Those that do not have
    /// `height` (0 = any) come last.
    pub fn order(&self, height: i64) -> Vec<Arc<Source<Client>>> {
        let (tip, now) = (self.tip().unwrap_or(0), Instant::now());
        let mut order: Vec<_> =
            self.sources.iter().filter(|s| s.health().quarantine.is_none()).cloned().collect();
        order.sort_by_cached_key(|s| {
            let h = s.health();
            let lacks = height > 0 && (h.earliest > height || h.height.is_some_and(|has| has < height));
            let behind = h.height.is_none_or(|height| height + LAG < tip);
            (lacks, h.failing, h.is_limited(now), h.catching_up, behind)
        });
        order
    }

    /// The RPC endpoint with this name.
    pub fn source(&self, name: &str) -> Option<&Arc<Source<Client>>> {
        self.sources.iter().find(|s| s.name() == name)
    }

    /// Working endpoints other than the one called `name` that have `height`, or will in a moment.
    pub fn others(&self, name: &str, height: i64) -> Vec<Arc<Source<Client>>> {
        let mut all = self.all_others(name, height);
        all.retain(|s| s.health().height.is_some_and(|has| has + LAG >= height));
        all
    }

    /// The same however far they are, which is as old as the last look at them; the likeliest to have `height` first.
    pub fn all_others(&self, name: &str, height: i64) -> Vec<Arc<Source<Client>>> {
        let now = Instant::now();
        let may = |s: &Arc<Source<Client>>| {
            let h = s.health();
            h.usable() && h.earliest <= height && !h.catching_up && h.wait(now).is_zero()
        };
        self.order(height).into_iter().filter(|s| s.name() != name && may(s)).collect()
    }

    /// Asks one endpoint after the other until one answers; the first error is returned when none does.
    pub async fn ask<T, F, Fut>(&self, question: F) -> Result<T, RpcFailure>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, RpcFailure>>,
    {
        self.ask_at(0, question).await.map(|(answer, _)| answer)
    }

    /// The same for something that only endpoints with `height` can know; says who answered.
    pub async fn ask_at<T, F, Fut>(&self, height: i64, question: F) -> Result<(T, String), RpcFailure>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, RpcFailure>>,
    {
        let started = Instant::now();
        loop {
            let order = self.order(height);
            let now = Instant::now();
            let soonest = order.iter().map(|s| s.health().wait(now)).min().unwrap_or(Duration::MAX);
            if soonest > LONGEST_WAIT || now - started > QUEUE {
                return Err(RpcFailure::NoneLeft);
            }
            tokio::time::sleep(soonest).await;
            let mut first = None;
            for source in order {
                if !source.health().wait(Instant::now()).is_zero() {
                    continue;
                }
                match source.ask(question(source.client.clone())).await {
                    Ok(answer) => return Ok((answer, source.name().into())),
                    Err(error) => first.get_or_insert(error),
                };
            }
            if let Some(error) = first {
                return Err(error);
            }
        }
    }

    /// gRPC endpoints that may be asked now, working ones first.
    pub fn grpc(&self) -> Vec<&Source<grpc::Client>> {
        willing(&self.grpc)
    }

    /// `GET path` from one REST endpoint after the other; `height` 0 = latest. With the height that the node answered for,
    /// where it says so.
    pub async fn rest(&self, path: &str, height: i64) -> Result<(Bytes, Option<i64>), RestFailure> {
        let mut first = None;
        for source in willing(&self.rest) {
            match source.ask(source.client.get(path, height)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => first.get_or_insert(error),
            };
        }
        Err(first.unwrap_or(RestFailure::NoneLeft))
    }

    /// Health of all endpoints.
    pub fn view(&self) -> Vec<SourceView> {
        let tip = self.tip();
        let chosen = self.order(0).first().map(|s| s.name().to_owned());
        let rpc = self.sources.iter().map(|s| {
            let chosen = chosen.as_deref() == Some(s.name());
            SourceView { chosen, ..s.view(tip) }
        });
        let grpc = self.grpc.iter().map(|s| s.view(tip));
        rpc.chain(grpc).chain(self.rest.iter().map(|s| s.view(tip))).collect()
    }

    /// Whether a websocket delivers.
    pub fn set_streaming(&self, streaming: bool) {
        self.streaming.store(streaming, Ordering::Relaxed);
    }
}

/// An endpoint that pauses is not asked for its status either: that is what the pause is for.
fn pausing<C>(source: &Source<C>) -> bool {
    !source.health().wait(Instant::now()).is_zero()
}

fn willing<C>(sources: &[Source<C>]) -> Vec<&Source<C>> {
    let now = Instant::now();
    let may = |s: &&Source<C>| {
        let health = s.health();
        health.quarantine.is_none() && health.wait(now).is_zero()
    };
    let mut order: Vec<_> = sources.iter().filter(may).collect();
    order.sort_by_key(|s| s.health().failing);
    order
}

mod agreed;
pub use agreed::most;
#[cfg(test)]
mod tests;
