//! What the Cosmos SDK answers about validators and their operators: protobuf messages of x/slashing, x/staking, x/gov,
//! x/upgrade, x/bank and x/distribution, the keys under which x/slashing stores its state, and its 18-digit decimals.
//!
//! Only the fields a validator's operator needs; unknown fields are skipped by protobuf. Field numbers are those of the
//! `v1beta1` packages (x/gov: `v1` as well), the same from SDK 0.40 to 0.55.

pub mod bank;
pub mod decimal;
pub mod gov;
pub mod slashing;
pub mod staking;
pub mod store;
pub mod upgrade;

use prost::Message;

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Any {
    /// `/cosmos.crypto.ed25519.PubKey`, …
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `cosmos.crypto.*.PubKey`: every key type has its bytes in field 1.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct PubKey {
    /// The raw key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
}

/// Type of an Ed25519 consensus key.
pub const ED25519_PUB_KEY: &str = "/cosmos.crypto.ed25519.PubKey";

impl Any {
    /// An Ed25519 consensus key.
    pub fn ed25519(key: &[u8; 32]) -> Self {
        Self { type_url: ED25519_PUB_KEY.into(), value: PubKey { key: key.to_vec() }.encode_to_vec() }
    }

    /// The raw key bytes, of any key type; `None` when the value is not a key message.
    pub fn key_bytes(&self) -> Option<Vec<u8>> {
        PubKey::decode(self.value.as_slice()).ok().map(|k| k.key).filter(|k| !k.is_empty())
    }
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Message)]
pub struct Timestamp {
    /// Unix seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds of the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Message)]
pub struct Duration {
    /// Seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds of the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `cosmos.base.query.v1beta1.PageRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct PageRequest {
    /// `next_key` of the page before.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Instead of a key.
    #[prost(uint64, tag = "2")]
    pub offset: u64,
    /// 0 = the server's default (100).
    #[prost(uint64, tag = "3")]
    pub limit: u64,
    /// Fill `total`.
    #[prost(bool, tag = "4")]
    pub count_total: bool,
    /// Backwards.
    #[prost(bool, tag = "5")]
    pub reverse: bool,
}

/// `cosmos.base.query.v1beta1.PageResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct PageResponse {
    /// Empty on the last page.
    #[prost(bytes = "vec", tag = "1")]
    pub next_key: Vec<u8>,
    /// Only with `count_total`.
    #[prost(uint64, tag = "2")]
    pub total: u64,
}
