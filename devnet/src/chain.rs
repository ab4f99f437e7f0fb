//! The chain's own state machine: propose a block, take its commit, execute it.
//!
//! Pure: who signed and when comes in as a commit. Headers, sets and hashes follow CometBFT's `state/execution.go`:
//! updates of block H take effect in the set of H + 2, and a header's time is the median of the commit it carries.

use std::sync::Arc;

use comet::block::{
    BLOCK_PROTOCOL, Block, Commit, Consensus, Data, DuplicateVoteEvidence, Evidence, EvidenceList,
    EvidenceSum, Header, Validator, consensus_params_hash, data_hash, evidence_hash, results_hash,
};
use comet::key::{Address, PublicKey};
use comet::privval::{BlockId, Timestamp};
use prost::Message;

use crate::account::{Account, Bond, Identity};
use crate::app::{App, Misbehaviour, Operation, Vote};
use crate::event::Event;
use crate::moment;
use crate::rotation::Rotation;
use crate::seats::Origin;

/// Consensus parameter: largest block.
pub const MAX_BYTES: i64 = 22_020_096;
/// Consensus parameter: no limit of gas.
pub const MAX_GAS: i64 = -1;

/// What a chain is born with.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Names, stakes, parameters.
    pub origin: Origin,
    /// Consensus key of each seat.
    pub keys: Vec<PublicKey>,
    /// Seats that are validators from the first block; the others join by script.
    pub validators: usize,
    /// Time of the first block.
    pub time: Timestamp,
}

/// A block that waits for its commit.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The block.
    pub block: Block,
    /// Its id.
    pub id: BlockId,
    /// Encoded size.
    pub size: usize,
    /// Its height.
    pub height: i64,
    /// The round it is proposed in.
    pub round: i32,
    /// Its time.
    pub time: Timestamp,
}

/// A block with its commit and its results.
#[derive(Clone, Debug)]
pub struct Finalized {
    /// The block, id, size.
    pub draft: Draft,
    /// The set that signed it, with the priorities of its height.
    pub rotation: Arc<Rotation>,
    /// The precommits that finished it; the next block carries the same.
    pub commit: Commit,
    /// Events.
    pub events: Vec<Event>,
    /// Changes for the set of two heights later.
    pub updates: Vec<Validator>,
    /// State after the block.
    pub app: App,
    /// Hash of that state.
    pub app_hash: [u8; 32],
}

/// A chain at its last block.
#[derive(Clone, Debug)]
pub struct Chain {
    id: String,
    height: i64,
    time: Timestamp,
    last_id: BlockId,
    last_commit: Commit,
    last_rotation: Arc<Rotation>,
    rotation: Arc<Rotation>,
    next: Rotation,
    app: App,
    app_hash: [u8; 32],
    unjails: Vec<Operation>,
    evidence: Vec<DuplicateVoteEvidence>,
}

