//! One round of consensus: who proposes, who votes for what, and whether that makes a commit.
//!
//! Only precommits end up on a chain, so only they are made here; prevotes matter to remote signers alone, which are
//! asked for them elsewhere. A round fails when its proposer is down, when the script says that nobody saw
//! the proposal, or when the votes for the block are not more than two thirds of the power.

use std::collections::BTreeMap;
use std::time::Duration;

use comet::block::{Commit, CommitSig, DuplicateVoteEvidence, FLAG_COMMIT, FLAG_NIL};
use comet::key::PrivateKey;
use comet::privval::{BlockId, PRECOMMIT, PartSetHeader, Timestamp, Vote};
use comet::{canonical, merkle};

use crate::chain::{Chain, Draft};
use crate::script::{Choice, Script};
use crate::{dice, moment};

/// A vote's time is at least so much after its block's time (CometBFT's `timeIota`).
const IOTA: Duration = Duration::from_millis(1);
/// Validators' clocks and distances differ by up to so much.
const SPREAD_NANOS: u64 = 20_000_000;

/// Consensus keys by seat; `None` where a remote signer holds it.
pub type Keyring = Vec<Option<PrivateKey>>;

/// A round that has begun.
#[derive(Clone, Debug)]
pub struct Round {
    /// Height.
    pub height: i64,
    /// Round.
    pub round: i32,
    /// Proposer's seat.
    pub proposer: usize,
    /// Seat of each validator, in the set's order.
    pub seats: Vec<usize>,
    /// Whether anybody sees the proposal.
    pub seen: bool,
    /// The block, proposed or not.
    pub draft: Draft,
}

/// A remote signer's precommit.
#[derive(Clone, Debug)]
pub struct RemoteVote {
    /// When its node says it voted.
    pub timestamp: Timestamp,
    /// Signature.
    pub signature: Vec<u8>,
}

impl Round {
    /// Begins `round` of the next height.
    pub fn begin(chain: &Chain, script: &Script, round: i32) -> Self {
        let draft = chain.propose(round);
        let proposer = chain.seat_of(&chain.rotation().proposer_of(round).address).unwrap_or_default();
        let seats = chain.rotation().validators();
        let seats = seats.iter().map(|v| chain.seat_of(&v.address).unwrap_or_default()).collect();
        let down = script.choice(proposer, draft.height) == Choice::Down;
        let seen = round >= script.failed_rounds(draft.height) && !down;
        Self { height: draft.height, round, proposer, seats, seen, draft }
    }

    /// The vote of `seat` without time and signature; for nil where the block was not seen.
    pub fn vote(&self, chain: &Chain, seat: usize, r#type: i32, for_block: bool) -> Option<Vote> {
        let index = self.seats.iter().position(|s| *s == seat)?;
        let address = chain.rotation().validators().get(index)?.address;
        Some(Vote {
            r#type,
            height: self.height,
            round: self.round,
            block_id: Some(if for_block && self.seen { self.draft.id.clone() } else { nil() }),
            validator_address: address.0.to_vec(),
            validator_index: i32::try_from(index).ok()?,
            ..Vote::default()
        })
    }

    /// Earliest time of a vote in this round, when the clock says `now`.
    pub fn vote_time(&self, now: Timestamp) -> Timestamp {
        now.max(moment::plus(self.draft.time, IOTA))
    }

