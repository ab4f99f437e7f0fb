//! The application: the parts of x/staking, x/slashing and x/evidence that decide who is in the set.
//!
//! Blocks run in the SDK's order: slashing for every entry of the last commit, evidence, then what scripts do in the place
//! of transactions, then staking's changes of the set, which the consensus engine applies two heights later.
//! Delegators, rewards and the end of unbonding are absent: no counter depends on them.

use std::sync::Arc;

use comet::block::{FLAG_ABSENT, Validator};
use comet::key::Address;
use comet::privval::Timestamp;
use comet::sdk::decimal::Dec;
use comet::sdk::slashing::FOREVER;
use sha2::{Digest, Sha256};

use crate::account::{Account, Bond};
use crate::event::Event;
use crate::line::Line;
use crate::seats::{COIN, Origin};
use crate::slashing::{Handled, Params};

/// Nominal time from leaving the set to having the stake back.
pub const UNBONDING_SECONDS: i64 = 1_814_400;

/// The application's state after a block. Clones share accounts that do not change.
#[derive(Clone, Debug)]
pub struct App {
    /// Parameters of x/slashing.
    pub params: Params,
    /// Seats in the set.
    pub max_validators: usize,
    /// The SDK.
    pub line: Line,
    /// Staking token.
    pub denom: String,
    /// Every validator that ever exists; scripts use the index.
    pub accounts: Vec<Arc<Account>>,
    /// Height of the last block.
    pub height: i64,
    /// Time of the last block.
    pub time: Timestamp,
}

/// An entry of the last commit: who, with which power, flagged how.
#[derive(Clone, Copy, Debug)]
pub struct Vote {
    /// Consensus address.
    pub address: Address,
    /// Power in the set that signed.
    pub power: i64,
    /// Flag in the commit.
    pub flag: i32,
}

/// Proof that a validator signed twice at `height`, when it had `power`.
#[derive(Clone, Copy, Debug)]
pub struct Misbehaviour {
    /// Consensus address.
    pub address: Address,
    /// Power at that height.
    pub power: i64,
}

/// What scripts do where a real chain has transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Stake becomes so many whole coins.
    Power {
        /// Whose.
        seat: usize,
        /// Whole coins.
        coins: u64,
    },
    /// The validator is created with so many whole coins.
    Join {
        /// Which.
        seat: usize,
        /// Whole coins.
        coins: u64,
    },
    /// All delegations go but the operator's own smallest unit, so the validator stays known and unjailed.
    Leave {
        /// Whose.
        seat: usize,
    },
    /// The operator asks to leave jail, again every block until it is granted.
    Unjail {
        /// Whose.
        seat: usize,
    },
    /// New window or share to sign, as after a vote of governance.
    Limits {
        /// Window.
        window: Option<i64>,
        /// Share to sign.
        min_signed: Option<Dec>,
    },
}

impl App {
    /// State before the first block.
    pub fn genesis(origin: &Origin, accounts: Vec<Account>) -> Self {
        Self {
            params: origin.slashing.clone(),
            max_validators: origin.max_validators,
            line: origin.line,
            denom: origin.denom.clone(),
            accounts: accounts.into_iter().map(Arc::new).collect(),
            height: 0,
            time: Timestamp::default(),
        }
    }

    /// The validator with this consensus address.
    pub fn find(&self, address: &Address) -> Option<&Account> {
        self.accounts.iter().map(Arc::as_ref).find(|a| a.identity.address == *address)
    }

