//! What really happened, validator by validator: the oracle that a monitor's numbers are compared with.
//!
//! Counters are keyed by the signed height: they are complete up to `signed_height`, the height whose commit the last
//! block carries. Window counters are x/slashing's own, after the last block.

use std::collections::BTreeMap;

use comet::block::{FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL};
use comet::key::Address;
use comet::privval::Timestamp;
use serde::Serialize;

use crate::account::{Account, Bond};
use crate::app::App;
use crate::chain::Finalized;
use crate::slashing::Handled;

/// Counters of all validators that have ever been in the set.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    last_height: i64,
    late_rounds: u64,
    counts: BTreeMap<Address, Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    signed: u64,
    nil: u64,
    missed: u64,
    consecutive: u64,
    proposed: u64,
    power: i64,
    in_set: bool,
}

/// The chain's own numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// Height of the last block.
    pub height: i64,
    /// Height whose signatures are counted last.
    pub signed_height: i64,
    /// Blocks that needed more than one round.
    pub late_rounds: u64,
    /// Every validator, in seat order.
    pub validators: Vec<ValidatorTruth>,
}

/// One validator's numbers.
#[derive(Clone, Debug, Serialize)]
pub struct ValidatorTruth {
    /// Index that scripts use.
    pub seat: usize,
    /// Name.
    pub moniker: String,
    /// Operator address.
    pub valoper: String,
    /// Consensus address, bech32.
    pub valcons: String,
    /// Consensus address, upper-case hex.
    pub address: String,
    /// Precommits for the block in commits.
    pub signed: u64,
    /// Precommits for nil in commits.
    pub nil: u64,
    /// Absences in commits.
    pub missed: u64,
    /// Absences since the last precommit of either kind.
    pub consecutive_missed: u64,
    /// Blocks proposed, up to the last block.
    pub proposed: u64,
    /// Whether the set of `signed_height` has it.
    pub in_set: bool,
    /// Power in the last set that had it.
    pub power: i64,
    /// Bonded after the last block.
    pub bonded: bool,
    /// In jail.
    pub jailed: bool,
    /// For ever.
    pub tombstoned: bool,
    /// x/slashing's counter.
    pub window_missed: i64,
    /// W.
    pub window: i64,
    /// Misses allowed in the window.
    pub window_limit: i64,
    /// x/slashing's `start_height`.
    pub start_height: i64,
    /// x/slashing's `index_offset`.
    pub index_offset: i64,
    /// Unix seconds; 0 when never jailed.
    pub jailed_until: i64,
}

impl Tally {
    /// Counts a block: its proposer, and the commit it carries for the height before, signed by the set `before`.
    pub fn block(&mut self, block: &Finalized, before: Option<&Finalized>) {
        self.last_height = block.draft.height;
        if block.draft.round > 0 {
            self.late_rounds += 1;
        }
        let header = block.draft.block.header.as_ref();
        if let Some(proposer) = header.and_then(|h| Address::from_bytes(&h.proposer_address)) {
            self.counts.entry(proposer).or_default().proposed += 1;
        }
        let (Some(before), Some(commit)) = (before, &block.draft.block.last_commit) else { return };
        for counts in self.counts.values_mut() {
            counts.in_set = false;
        }
        for (validator, sig) in before.rotation.validators().iter().zip(&commit.signatures) {
            let counts = self.counts.entry(validator.address).or_default();
            counts.power = validator.power;
            counts.in_set = true;
            match sig.block_id_flag {
                FLAG_COMMIT => counts.signed += 1,
                FLAG_NIL => counts.nil += 1,
                _ => counts.missed += 1,
            }
            counts.consecutive = if sig.block_id_flag == FLAG_ABSENT { counts.consecutive + 1 } else { 0 };
        }
    }

    /// All numbers, with the application's own after the last block.
    pub fn truth(&self, app: &App) -> Truth {
        let known = app.accounts.iter().enumerate().filter(|(_, a)| a.bond != Bond::Absent);
        Truth {
            height: self.last_height,
            signed_height: self.last_height - 1,
            late_rounds: self.late_rounds,
            validators: known.map(|(seat, account)| self.one(seat, account, app)).collect(),
        }
    }

    fn one(&self, seat: usize, account: &Account, app: &App) -> ValidatorTruth {
        let identity = &account.identity;
        let counts = self.counts.get(&identity.address).copied().unwrap_or_default();
        let info = account.info;
        ValidatorTruth {
            seat,
            moniker: identity.seat.moniker.clone(),
            valoper: identity.seat.valoper.clone(),
            valcons: identity.valcons.clone(),
            address: identity.address.to_string(),
            signed: counts.signed,
            nil: counts.nil,
            missed: counts.missed,
            consecutive_missed: counts.consecutive,
            proposed: counts.proposed,
            in_set: counts.in_set,
            power: counts.power,
            bonded: account.bond == Bond::Bonded,
            jailed: account.jailed,
            tombstoned: account.is_tombstoned(),
            window_missed: info.map_or(0, |i| i.missed),
            window: app.params.window,
            window_limit: app.params.max_missed(),
            start_height: info.map_or(0, |i| i.start_height),
            index_offset: info.map_or(0, |i| i.index_offset),
            jailed_until: info.map_or(0, |i| i.jailed_until.seconds),
        }
    }
}

/// Blocks until the validator is jailed if it misses every one from now on, found by letting it happen; `None` when it
/// cannot be jailed (in jail, out of the set, or the rule allows everything).
pub fn blocks_to_jail(app: &App, address: &Address) -> Option<i64> {
    let account = app.find(address)?;
    let (mut info, mut bits) = (account.info?, account.bits.clone());
    if account.jailed || account.bond != Bond::Bonded {
        return None;
    }
    let longest = app.params.window * 2 + 2;
    (1..=longest).find(|blocks| {
        let at = (app.height + blocks, Timestamp::default());
        matches!(
            info.handle(&mut bits, &app.params, at, false, true, app.line),
            Handled::Counted { punished: true, .. }
        )
    })
}