impl Chain {
    /// The chain before its first block.
    pub fn new(genesis: &Genesis) -> Self {
        let origin = &genesis.origin;
        let accounts = origin.seats.iter().zip(&genesis.keys).enumerate().map(|(index, (seat, key))| {
            let mut account = Account::new(Identity::new(seat.clone(), *key, &origin.prefix));
            if index < genesis.validators {
                account.tokens = seat.tokens;
                account.bond = Bond::Unbonded;
            }
            account
        });
        let mut app = App::genesis(origin, accounts.collect());
        let validators = app.end_block();
        let rotation = Rotation::new(validators);
        let mut next = rotation.clone();
        next.advance();
        let app_hash = app.hash();
        Self {
            id: origin.chain_id.clone(),
            height: 0,
            time: genesis.time,
            last_id: BlockId::default(),
            last_commit: Commit::none(),
            last_rotation: Arc::new(rotation.clone()),
            rotation: Arc::new(rotation),
            next,
            app,
            app_hash,
            unjails: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Chain id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Height of the last block; 0 before the first.
    pub fn height(&self) -> i64 {
        self.height
    }

    /// Time of the last block, or of the genesis.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Set and priorities of the next block.
    pub fn rotation(&self) -> &Arc<Rotation> {
        &self.rotation
    }

    /// Application state after the last block.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The seat behind a consensus address.
    pub fn seat_of(&self, address: &Address) -> Option<usize> {
        self.app.accounts.iter().position(|a| a.identity.address == *address)
    }

    /// Hands in proof of a double signature; the next block carries it.
    pub fn report(&mut self, evidence: Vec<DuplicateVoteEvidence>) {
        self.evidence.extend(evidence);
    }

    /// The next block, as the round's proposer makes it.
    pub fn propose(&self, round: i32) -> Draft {
        let height = self.height + 1;
        let time = median(&self.last_commit, &self.last_rotation).unwrap_or(self.time);
        let evidence = EvidenceList {
            evidence: self
                .evidence
                .iter()
                .map(|votes| Evidence { sum: Some(EvidenceSum::DuplicateVote(votes.clone())) })
                .collect(),
        };
        let header = Header {
            version: Some(Consensus { block: BLOCK_PROTOCOL, app: 0 }),
            chain_id: self.id.clone(),
            height,
            time: Some(time),
            last_block_id: Some(whole(&self.last_id)),
            last_commit_hash: self.last_commit.hash().to_vec(),
            data_hash: data_hash::<Vec<u8>>(&[]).to_vec(),
            validators_hash: self.rotation.hash().to_vec(),
            next_validators_hash: self.next.hash().to_vec(),
            consensus_hash: consensus_params_hash(MAX_BYTES, MAX_GAS).to_vec(),
            app_hash: self.app_hash.to_vec(),
            last_results_hash: results_hash(&[]).to_vec(),
            evidence_hash: evidence_hash(&evidence).to_vec(),
            proposer_address: self.rotation.proposer_of(round).address.0.to_vec(),
        };
        let block = Block {
            header: Some(header),
            data: Some(Data::default()),
            evidence: Some(evidence),
            last_commit: Some(self.last_commit.clone()),
        };
        Draft { id: block.id(), size: block.encoded_len(), block, height, round, time }
    }

    /// Executes a block that has its commit, with the script's operations for its height.
    pub fn finalize<'a>(
        &mut self,
        draft: Draft,
        commit: Commit,
        operations: impl IntoIterator<Item = &'a Operation>,
    ) -> Finalized {
        let votes = votes(&self.last_commit, &self.last_rotation);
        let proofs: Vec<Misbehaviour> = self.evidence.drain(..).filter_map(|e| misbehaviour(&e)).collect();
        let events = self.app.begin_block((draft.height, draft.time), &votes, &proofs);
        let mut waiting = std::mem::take(&mut self.unjails);
        waiting.extend(operations.into_iter().cloned());
        waiting.retain(|operation| !self.app.perform(operation));
        self.unjails = waiting;
        let updates = self.app.end_block();
        let app_hash = self.app.hash();

        let rotation = Arc::clone(&self.rotation);
        self.last_rotation = Arc::clone(&rotation);
        self.rotation = Arc::new(self.next.clone());
        self.next.update(updates.clone());
        self.next.advance();
        self.height = draft.height;
        self.time = draft.time;
        self.last_id = draft.id.clone();
        self.last_commit = commit.clone();
        self.app_hash = app_hash;
        Finalized { draft, rotation, commit, events, updates, app: self.app.clone(), app_hash }
    }
}

/// Entries of a commit with the powers of the set that signed it.
fn votes(commit: &Commit, rotation: &Rotation) -> Vec<Vote> {
    let entries = commit.signatures.iter().zip(rotation.validators());
    entries.map(|(sig, v)| Vote { address: v.address, power: v.power, flag: sig.block_id_flag }).collect()
}

fn misbehaviour(evidence: &DuplicateVoteEvidence) -> Option<Misbehaviour> {
    let address = Address::from_bytes(&evidence.vote_a.as_ref()?.validator_address)?;
    Some(Misbehaviour { address, power: evidence.validator_power })
}

fn whole(id: &BlockId) -> BlockId {
    let mut id = id.clone();
    id.part_set_header.get_or_insert_default();
    id
}

/// Median of a commit's timestamps, weighted by power; `None` for the empty commit of the first block.
fn median(commit: &Commit, rotation: &Rotation) -> Option<Timestamp> {
    let mut times: Vec<(i128, i64)> = commit
        .signatures
        .iter()
        .zip(rotation.validators())
        .filter(|(sig, _)| !sig.is_absent())
        .filter_map(|(sig, v)| sig.timestamp.map(|t| (moment::nanos(t), v.power)))
        .collect();
    times.sort_unstable();
    let mut half = times.iter().map(|(_, power)| power).sum::<i64>() / 2;
    for (time, power) in times {
        if half <= power {
            return Some(moment::from_nanos(time));
        }
        half -= power;
    }
    None
}

#[cfg(test)]
mod tests;
