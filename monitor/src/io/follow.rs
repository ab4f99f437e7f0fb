//! One task per chain: it owns the chain's state and history, takes events in order, and publishes what is known.
//!
//! Blocks come from the websocket or from polling, gaps are filled by height, everything goes through
//! [`chain::apply`]. The slow questions (anchor, profiles) run beside it and come back as events.

mod beside;
mod gaps;
mod progress;
mod question;
mod slow;
mod vouch;

pub use vouch::Seen;

pub use question::Question;

use super::history::{History, Written};
use super::pool::Pool;
use super::rpc::{Client, RpcFailure};
use super::sdk::Sdk;
use crate::chain::{self, State};
use crate::change::Change;
use crate::config;
use crate::event::Event;
use crate::history::note::{self, Note};
use crate::light::{self, Untrue};
use crate::metrics::HistoryView;
use crate::row::Row;
use crate::view::{self, ChainView, GRID};
use beside::Answer;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Blocks taken before the other events get their turn.
const BATCH: i64 = 64;
/// Requests at once while catching up.
const PARALLEL: usize = 8;
/// Closer to the tip than this, the chain's own events are read with each block.
const LIVE: i64 = 4;
const TICK: Duration = Duration::from_millis(250);
/// Rows kept while the disk is full; then the oldest are given up, the chain still has them.
const UNWRITTEN: usize = 100_000;

/// What the server shows.
#[derive(Clone, Debug)]
pub struct Published {
    /// What is known.
    pub view: Arc<ChainView>,
    /// `websocket` or `polling`.
    pub feed: Option<&'static str>,
    /// When the last new block arrived.
    pub received: Option<Instant>,
    /// What is kept.
    pub history: Option<HistoryView>,
}

/// The task's own things.
pub struct Follower {
    chain: config::Chain,
    pool: Arc<Pool>,
    sdk: Sdk,
    state: State,
    history: History,
    out: watch::Sender<Published>,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    unwritten: Vec<Arc<Row>>,
    notes: Vec<Note>,
    gap_at: Option<Instant>,
    gap_earliest: Option<i64>,
    feed: Option<&'static str>,
    received: Option<Instant>,
    anchor_at: Option<Instant>,
    anchor_asked: bool,
    anchor_from: i64,
    line_until: Option<Instant>,
    profiles_at: Option<Instant>,
    retry_at: Instant,
    slow: slow::Slow,
    /// Whether the chain hashes as CometBFT does; `None` before the first block.
    hashing: Option<bool>,
    /// The set that the last block announced for the next height.
    next_set: Option<(i64, String)>,
    progress: Option<progress::Progress>,
}

impl Follower {
    /// Starts from `state`, which `history` gave back.
    pub fn new(
        chain: config::Chain,
        pool: Arc<Pool>,
        state: State,
        history: History,
        out: watch::Sender<Published>,
    ) -> Self {
        let now = Instant::now();
        let sdk = Sdk::new(pool.clone());
        Self {
            chain,
            pool,
            sdk,
            state,
            history,
            out,
            answers: mpsc::channel(4),
            unwritten: Vec::new(),
            notes: Vec::new(),
            gap_at: Some(now),
            gap_earliest: None,
            feed: None,
            received: None,
            anchor_at: Some(now),
            anchor_asked: false,
            anchor_from: 0,
            line_until: None,
            profiles_at: Some(now),
            retry_at: now,
            slow: slow::Slow::default(),
            hashing: None,
            next_set: None,
            progress: None,
        }
    }

