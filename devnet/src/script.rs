//! Faults by script: what the operator of a chain that does not exist would see go wrong, and when.
//!
//! A script is TOML: `[chain]` overrides the parameters and says which SDK line it is (`sdk = "0.45"`), `[random]` lets anybody miss now and then, and each `[[event]]`
//! has a height `at`, mostly a `validator` (index of its seat), and one action. Heights of votes are signed heights:
//! `at = 50, down = 3` are the precommits for blocks 50, 51 and 52.
//!
//! | action | meaning |
//! |---|---|
//! | `down = 200` | switched off for so many heights: no vote, no proposal |
//! | `miss = 3`, `nil = 3` | precommits too late, or for nil, for so many heights |
//! | `miss_every = 7`, `nil_every = 3` | every so many heights, for `blocks` heights or for ever |
//! | `late_rounds = 2`, `late_round_every = 20` | rounds that fail at this height, or one every so many |
//! | `power = 900`, `leave = true`, `unjail = true` | stake in whole coins, all of it gone, out of jail as soon as allowed |
//! | `join = 640` | a newcomer with that stake (`moniker`), or the `validator` named |
//! | `window = 50`, `min_signed = "0.9"` | parameters change |
//! | `equivocate = true` | signs another block as well; evidence follows |
//! | `halt = "10s"` | the chain stands still before this height |
//! | `rpc_garbage = 5`, `rpc_unavailable = 5` | answers while the last block is one of so many |
//! | `rpc_slow = "2s"` | the same for `blocks` heights, slow |
//!
//! A seat whose key is held by a remote signer votes as its signer answers; scripts do not touch its votes.

mod parse;

pub use parse::{ScriptError, duration};

use std::ops::Range;
use std::time::Duration;

use comet::sdk::decimal::Dec;

use crate::app::Operation;
use crate::dice;
use crate::line::Line;
use crate::seats::Origin;
use crate::slashing::Params;

/// The script of `palisade demo`.
pub const DEMO: &str = include_str!("../data/demo.toml");

/// A whole script. The default one has no faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Parameters that replace those of the chain's origin.
    pub overrides: Overrides,
    /// Seed of the random misses.
    pub seed: u64,
    /// How often anybody misses, in a million.
    pub miss_per_million: u32,
    /// How validators vote while a fault lasts; the last one that applies wins.
    pub votes: Vec<VoteFault>,
    /// Heights that need more rounds.
    pub rounds: Vec<RoundFault>,
    /// Operations by height.
    pub operations: Vec<(i64, Operation)>,
    /// Heights before which the chain stands still.
    pub halts: Vec<(i64, Duration)>,
    /// Validators that sign two blocks, by height.
    pub equivocations: Vec<(i64, usize)>,
    /// How the RPC answers, by height of the chain's last block.
    pub answers: Vec<(Range<i64>, Answers)>,
    /// Validators that join later: name and seat.
    pub joiners: Vec<(usize, String)>,
}

/// Parameters of x/slashing and x/staking that a script sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Window.
    pub window: Option<i64>,
    /// Share to sign.
    pub min_signed: Option<Dec>,
    /// Stay in jail.
    pub jail: Option<Duration>,
    /// The SDK.
    pub line: Option<Line>,
    /// Seats in the set.
    pub max_validators: Option<usize>,
}

/// What a validator does about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Votes for it.
    Block,
    /// Votes for nil.
    Nil,
    /// Its precommit comes too late; it still proposes.
    Late,
    /// It is switched off: no vote, no proposal.
    Down,
}

/// A fault of one validator's votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteFault {
    /// Whose.
    pub seat: usize,
    /// Signed heights.
    pub heights: Range<i64>,
    /// Only every so many heights, counted from the first.
    pub every: i64,
    /// What it does then.
    pub choice: Choice,
}

/// A fault of whole rounds: nobody sees the proposal in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundFault {
    /// Heights.
    pub heights: Range<i64>,
    /// Only every so many heights, counted from the first.
    pub every: i64,
    /// Rounds that fail.
    pub rounds: i32,
}

/// How the RPC answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// As it should.
    #[default]
    Normal,
    /// With bytes that are no JSON.
    Garbage,
    /// With HTTP status 503.
    Unavailable,
    /// After a while.
    Slow(Duration),
}

impl Script {
    /// Reads a script; `seats` is the number of validators in the genesis, which joiners are numbered after.
    pub fn parse(toml: &str, seats: usize) -> Result<Self, ScriptError> {
        parse::parse(toml, seats)
    }

    /// The parameters with this script's own in their place.
    pub fn params(&self, origin: &Params) -> Params {
        let mut params = origin.clone();
        params.window = self.overrides.window.unwrap_or(params.window);
        params.min_signed = self.overrides.min_signed.unwrap_or(params.min_signed);
        params.jail_duration = self.overrides.jail.unwrap_or(params.jail_duration);
        params
    }

    /// The origin with this script's parameters and joiners' seats.
    pub fn apply_to(&self, mut origin: Origin) -> Origin {
        origin.slashing = self.params(&origin.slashing);
        origin.line = self.overrides.line.unwrap_or(origin.line);
        origin.max_validators = self.overrides.max_validators.unwrap_or(origin.max_validators);
        for (seat, moniker) in &self.joiners {
            let mut joiner = crate::seats::Seat::invented(&origin.prefix, *seat, 0);
            joiner.moniker.clone_from(moniker);
            origin.seats.push(joiner);
        }
        origin
    }

    /// What the validator does about the block of `height`.
    pub fn choice(&self, seat: usize, height: i64) -> Choice {
        let fault = self.votes.iter().rev().find(|f| f.seat == seat && on(&f.heights, f.every, height));
        match fault {
            Some(fault) => fault.choice,
            None if dice::hits(self.seed, height, seat, self.miss_per_million) => Choice::Late,
            None => Choice::Block,
        }
    }

    /// Rounds of `height` in which nobody sees a proposal.
    pub fn failed_rounds(&self, height: i64) -> i32 {
        let hit = self.rounds.iter().filter(|f| on(&f.heights, f.every, height));
        hit.map(|f| f.rounds).max().unwrap_or(0)
    }

    /// Operations in the block of `height`, in the order of the script.
    pub fn operations(&self, height: i64) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |(at, _)| *at == height).map(|(_, operation)| operation)
    }

    /// How long the chain stands still before `height`.
    pub fn halt(&self, height: i64) -> Option<Duration> {
        self.halts.iter().find(|(at, _)| *at == height).map(|(_, pause)| *pause)
    }

    /// Validators that sign two blocks at `height`.
    pub fn equivocators(&self, height: i64) -> impl Iterator<Item = usize> {
        self.equivocations.iter().filter(move |(at, _)| *at == height).map(|(_, seat)| *seat)
    }

    /// How the RPC answers while `height` is the last block.
    pub fn answers(&self, height: i64) -> Answers {
        let found = self.answers.iter().rev().find(|(heights, _)| heights.contains(&height));
        found.map_or(Answers::Normal, |(_, answers)| *answers)
    }
}

fn on(heights: &Range<i64>, every: i64, height: i64) -> bool {
    heights.contains(&height) && (height - heights.start) % every.max(1) == 0
}

#[cfg(test)]
mod tests;
