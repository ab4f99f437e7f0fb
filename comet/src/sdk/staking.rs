//! `cosmos.staking.v1beta1`: validators, parameters and the queries for them.

use super::{Any, Duration, PageRequest, PageResponse, Timestamp};
use prost::Message;

/// gRPC and `abci_query` path of all validators.
pub const VALIDATORS: &str = "/cosmos.staking.v1beta1.Query/Validators";
/// gRPC and `abci_query` path of the parameters.
pub const PARAMS: &str = "/cosmos.staking.v1beta1.Query/Params";

/// Bonding of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum BondStatus {
    /// Never on a chain.
    Unspecified = 0,
    /// Out of the set.
    Unbonded = 1,
    /// On the way out.
    Unbonding = 2,
    /// In the set.
    Bonded = 3,
}

/// `Validator`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Validator {
    /// valoper address.
    #[prost(string, tag = "1")]
    pub operator_address: String,
    /// Consensus key.
    #[prost(message, optional, tag = "2")]
    pub consensus_pubkey: Option<Any>,
    /// In jail.
    #[prost(bool, tag = "3")]
    pub jailed: bool,
    /// Bonding.
    #[prost(enumeration = "BondStatus", tag = "4")]
    pub status: i32,
    /// Integer as text, in the smallest unit.
    #[prost(string, tag = "5")]
    pub tokens: String,
    /// Decimal as text.
    #[prost(string, tag = "6")]
    pub delegator_shares: String,
    /// Names.
    #[prost(message, optional, tag = "7")]
    pub description: Option<Description>,
    /// When it began to unbond.
    #[prost(int64, tag = "8")]
    pub unbonding_height: i64,
    /// When it is unbonded.
    #[prost(message, optional, tag = "9")]
    pub unbonding_time: Option<Timestamp>,
    /// Commission.
    #[prost(message, optional, tag = "10")]
    pub commission: Option<Commission>,
    /// Integer as text.
    #[prost(string, tag = "11")]
    pub min_self_delegation: String,
}

/// `Description`: chosen by the operator, so hostile text.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Description {
    /// Name.
    #[prost(string, tag = "1")]
    pub moniker: String,
    /// Keybase id.
    #[prost(string, tag = "2")]
    pub identity: String,
    /// Site.
    #[prost(string, tag = "3")]
    pub website: String,
    /// Mail.
    #[prost(string, tag = "4")]
    pub security_contact: String,
    /// Text.
    #[prost(string, tag = "5")]
    pub details: String,
}

/// `Commission`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Commission {
    /// Rates.
    #[prost(message, optional, tag = "1")]
    pub commission_rates: Option<CommissionRates>,
    /// Last change.
    #[prost(message, optional, tag = "2")]
    pub update_time: Option<Timestamp>,
}

/// `CommissionRates`: ASCII digits of the value times 10^18.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct CommissionRates {
    /// Now.
    #[prost(string, tag = "1")]
    pub rate: String,
    /// At most.
    #[prost(string, tag = "2")]
    pub max_rate: String,
    /// At most in a day.
    #[prost(string, tag = "3")]
    pub max_change_rate: String,
}

/// `Params`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Params {
    /// How long unbonding takes.
    #[prost(message, optional, tag = "1")]
    pub unbonding_time: Option<Duration>,
    /// Seats in the set.
    #[prost(uint32, tag = "2")]
    pub max_validators: u32,
    /// Unbondings at once.
    #[prost(uint32, tag = "3")]
    pub max_entries: u32,
    /// Headers kept for IBC.
    #[prost(uint32, tag = "4")]
    pub historical_entries: u32,
    /// `uakt`, …
    #[prost(string, tag = "5")]
    pub bond_denom: String,
    /// ASCII digits of the value times 10^18.
    #[prost(string, tag = "6")]
    pub min_commission_rate: String,
}

/// `QueryValidatorsRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ValidatorsRequest {
    /// `BOND_STATUS_BONDED`, …; empty = all.
    #[prost(string, tag = "1")]
    pub status: String,
    /// Page.
    #[prost(message, optional, tag = "2")]
    pub pagination: Option<PageRequest>,
}

/// `QueryValidatorsResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ValidatorsResponse {
    /// Validators of this page.
    #[prost(message, repeated, tag = "1")]
    pub validators: Vec<Validator>,
    /// Where the next page starts.
    #[prost(message, optional, tag = "2")]
    pub pagination: Option<PageResponse>,
}

/// `QueryParamsRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ParamsRequest {}

/// `QueryParamsResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ParamsResponse {
    /// The parameters.
    #[prost(message, optional, tag = "1")]
    pub params: Option<Params>,
}
