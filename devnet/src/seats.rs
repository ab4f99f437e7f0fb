//! The 64 validators of akashnet-1: names, operator addresses and stakes, from the chain's public genesis.
//!
//! Monikers were chosen by strangers and are kept as they are; whatever shows them must treat them as hostile text.

use std::time::Duration;

use comet::sdk::decimal::Dec;
use serde::Deserialize;
use thiserror::Error;

use crate::line::Line;
use crate::slashing::Params;

/// One coin in the smallest unit, which is also one unit of consensus power.
pub const COIN: u64 = 1_000_000;

/// What a chain starts from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Chain id.
    pub chain_id: String,
    /// Prefix of account addresses; operators have `…valoper`, consensus addresses `…valcons`.
    pub prefix: String,
    /// Smallest unit of the staking token.
    pub denom: String,
    /// The Cosmos SDK it runs.
    pub line: Line,
    /// Seats in the active set.
    pub max_validators: usize,
    /// Parameters of x/slashing.
    pub slashing: Params,
    /// Validators, in genesis order; scripts refer to them by that index.
    pub seats: Vec<Seat>,
}

/// A validator before it has a consensus key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Name chosen by the operator.
    pub moniker: String,
    /// Operator address.
    pub valoper: String,
    /// Stake in the smallest unit.
    pub tokens: u64,
}

/// A file of seats that cannot be used.
#[derive(Debug, Error)]
pub enum SeatsError {
    /// Not the JSON expected.
    #[error("seats file is not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// A number is wrong.
    #[error("seats file: {0:?} is not a {1}")]
    Number(String, &'static str),
}

#[derive(Deserialize)]
struct RawOrigin {
    chain_id: String,
    prefix: String,
    denom: String,
    max_validators: usize,
    slashing: RawSlashing,
    seats: Vec<RawSeat>,
}

#[derive(Deserialize)]
struct RawSlashing {
    window: i64,
    min_signed: String,
    jail_seconds: u64,
    fraction_downtime: String,
    fraction_double_sign: String,
}

#[derive(Deserialize)]
struct RawSeat {
    moniker: String,
    valoper: String,
    tokens: String,
}

impl Origin {
    /// The chain akashnet-1 as it began.
    pub fn akashnet_1() -> Self {
        Self::parse(include_str!("../data/akashnet-1.json")).expect("the file is ours and a test reads it")
    }

    /// Reads a file in the format of `data/akashnet-1.json`.
    pub fn parse(json: &str) -> Result<Self, SeatsError> {
        let raw: RawOrigin = serde_json::from_str(json)?;
        let dec =
            |text: &str| text.parse::<Dec>().map_err(|_| SeatsError::Number(text.to_owned(), "decimal"));
        let slashing = Params {
            window: raw.slashing.window,
            min_signed: dec(&raw.slashing.min_signed)?,
            jail_duration: Duration::from_secs(raw.slashing.jail_seconds),
            fraction_downtime: dec(&raw.slashing.fraction_downtime)?,
            fraction_double_sign: dec(&raw.slashing.fraction_double_sign)?,
        };
        let seat = |seat: RawSeat| match seat.tokens.parse() {
            Ok(tokens) => Ok(Seat { moniker: seat.moniker, valoper: seat.valoper, tokens }),
            Err(_) => Err(SeatsError::Number(seat.tokens, "number of tokens")),
        };
        Ok(Self {
            chain_id: raw.chain_id,
            prefix: raw.prefix,
            line: Line::default(),
            denom: raw.denom,
            max_validators: raw.max_validators,
            slashing,
            seats: raw.seats.into_iter().map(seat).collect::<Result<_, _>>()?,
        })
    }

    /// Keeps the first `count` seats, or adds nameless ones until there are so many.
    pub fn with_seats(mut self, count: usize) -> Self {
        self.seats.truncate(count);
        for index in self.seats.len()..count {
            self.seats.push(Seat::invented(&self.prefix, index, 1_000 * COIN));
        }
        self.max_validators = self.max_validators.max(count);
        self
    }
}

impl Seat {
    /// A validator that no genesis knows: `validator-70` with an address made from its number.
    pub fn invented(prefix: &str, index: usize, tokens: u64) -> Self {
        let mut operator = [0x70; 20];
        operator[12..].copy_from_slice(&(index as u64).to_be_bytes());
        let valoper = comet::bech32::encode(&format!("{prefix}valoper"), &operator)
            .expect("a prefix that has encoded other addresses, and 20 bytes");
        Self { moniker: format!("validator-{index}"), valoper, tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn akashnet_1_has_64_seats_with_their_stakes() {
        let origin = Origin::akashnet_1();
        assert_eq!(origin.seats.len(), 64);
        let coins = |name: &str| {
            let seat = origin.seats.iter().find(|s| s.moniker == name).map(|s| s.tokens / COIN);
            seat.unwrap_or_else(|| panic!("no {name}"))
        };
        assert_eq!((coins("Forbole"), coins("w3m"), coins("0base.vc")), (10, 567, 1000));
        for seat in &origin.seats {
            assert_eq!(comet::bech32::decode(&seat.valoper).unwrap().0, "akashvaloper");
        }
        assert_eq!(origin.slashing.max_missed(), 9500);
    }

    #[test]
    fn more_seats_are_invented() {
        let origin = Origin::akashnet_1().with_seats(70);
        assert_eq!((origin.seats.len(), origin.max_validators), (70, 70));
        assert_eq!(origin.seats[69].moniker, "validator-69");
        assert_ne!(origin.seats[69].valoper, origin.seats[68].valoper);
    }
}
