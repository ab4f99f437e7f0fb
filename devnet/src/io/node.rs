//! Nodes that hold no key: each listens for a remote signer and asks it for its validator's signatures.
//!
//! Each behaves as CometBFT's `privval/signer_listener_endpoint.go` (spec/signer.md §3.1): one connection at a time, the
//! public key first, strictly one request after the other, a ping after 3.3 s without one, 5 s of patience. After an
//! answer that took too long the connection is dropped at once; after a connection closed by the signer the node
//! notices only when the next ping is due. Several nodes serve one seat, as sentries with a signer each port do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use comet::canonical;
use comet::key::{PrivateKey, PublicKey};
use comet::privval::{
    PRECOMMIT, PREVOTE, PROPOSAL, PingRequest, Proposal, PubKeyRequest, PublicKeySum, SignProposalRequest,
    SignVoteRequest, Sum, Timestamp,
};
use rand_core::{OsRng, RngCore};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{error, info, warn};

use super::link::{Link, LinkError, Listener};
use super::shared::stopped;
use crate::chain::Chain;
use crate::moment;
use crate::record::{Record, Slot};
use crate::round::{RemoteVote, Round};

/// A node pings a signer that it has not talked to for so long.
const PING: Duration = Duration::from_millis(3_333);
/// Clocks of two nodes differ by so much.
const SKEW: Duration = Duration::from_millis(3);
/// A round waits for remote signers at least and at most so long.
const BUDGET: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// One node's task.
pub(super) struct NodeTask {
    pub(super) index: usize,
    pub(super) listener: Listener,
    pub(super) chain_id: String,
    /// The seat's key: set by the first signer that says it, checked for all others.
    pub(super) key: Arc<OnceLock<PublicKey>>,
    pub(super) learned: watch::Sender<bool>,
    pub(super) record: Arc<Mutex<Record>>,
    pub(super) asks: mpsc::Receiver<Ask>,
}

/// A request for a signature.
pub(super) struct Ask {
    request: Sum,
    reply: oneshot::Sender<Sum>,
}

/// The engine's side of all nodes of one seat.
pub(super) struct Nodes {
    pub(super) seat: usize,
    pub(super) key: PublicKey,
    pub(super) asks: Vec<mpsc::Sender<Ask>>,
    pub(super) record: Arc<Mutex<Record>>,
    pub(super) block_time: Duration,
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl NodeTask ===

impl NodeTask {
    /// Serves signers until told to stop.
    pub(super) async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut identity = [0; 32];
        OsRng.fill_bytes(&mut identity);
        tokio::select! {
            () = stopped(stop) => {}
            () = self.serve(&identity) => {}
        }
    }

    async fn serve(&mut self, identity: &[u8; 32]) {
        loop {
            let raw = tokio::select! {
                raw = self.listener.accept() => raw,
                ask = self.asks.recv() => match ask {
                    // Dropping the reply says that nobody answered.
                    Some(_) => { lock(&self.record).node(self.index).silent += 1; continue }
                    None => return,
                }
            };
            let opened = match raw {
                Ok(raw) => Link::open(raw, PrivateKey::from_seed(identity)).await,
                Err(error) => {
                    warn!(node = self.index, %error, "cannot accept a signer");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            match opened {
                Ok(link) => self.talk(link).await,
                Err(error) => warn!(node = self.index, %error, "the signer's handshake failed"),
            }
        }
    }

    async fn talk(&mut self, mut link: Link) {
        match self.introduce(&mut link).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return warn!(node = self.index, %error, "the signer names no key"),
        }
        lock(&self.record).node(self.index).connections += 1;
        info!(node = self.index, "a signer is connected");
        let mut due = Instant::now() + PING;
        loop {
            let (request, reply) = tokio::select! {
                ask = self.asks.recv() => match ask {
                    // The engine does not wait for it any more.
                    Some(ask) if ask.reply.is_closed() => continue,
                    Some(ask) => (ask.request, Some(ask.reply)),
                    None => return,
                },
                () = sleep_until(due) => (Sum::PingRequest(PingRequest {}), None),
            };
            if reply.is_some() {
                lock(&self.record).node(self.index).asked += 1;
            }
            match link.exchange(request).await {
                Ok(answer) => {
                    due = Instant::now() + PING;
                    if let Some(reply) = reply {
                        // It may have given up meanwhile.
                        let _ = reply.send(answer);
                    }
                }
                Err(error) => {
                    warn!(node = self.index, %error, "the signer does not answer");
                    drop(reply);
                    if !matches!(error, LinkError::Timeout) {
                        self.fail_until(due).await;
                    }
                    return;
                }
            }
        }
    }

    /// The node has not noticed that its signer is gone: every request fails until the next ping.
    async fn fail_until(&mut self, due: Instant) {
        loop {
            tokio::select! {
                () = sleep_until(due) => return,
                ask = self.asks.recv() => match ask {
                    Some(_) => lock(&self.record).node(self.index).silent += 1,
                    None => return,
                }
            }
        }
    }

    /// Asks for the key. False: another validator's.
    async fn introduce(&self, link: &mut Link) -> Result<bool, LinkError> {
        let request = Sum::PubKeyRequest(PubKeyRequest { chain_id: self.chain_id.clone() });
        let Sum::PubKeyResponse(answer) = link.exchange(request).await? else {
            return Err(LinkError::Unknown);
        };
        let named = match answer.pub_key.and_then(|k| k.sum) {
            Some(PublicKeySum::Ed25519(bytes)) => PublicKey::from_bytes(&bytes).ok(),
            _ => None,
        };
        let Some(named) = named.filter(|_| answer.error.is_none()) else { return Err(LinkError::Unknown) };
        let expected = self.key.get_or_init(|| named);
        self.learned.send_replace(true);
        if *expected != named {
            error!(node = self.index, %expected, %named, "the signer holds another validator's key");
        }
        Ok(*expected == named)
    }
}

// === impl Nodes ===

impl Nodes {
    /// Has every node ask for the seat's proposal, prevote and precommit of this round. Without a signed proposal the round
    /// goes on unseen. Returns the first valid precommit.
    pub(super) async fn ask(
        &self,
        chain: &Chain,
        open: &mut Round,
        now: Timestamp,
    ) -> BTreeMap<usize, RemoteVote> {
        if !open.seats.contains(&self.seat) {
            return BTreeMap::new();
        }
        let budget = (self.block_time / 2).clamp(BUDGET.0, BUDGET.1);
        let deadline = Instant::now() + budget;
        if open.proposer == self.seat && open.seen {
            let proposals = (0..self.asks.len()).map(|node| self.propose(chain, open, node, now));
            let answers = futures_util::future::join_all(proposals.map(|p| timeout_at(deadline, p))).await;
            open.seen = answers.into_iter().any(|signed| signed == Ok(true));
        }
        let open: &Round = open;
        let votes = (0..self.asks.len()).map(|node| async move {
            self.vote(chain, open, node, PREVOTE, now).await;
            self.vote(chain, open, node, PRECOMMIT, now).await
        });
        let answers = futures_util::future::join_all(votes.map(|v| timeout_at(deadline, v))).await;
        let first = answers.into_iter().filter_map(Result::ok).flatten().next();
        first.map(|vote| (self.seat, vote)).into_iter().collect()
    }