    /// All precommits: local seats sign as the script has them, remote ones as their signers answered.
    pub fn precommits(
        &self,
        chain: &Chain,
        script: &Script,
        keys: &Keyring,
        remote: &BTreeMap<usize, RemoteVote>,
        now: Timestamp,
    ) -> Vec<CommitSig> {
        let base = self.vote_time(now);
        let local = |seat: usize, key: &PrivateKey| {
            let choice = script.choice(seat, self.height);
            let for_block = match choice {
                Choice::Block => true,
                Choice::Nil => false,
                Choice::Late | Choice::Down => return None,
            };
            let mut vote = self.vote(chain, seat, PRECOMMIT, for_block)?;
            let jitter = dice::roll(script.seed ^ 0x7469_6d65, self.height, seat) % SPREAD_NANOS;
            let timestamp = moment::plus(base, Duration::from_nanos(jitter));
            vote.timestamp = Some(timestamp);
            let signature = key.sign(&canonical::vote(chain.id(), &vote)).to_vec();
            Some(entry(&vote, RemoteVote { timestamp, signature }))
        };
        self.seats
            .iter()
            .map(|seat| match keys.get(*seat).and_then(Option::as_ref) {
                Some(key) => local(*seat, key),
                None => remote.get(seat).and_then(|answer| {
                    self.vote(chain, *seat, PRECOMMIT, true).map(|vote| entry(&vote, answer.clone()))
                }),
            })
            .map(|sig| sig.unwrap_or_else(CommitSig::absent))
            .collect()
    }

    /// The commit, when more than two thirds of the power voted for the block.
    pub fn tally(&self, chain: &Chain, signatures: Vec<CommitSig>) -> Option<Commit> {
        let validators = chain.rotation().validators();
        let entries = signatures.iter().zip(validators);
        let voted: i64 = entries.filter(|(s, _)| s.block_id_flag == FLAG_COMMIT).map(|(_, v)| v.power).sum();
        let enough = self.seen && voted > chain.rotation().set().total_power() * 2 / 3;
        enough.then(|| Commit {
            height: self.height,
            round: self.round,
            block_id: Some(self.draft.id.clone()),
            signatures,
        })
    }

    /// Proofs against the validators that the script lets sign another block in this round as well. Hand them in
    /// after the block: a node adds evidence to its pool when it knows the block's time.
    pub fn equivocations(
        &self,
        chain: &Chain,
        script: &Script,
        keys: &Keyring,
        now: Timestamp,
    ) -> Vec<DuplicateVoteEvidence> {
        let proof = |seat: usize| self.equivocate(chain, keys.get(seat)?.as_ref()?, seat, now);
        script.equivocators(self.height).filter_map(proof).collect()
    }

    fn equivocate(
        &self,
        chain: &Chain,
        key: &PrivateKey,
        seat: usize,
        now: Timestamp,
    ) -> Option<DuplicateVoteEvidence> {
        let mut honest = self.vote(chain, seat, PRECOMMIT, true)?;
        honest.timestamp = Some(self.vote_time(now));
        let mut other = honest.clone();
        let hash = merkle::root(&[b"the other block".as_slice(), self.draft.id.hash.as_slice()]);
        other.block_id = Some(BlockId {
            hash: hash.to_vec(),
            part_set_header: Some(PartSetHeader { total: 1, hash: hash.to_vec() }),
        });
        for vote in [&mut honest, &mut other] {
            vote.signature = key.sign(&canonical::vote(chain.id(), vote)).to_vec();
        }
        let mut votes = [honest, other];
        votes.sort_by_key(|v| v.block_id.as_ref().map(|id| id.hash.clone()));
        let [vote_a, vote_b] = votes;
        let power = chain.rotation().validators().get(usize::try_from(vote_a.validator_index).ok()?)?.power;
        Some(DuplicateVoteEvidence {
            vote_a: Some(vote_a),
            vote_b: Some(vote_b),
            total_voting_power: chain.rotation().set().total_power(),
            validator_power: power,
            timestamp: Some(self.draft.time),
        })
    }
}

/// The id of a vote for nil.
pub fn nil() -> BlockId {
    BlockId { hash: Vec::new(), part_set_header: Some(PartSetHeader::default()) }
}

fn entry(vote: &Vote, answer: RemoteVote) -> CommitSig {
    CommitSig {
        block_id_flag: if vote.is_nil() { FLAG_NIL } else { FLAG_COMMIT },
        validator_address: vote.validator_address.clone(),
        timestamp: Some(answer.timestamp),
        signature: answer.signature,
    }
}
