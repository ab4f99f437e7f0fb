//! The small hashes of a header: consensus parameters, transactions, results of transactions.

use prost::Message;
use sha2::{Digest, Sha256};

use crate::merkle::{self, Hash};

#[derive(Clone, PartialEq, Message)]
struct HashedParams {
    #[prost(int64, tag = "1")]
    block_max_bytes: i64,
    #[prost(int64, tag = "2")]
    block_max_gas: i64,
}

/// The part of a transaction's result that all nodes must agree on; logs and events are not in it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TxResult {
    /// 0 is success.
    #[prost(uint32, tag = "1")]
    pub code: u32,
    /// The application's answer.
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
    /// Gas the sender allowed.
    #[prost(int64, tag = "5")]
    pub gas_wanted: i64,
    /// Gas used.
    #[prost(int64, tag = "6")]
    pub gas_used: i64,
}

/// Hash of the two parameters that a header commits to; `max_gas` is -1 for no limit.
pub fn consensus_params_hash(block_max_bytes: i64, block_max_gas: i64) -> Hash {
    Sha256::digest(HashedParams { block_max_bytes, block_max_gas }.encode_to_vec()).into()
}

/// Root over the hashes of the transactions.
pub fn data_hash<T: AsRef<[u8]>>(txs: &[T]) -> Hash {
    let leaves: Vec<Hash> = txs.iter().map(|tx| Sha256::digest(tx).into()).collect();
    merkle::root(&leaves)
}

/// Root over the results of a block's transactions; the next header carries it.
pub fn results_hash(results: &[TxResult]) -> Hash {
    let leaves: Vec<Vec<u8>> = results.iter().map(Message::encode_to_vec).collect();
    merkle::root(&leaves)
}