    async fn propose(&self, chain: &Chain, open: &Round, node: usize, now: Timestamp) -> bool {
        let mut proposal = Proposal {
            r#type: PROPOSAL,
            height: open.height,
            round: open.round,
            pol_round: -1,
            block_id: Some(open.draft.id.clone()),
            timestamp: Some(self.time(open, node, now)),
            signature: Vec::new(),
        };
        let chain_id = chain.id().to_owned();
        let request = SignProposalRequest { proposal: Some(proposal.clone()), chain_id };
        let Some(answer) = self.request(node, Sum::SignProposalRequest(request)).await else { return false };
        let Sum::SignedProposalResponse(answer) = answer else { return self.invalid(node) };
        let (None, Some(signed)) = (answer.error, answer.proposal) else { return self.refused(node) };
        // A node copies the signature only, so a repeated answer with an older timestamp verifies by its own time.
        proposal.timestamp = signed.timestamp.or(proposal.timestamp);
        self.check(node, open, PROPOSAL, &canonical::proposal(chain.id(), &proposal), &signed.signature)
    }

    async fn vote(
        &self,
        chain: &Chain,
        open: &Round,
        node: usize,
        r#type: i32,
        now: Timestamp,
    ) -> Option<RemoteVote> {
        let mut vote = open.vote(chain, self.seat, r#type, true)?;
        vote.timestamp = Some(self.time(open, node, now));
        let request = SignVoteRequest {
            vote: Some(vote.clone()),
            chain_id: chain.id().to_owned(),
            skip_extension_signing: false,
        };
        let answer = self.request(node, Sum::SignVoteRequest(request)).await?;
        let Sum::SignedVoteResponse(answer) = answer else {
            self.invalid(node);
            return None;
        };
        let (None, Some(signed)) = (answer.error, answer.vote) else {
            self.refused(node);
            return None;
        };
        vote.timestamp = signed.timestamp;
        let bytes = canonical::vote(chain.id(), &vote);
        let valid = self.check(node, open, r#type, &bytes, &signed.signature);
        let timestamp = signed.timestamp.filter(|_| valid)?;
        Some(RemoteVote { timestamp, signature: signed.signature })
    }

    /// Each node has its own clock.
    fn time(&self, open: &Round, node: usize, now: Timestamp) -> Timestamp {
        moment::plus(open.vote_time(now), SKEW * u32::try_from(node).unwrap_or(u32::MAX))
    }

    async fn request(&self, node: usize, request: Sum) -> Option<Sum> {
        let (reply, answer) = oneshot::channel();
        // A full queue is a signer that has not answered for seconds.
        self.asks.get(node)?.try_send(Ask { request, reply }).ok()?;
        answer.await.ok()
    }

    fn check(&self, node: usize, open: &Round, r#type: i32, sign_bytes: &[u8], signature: &[u8]) -> bool {
        if !self.key.verify(sign_bytes, signature) {
            error!(node, height = open.height, round = open.round, r#type, "a signature does not verify");
            return self.invalid(node);
        }
        let slot = Slot { height: open.height, round: open.round, r#type };
        let mut record = lock(&self.record);
        record.node(node).signed += 1;
        record.note(slot, node, sign_bytes, signature);
        true
    }

    fn invalid(&self, node: usize) -> bool {
        lock(&self.record).node(node).invalid += 1;
        false
    }

    fn refused(&self, node: usize) -> bool {
        lock(&self.record).node(node).refused += 1;
        false
    }
}