    fn find_mut(&mut self, address: &Address) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|a| a.identity.address == *address).map(Arc::make_mut)
    }

    /// Counts the last commit's votes, jails whom they condemn, buries who signed twice.
    pub fn begin_block(
        &mut self,
        at: (i64, Timestamp),
        votes: &[Vote],
        proofs: &[Misbehaviour],
    ) -> Vec<Event> {
        (self.height, self.time) = at;
        let (params, line) = (self.params.clone(), self.line);
        let mut events = Vec::new();
        for vote in votes {
            let Some(account) = self.find_mut(&vote.address) else { continue };
            let jailed = account.jailed;
            let Some(info) = &mut account.info else { continue };
            let missed = vote.flag == FLAG_ABSENT;
            let handled = info.handle(&mut account.bits, &params, at, jailed, missed, line);
            let Handled::Counted { liveness, punished } = handled else { continue };
            let valcons = account.identity.valcons.clone();
            events.extend(liveness.map(|missed| Event::liveness(&valcons, missed, at.0)));
            if punished {
                let burned = account.slash(vote.power, params.fraction_downtime);
                account.jailed = true;
                events.push(Event::downtime(&valcons, vote.power, burned));
            }
        }
        for proof in proofs {
            events.extend(self.bury(proof));
        }
        events
    }

    fn bury(&mut self, proof: &Misbehaviour) -> Vec<Event> {
        let fraction = self.params.fraction_double_sign;
        let Some(account) = self.find_mut(&proof.address) else { return Vec::new() };
        if account.is_tombstoned() || matches!(account.bond, Bond::Absent | Bond::Unbonded) {
            return Vec::new();
        }
        let valcons = account.identity.valcons.clone();
        let burned = account.slash(proof.power, fraction);
        let mut events = vec![Event::double_sign(&valcons, proof.power, burned)];
        if !account.jailed {
            account.jailed = true;
            events.push(Event::jailed(&valcons));
        }
        if let Some(info) = &mut account.info {
            info.jailed_until = Timestamp { seconds: FOREVER, nanos: 0 };
            info.tombstoned = true;
        }
        events
    }

    /// Performs an operation. False: refused for now (unjail too early, or for ever when tombstoned).
    pub fn perform(&mut self, operation: &Operation) -> bool {
        let now = self.time;
        let account = match operation {
            Operation::Limits { window, min_signed } => {
                self.params.window = window.unwrap_or(self.params.window);
                self.params.min_signed = min_signed.unwrap_or(self.params.min_signed);
                return true;
            }
            Operation::Power { seat, .. }
            | Operation::Join { seat, .. }
            | Operation::Leave { seat }
            | Operation::Unjail { seat } => self.accounts.get_mut(*seat),
        };
        let Some(account) = account.map(Arc::make_mut) else { return true };
        match operation {
            Operation::Power { coins, .. } => account.tokens = coins * COIN,
            Operation::Join { coins, .. } => {
                account.tokens = coins * COIN;
                if account.bond == Bond::Absent {
                    account.bond = Bond::Unbonded;
                }
            }
            Operation::Leave { .. } => account.tokens = 1,
            Operation::Unjail { .. } => {
                let free = account.info.is_none_or(|info| !info.tombstoned && now >= info.jailed_until);
                account.jailed &= !free;
                return free;
            }
            Operation::Limits { .. } => {}
        }
        true
    }

    /// Bonds the strongest candidates and lets the others go. Returns what the consensus engine must be told: new
    /// powers in order of rank, then those that leave (power 0) by operator address.
    pub fn end_block(&mut self) -> Vec<Validator> {
        let mut ranked: Vec<usize> =
            (0..self.accounts.len()).filter(|i| self.accounts[*i].is_candidate()).collect();
        ranked.sort_by_key(|i| {
            let account = &self.accounts[*i];
            (std::cmp::Reverse(account.power()), account.identity.operator.clone())
        });
        ranked.truncate(self.max_validators);
        let mut updates = Vec::new();
        for index in &ranked {
            let power = self.accounts[*index].power();
            if self.accounts[*index].announced == Some(power) {
                continue;
            }
            let (height, line) = (self.height, self.line);
            let account = Arc::make_mut(&mut self.accounts[*index]);
            if account.bond != Bond::Bonded {
                account.bond_at(height, line);
            }
            account.announced = Some(power);
            updates.push(Validator::new(account.identity.pub_key, power));
        }
        let mut leaving: Vec<usize> = (0..self.accounts.len())
            .filter(|i| self.accounts[*i].announced.is_some() && !ranked.contains(i))
            .collect();
        leaving.sort_by_key(|i| self.accounts[*i].identity.operator.clone());
        for index in leaving {
            let bond = Bond::Unbonding { height: self.height, time: self.time };
            let account = Arc::make_mut(&mut self.accounts[index]);
            account.announced = None;
            account.bond = bond;
            updates.push(Validator::new(account.identity.pub_key, 0));
        }
        updates
    }

    /// Hash of everything that decides what comes next; the next header carries it.
    pub fn hash(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.height.to_be_bytes());
        for account in &self.accounts {
            digest.update(account.identity.address.0);
            digest.update(account.tokens.to_be_bytes());
            digest.update([u8::from(account.jailed), u8::from(account.announced.is_some())]);
            if let Some(info) = account.info {
                digest.update(info.start_height.to_be_bytes());
                digest.update(info.index_offset.to_be_bytes());
                digest.update(info.missed.to_be_bytes());
                digest.update([u8::from(info.tombstoned)]);
            }
        }
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests;
