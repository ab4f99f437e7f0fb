//! `cosmos.slashing.v1beta1`: parameters, signing infos and the queries for them.

use super::{Duration, PageRequest, PageResponse, Timestamp};
use prost::Message;

/// gRPC and `abci_query` path of the parameters.
pub const PARAMS: &str = "/cosmos.slashing.v1beta1.Query/Params";
/// gRPC and `abci_query` path of one signing info.
pub const SIGNING_INFO: &str = "/cosmos.slashing.v1beta1.Query/SigningInfo";
/// gRPC and `abci_query` path of all signing infos.
pub const SIGNING_INFOS: &str = "/cosmos.slashing.v1beta1.Query/SigningInfos";
/// `jailed_until` of a tombstoned validator: 9999-12-31T23:59:59Z.
pub const FOREVER: i64 = 253_402_300_799;

/// `Params`. The decimals are ASCII digits of the value times 10^18 (see [`super::decimal::Dec`]).
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Params {
    /// W.
    #[prost(int64, tag = "1")]
    pub signed_blocks_window: i64,
    /// Decimal.
    #[prost(bytes = "vec", tag = "2")]
    pub min_signed_per_window: Vec<u8>,
    /// How long a jailing lasts at least.
    #[prost(message, optional, tag = "3")]
    pub downtime_jail_duration: Option<Duration>,
    /// Decimal.
    #[prost(bytes = "vec", tag = "4")]
    pub slash_fraction_double_sign: Vec<u8>,
    /// Decimal.
    #[prost(bytes = "vec", tag = "5")]
    pub slash_fraction_downtime: Vec<u8>,
}

/// `ValidatorSigningInfo`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct SigningInfo {
    /// valcons address.
    #[prost(string, tag = "1")]
    pub address: String,
    /// Height of the last bonding (≥ 0.46).
    #[prost(int64, tag = "2")]
    pub start_height: i64,
    /// Handled blocks since the last reset.
    #[prost(int64, tag = "3")]
    pub index_offset: i64,
    /// 1970 when never jailed.
    #[prost(message, optional, tag = "4")]
    pub jailed_until: Option<Timestamp>,
    /// Out for ever.
    #[prost(bool, tag = "5")]
    pub tombstoned: bool,
    /// C of the jailing rule.
    #[prost(int64, tag = "6")]
    pub missed_blocks_counter: i64,
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

/// `QuerySigningInfoRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct SigningInfoRequest {
    /// valcons address.
    #[prost(string, tag = "1")]
    pub cons_address: String,
}

/// `QuerySigningInfoResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct SigningInfoResponse {
    /// The info.
    #[prost(message, optional, tag = "1")]
    pub val_signing_info: Option<SigningInfo>,
}

/// `QuerySigningInfosRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct SigningInfosRequest {
    /// Page.
    #[prost(message, optional, tag = "1")]
    pub pagination: Option<PageRequest>,
}

/// `QuerySigningInfosResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct SigningInfosResponse {
    /// Infos of this page.
    #[prost(message, repeated, tag = "1")]
    pub info: Vec<SigningInfo>,
    /// Where the next page starts.
    #[prost(message, optional, tag = "2")]
    pub pagination: Option<PageResponse>,
}
