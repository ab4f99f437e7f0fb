//! A validator as x/staking and x/slashing know it: identity, stake, standing, signing info.

use std::sync::Arc;

use comet::key::{Address, PublicKey};
use comet::privval::Timestamp;
use comet::sdk::decimal::Dec;

use crate::line::Line;
use crate::seats::{COIN, Seat};
use crate::slashing::{Bitmap, SigningInfo};

/// What never changes about a validator.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name and operator address.
    pub seat: Seat,
    /// Bytes of the operator address; they break ties of power.
    pub operator: Vec<u8>,
    /// Consensus key.
    pub pub_key: PublicKey,
    /// Consensus address.
    pub address: Address,
    /// Consensus address as the SDK writes it.
    pub valcons: String,
}

/// Bonding of a validator. The way from unbonding to unbonded takes weeks and is not walked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
    /// Not on the chain yet.
    Absent,
    /// Known, never in the set.
    Unbonded,
    /// Left the set in block `height` of `time`.
    Unbonding {
        /// Block that let it go.
        height: i64,
        /// That block's time.
        time: Timestamp,
    },
    /// In the set, or two blocks away from it.
    Bonded,
}

/// A validator's state.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who.
    pub identity: Arc<Identity>,
    /// Stake in the smallest unit.
    pub tokens: u64,
    /// Bonding.
    pub bond: Bond,
    /// In jail.
    pub jailed: bool,
    /// Power that the consensus engine was told last; `None` outside the set.
    pub announced: Option<i64>,
    /// Absent until it bonds for the first time.
    pub info: Option<SigningInfo>,
    /// Missed blocks of the window.
    pub bits: Bitmap,
}

impl Identity {
    /// Gives a seat its consensus key.
    pub fn new(seat: Seat, pub_key: PublicKey, prefix: &str) -> Self {
        let operator = comet::bech32::decode(&seat.valoper).map(|(_, bytes)| bytes).unwrap_or_default();
        let address = pub_key.address();
        let valcons = comet::bech32::encode(&format!("{prefix}valcons"), &address.0)
            .unwrap_or_else(|_| address.to_string());
        Self { seat, operator, pub_key, address, valcons }
    }
}

impl Account {
    /// A validator that waits to be created.
    pub fn new(identity: Identity) -> Self {
        let bits = Bitmap::default();
        Self {
            identity: Arc::new(identity),
            tokens: 0,
            bond: Bond::Absent,
            jailed: false,
            announced: None,
            info: None,
            bits,
        }
    }

    /// Consensus power that the stake is worth.
    pub fn power(&self) -> i64 {
        i64::try_from(self.tokens / COIN).unwrap_or(i64::MAX)
    }

    /// Whether it may be in the set.
    pub fn is_candidate(&self) -> bool {
        self.bond != Bond::Absent && !self.jailed && self.power() > 0
    }

    /// Whether x/slashing has buried it.
    pub fn is_tombstoned(&self) -> bool {
        self.info.is_some_and(|info| info.tombstoned)
    }

    /// Enters the set in block `height`; x/slashing renews the start height since SDK 0.46.
    pub fn bond_at(&mut self, height: i64, line: Line) {
        self.bond = Bond::Bonded;
        match &mut self.info {
            Some(info) if line.renews_start() => info.start_height = height,
            Some(_) => {}
            None => self.info = Some(SigningInfo::new(height)),
        }
    }

    /// Burns `fraction` of what `power` is worth, at most everything. Returns the burned tokens.
    pub fn slash(&mut self, power: i64, fraction: Dec) -> u64 {
        let worth = i128::from(power) * i128::from(COIN);
        let burn = worth.saturating_mul(fraction.units()) / 1_000_000_000_000_000_000;
        let burn = u64::try_from(burn.max(0)).unwrap_or(u64::MAX).min(self.tokens);
        self.tokens -= burn;
        burn
    }
}
