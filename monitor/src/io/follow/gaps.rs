//! Fills the gaps of the history when an endpoint has their blocks after all: one that keeps more was added, or came back.
//!
//! The rows go to the history, to its hours and days, and to the counters. The windows do not need them: they were read
//! anew after the gap.

use super::beside::Answer;
use super::{Follower, PARALLEL, Seen, chained, fetch};
use crate::chain::Head;
use crate::event::Block;
use crate::io::history::read;
use crate::io::pool::Pool;
use crate::io::rpc::{Client, RpcFailure};
use crate::light::Untrue;
use crate::row::{self, Row};
use crate::set::Set;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Heights at once.
const PIECE: i64 = 64;
/// Until an endpoint may have more than it had.
const LATER: Duration = Duration::from_secs(60);

impl Follower {
    /// Asks for a piece of the newest gap that an endpoint may fill. The newest: it is the first that nodes prune.
    pub(super) fn ask_gaps(&mut self) {
        let (Some(at), Some(earliest)) = (self.gap_at, self.pool.earliest()) else { return };
        let has_more = self.gap_earliest.is_none_or(|before| earliest < before);
        self.gap_earliest = Some(earliest);
        if at > Instant::now() && !has_more {
            return;
        }
        self.gap_at = Some(Instant::now() + LATER);
        let gaps = match read::gaps(self.history.connection()) {
            Ok(gaps) => gaps,
            Err(error) => {
                tracing::error!(chain = %self.chain.id, %error, "gaps not read");
                return;
            }
        };
        let Some(gap) = gaps.into_iter().rev().find(|gap| *gap.end() >= earliest) else { return };
        let to = *gap.end();
        let from = (*gap.start()).max(earliest).max(to - PIECE + 1);
        self.gap_at = None;
        let (answers, pool, chain_id) = (self.answers.0.clone(), self.pool.clone(), self.chain.id.clone());
        tokio::spawn(async move {
            let result = rows(&pool, &chain_id, from, to).await;
            let _ = answers.send(Answer::Found(result)).await;
        });
    }

    pub(super) fn take_found(&mut self, found: Result<Vec<Arc<Row>>, RpcFailure>) {
        let chain = self.chain.id.as_str();
        self.gap_at = Some(Instant::now() + LATER);
        let rows = match found {
            Ok(rows) if rows.is_empty() => return,
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(chain, %error, "gap not filled yet");
                return;
            }
        };
        match self.history.merge(&rows, true) {
            Ok(merged) => {
                let (from, to) = (rows.first().map(|r| r.height), rows.last().map(|r| r.height));
                tracing::info!(chain, ?from, ?to, new = merged.new.len(), "gap filled");
                self.state.found(&merged.new);
                self.gap_at = Some(Instant::now());
            }
            Err(error) => tracing::error!(chain, %error, "gap not filled"),
        }
    }
}

/// The rows of `from..=to`, of which the last block is that of `to + 1`.
async fn rows(pool: &Pool, chain_id: &str, from: i64, to: i64) -> Result<Vec<Arc<Row>>, RpcFailure> {
    let blocks = futures_util::stream::iter(from..=to + 1);
    let blocks = blocks.map(|height| fetch(pool, chain_id, height, false)).buffered(PARALLEL);
    let seen: Vec<Result<Seen, RpcFailure>> = blocks.collect().await;
    let seen: Vec<Seen> = seen.into_iter().collect::<Result<_, _>>()?;
    // Each must name the one before, and where some fit their hashes all must: a fork or a lie stays a gap.
    let fits = |good: bool| seen.iter().any(|s| s.ids.fit.is_some_and(|fit| fit.is_ok() == good));
    if !seen.windows(2).all(|pair| chained(&pair[0], &pair[1])) || fits(true) && fits(false) {
        return Err(Untrue::Before.into());
    }
    let blocks: Vec<Block> = seen.into_iter().map(|s| s.block).collect();
    let mut sets: BTreeMap<String, Arc<Set>> = BTreeMap::new();
    let mut rows = Vec::new();
    for pair in blocks.windows(2) {
        let [block, next] = pair else { continue };
        let set = match sets.get(&block.set_hash) {
            Some(set) => set.clone(),
            None => {
                let (height, hash) = (block.height, block.set_hash.clone());
                let ask = |client: Client| {
                    let hash = hash.clone();
                    async move { client.set(height, &hash).await }
                };
                let set = Arc::new(pool.ask(ask).await?);
                sets.insert(block.set_hash.clone(), set.clone());
                set
            }
        };
        rows.extend(row::join(&Head::of(block), set, next).map(Arc::new));
    }
    Ok(rows)
}