    /// Runs until the websocket task is gone.
    pub async fn run(mut self, mut blocks: mpsc::Receiver<Seen>, mut questions: mpsc::Receiver<Question>) {
        self.publish();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                block = blocks.recv() => match block {
                    Some(block) => self.take_live(block).await,
                    None => return,
                },
                Some(answer) = self.answers.1.recv() => self.take_answer(answer),
                Some(question) = questions.recv() => question.settle(&self.state),
                _ = tick.tick() => self.poll().await,
            }
            self.ask_beside();
            self.ask_slowly();
        }
    }

    async fn take_live(&mut self, mut seen: Seen) {
        let next = self.state.head().is_some_and(|head| head.height + 1 == seen.block.height);
        if next && self.state.wanted_set().is_none() && self.follows(&seen) && self.vouch(&seen).await {
            let height = seen.block.height;
            self.confirm(&mut seen).await;
            if self.take_seen(seen) {
                self.feed = Some("websocket");
                if let Err(error) = self.fetch_set().await {
                    tracing::debug!(chain = %self.chain.id, height, %error, "validator set not read yet");
                }
            }
            self.flush();
            self.publish();
        } else {
            self.poll().await;
        }
    }

    async fn poll(&mut self) {
        if Instant::now() < self.retry_at {
            return;
        }
        let before = self.state.head().map(|h| h.height);
        let result = self.advance().await;
        if let Err(error) = result {
            tracing::debug!(chain = %self.chain.id, %error, "blocks not read, trying again");
            self.retry_at = Instant::now() + TICK * 4;
        }
        let head = self.state.head().map(|h| h.height);
        if let (Some(head), Some(tip)) = (head, self.pool.tip()) {
            progress::say(&mut self.progress, &self.chain.id, head, tip);
            if self.pool.stands(head) {
                tracing::error!(
                    chain = %self.chain.id, head, tip,
                    "every endpoint is below the last counted block, nothing is counted until they are past it; \
                     try: wait if nodes were restored; if the chain was begun again, stop, move its history away, start"
                );
            }
        }
        if head != before {
            if !self.pool.streaming.load(Ordering::Relaxed) {
                self.feed = Some("polling");
            }
            self.flush();
            self.publish();
        }
    }

    /// Takes up to a batch of the blocks between the head and the tip.
    async fn advance(&mut self) -> Result<(), RpcFailure> {
        self.fetch_set().await?;
        let (Some(tip), Some(earliest)) = (self.pool.tip(), self.pool.earliest()) else { return Ok(()) };
        let next = self.state.head().map_or(tip - GRID, |head| head.height + 1).max(earliest);
        let to = tip.min(next + BATCH - 1);
        let pool = self.pool.clone();
        let chain_id = self.chain.id.clone();
        let live = self.state.windows().is_some() && tip - next < LIVE;
        let fetch = |height: i64| {
            let (pool, chain_id) = (pool.clone(), chain_id.clone());
            async move { fetch(&pool, &chain_id, height, live).await }
        };
        let mut blocks = futures_util::stream::iter(next..=to).map(fetch).buffered(PARALLEL);
        let (mut batch, mut result) = (Vec::<Seen>::new(), Ok(()));
        while let Some(block) = blocks.next().await {
            match block {
                Ok(seen) if batch.last().is_none_or(|before| chained(before, &seen)) => batch.push(seen),
                Ok(_) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        drop(blocks);
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return result };
        if !self.follows(&first.clone()) {
            return result;
        }
        // The last one vouches for all before it; only when it is refused each one has to speak for itself.
        let vouched = self.vouch(&last.clone()).await;
        for mut seen in batch {
            if !(vouched || self.follows(&seen) && self.vouch(&seen).await) {
                break;
            }
            self.fetch_set().await?;
            self.confirm(&mut seen).await;
            if !self.take_seen(seen) {
                break;
            }
        }
        result?;
        self.fetch_set().await
    }

    /// Asks for the set of the head, if it is not known.
    async fn fetch_set(&mut self) -> Result<(), RpcFailure> {
        let Some((height, hash)) = self.state.wanted_set().map(|(h, hash)| (h, hash.to_owned())) else {
            return Ok(());
        };
        let hashed = self.hashing == Some(true);
        let ask = |client: Client| {
            let hash = hash.clone();
            async move {
                let set = client.set(height, &hash).await?;
                if hashed && !light::is_set(&set) { Err(Untrue::Set.into()) } else { Ok(set) }
            }
        };
        let set = self.pool.ask(ask).await?;
        self.take(Event::Set(set));
        Ok(())
    }

    /// Counts with a block that may be counted; false when it was refused.
    fn take_seen(&mut self, seen: Seen) -> bool {
        let Seen { block, ids, .. } = seen;
        let height = block.height;
        let good = self.take(Event::Block(block));
        if good {
            self.took(height, ids);
        }
        good
    }

    /// Applies one event; false when a block was refused.
    fn take(&mut self, event: Event) -> bool {
        let head = self.state.head().map(|h| h.height);
        let (state, changes) = chain::apply(std::mem::take(&mut self.state), event);
        self.state = state;
        if self.state.head().map(|h| h.height) != head {
            self.received = Some(Instant::now());
        }
        let mut good = true;
        let time = self.state.head().map_or(0, |h| h.time);
        for change in changes {
            self.notes.extend(note::of(&change, time));
            good &= self.note(change);
        }
        good
    }

    /// Notes one change: history, log, next questions. False for a refused block.
    fn note(&mut self, change: Change) -> bool {
        let chain = self.chain.id.as_str();
        let now = Some(Instant::now());
        match change {
            Change::Counted(row) => self.unwritten.push(row),
            Change::SetMissing { .. } => return false,
            Change::Misaligned { height, members, entries } => {
                tracing::warn!(
                    chain,
                    height,
                    members,
                    entries,
                    "commit does not fit its validator set, reading the set again"
                );
                return false;
            }
            Change::Gap { from, to } => {
                tracing::warn!(chain, from, to, "no endpoint has these heights, they stay unknown");
                self.anchor_at = now;
            }
            Change::Entered { address, height } => {
                tracing::info!(chain, %address, height, "joined the validator set");
                self.profiles_at = now;
            }
            Change::Left { address, height } => {
                tracing::info!(chain, %address, height, "left the validator set");
                self.profiles_at = now;
            }
            Change::Jailed { address, height } => {
                tracing::warn!(chain, %address, height, "went to jail");
                self.profiles_at = now;
            }
            Change::Evidence { height } => {
                tracing::warn!(chain, height, "block carries evidence of misbehaviour");
                self.anchor_at = now;
                self.anchor_from = height;
            }
            Change::Decided { height } => {
                tracing::info!(chain, height, "a proposal passed, reading the parameters again");
                self.anchor_at = now;
                self.anchor_from = height;
            }
            Change::Contradicted { address, height, own, chain: theirs } => {
                tracing::debug!(chain, %address, height, ?own, ?theirs, "the chain contradicts, reading the windows again");
                self.anchor_at = now;
            }
            Change::Params { height } => tracing::warn!(chain, height, "slashing parameters changed"),
            Change::Disagreement { address, height, own, chain: theirs } => {
                tracing::warn!(chain, %address, height, ?own, ?theirs, "own slashing arithmetic differs from the chain's");
                self.anchor_at = now;
            }
            Change::Anchored { height } => tracing::debug!(chain, height, "windows read from the chain"),
            Change::AnchorLost { height } => {
                tracing::debug!(chain, height, "windows could not be joined to the blocks, reading again");
                self.anchor_at = now;
            }
        }
        true
    }

    fn flush(&mut self) {
        let state = &self.state;
        let set = state.head().and_then(|h| state.set().filter(|s| s.hash() == h.set_hash));
        let (rows, notes) = (self.unwritten.as_slice(), self.notes.as_slice());
        let written = Written { rows, notes, head: state.head(), head_set: set };
        match self.history.record(written, |a| state.tally(a)) {
            Ok(()) => {
                self.unwritten.clear();
                self.notes.clear();
            }
            Err(error) => {
                tracing::error!(chain = %self.chain.id, %error, "history not written");
                let excess = self.unwritten.len().saturating_sub(UNWRITTEN);
                self.unwritten.drain(..excess);
            }
        }
    }

    fn publish(&self) {
        let view = Arc::new(view::chain(&self.chain.id, &self.state, &self.chain.watch));
        self.out.send_replace(Published {
            view,
            feed: self.feed,
            received: self.received,
            history: self.history.view(),
        });
    }
}

async fn fetch(pool: &Pool, chain_id: &str, height: i64, live: bool) -> Result<Seen, RpcFailure> {
    let ask = |client: Client| async move { client.block(chain_id, height).await };
    let ((mut block, ids), source) = pool.ask_at(height, ask).await?;
    let mut teller = String::new();
    // Who was jailed for the evidence is not in the blocks.
    if live || block.evidence > 0 {
        let told = pool.ask_at(0, |client| async move { client.claims(height).await }).await.ok();
        (block.claims, teller) = told.map(|(claims, by)| (Some(claims), by)).unwrap_or_default();
    }
    Ok(Seen { block, ids, source, teller })
}

/// Whether `next` names `before` as the block before it, where both say.
fn chained(before: &Seen, next: &Seen) -> bool {
    before.ids.id.is_empty() || next.ids.before.is_empty() || before.ids.id == next.ids.before
}
