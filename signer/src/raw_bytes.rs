//! Signing bytes that are no vote: refused, unless a chain allows it by dialect and by name or prefix.
//!
//! The danger is a vote in disguise, which no mark would know of. So there is one way to the key, [`RawPermit`], made by
//! [`RawBytes::judge`] and nowhere else, and it refuses whatever could begin as sign-bytes do ([`comet::raw_bytes`]):
//! Celestia's envelope never can; for CometBFT 1.0, which has none, a prefix that could is no valid configuration, and the
//! permit is tried once more against the bytes themselves.
//!
//! These do not compile: a permit out of thin air, and one that is used twice.
//!
//! ```compile_fail,E0451
//! fn forge(sign_bytes: Vec<u8>) -> palisade_signer::raw_bytes::RawPermit {
//!     palisade_signer::raw_bytes::RawPermit { sign_bytes }
//! }
//! ```
//! ```compile_fail,E0382
//! use palisade_signer::{key::Key, raw_bytes::RawPermit};
//! fn sign_twice(key: &mut dyn Key, permit: RawPermit) {
//!     key.sign_raw(permit).unwrap();
//!     key.sign_raw(permit).unwrap();
//! }
//! ```

use comet::{
    privval::SignBytesRequest,
    raw_bytes::{celestia_sign_bytes, could_begin_sign_bytes},
};
use serde::Deserialize;
use thiserror::Error;

/// Shortest prefix: with fewer bytes nothing is told apart.
pub const MIN_PREFIX: usize = 4;

/// `raw_bytes` of a chain, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "dialect", rename_all = "lowercase", deny_unknown_fields)]
pub enum RawRawBytes {
    /// CometBFT 1.0's `SignBytes`.
    V1 {
        /// What the bytes must begin with, one of these, as text.
        prefixes: Vec<String>,
    },
    /// Celestia's `SignRawBytes`.
    Celestia {
        /// What they may be for.
        unique_ids: Vec<String>,
    },
}

/// Which raw bytes a chain allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawBytes {
    /// None.
    #[default]
    Refused,
    /// CometBFT 1.0: those that begin with one of these prefixes, none of which could begin sign-bytes.
    V1(Vec<String>),
    /// Celestia: those for one of these purposes, in its envelope.
    Celestia(Vec<String>),
}

/// Why a configuration of raw bytes is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RawBytesError {
    /// An empty list allows nothing, and an empty name everything.
    #[error("raw_bytes allows nothing: a list without names, or an empty name")]
    Nothing,
    /// Too little to tell anything apart.
    #[error("raw_bytes prefix {0:?} is shorter than {MIN_PREFIX} bytes")]
    ShortPrefix(String),
    /// A vote could begin with it.
    #[error("raw_bytes prefix {0:?} could be the beginning of a vote; the application needs another one")]
    CouldBeVote(String),
}

/// Why raw bytes are not signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RawRefusal {
    /// The chain allows none.
    #[error("signing raw bytes is not allowed")]
    NotAllowed,
    /// The other dialect, or something is missing.
    #[error("the request is not in the dialect that raw_bytes of this chain names")]
    Dialect,
    /// Another chain than the one this link serves.
    #[error("raw bytes are for another chain than this link serves")]
    WrongChain,
    /// No name on the list.
    #[error("raw bytes of this kind are not allowed")]
    Unlisted,
    /// They could be a vote, proposal or extension.
    #[error("raw bytes that could be a vote, proposal or extension are never signed")]
    CouldBeVote,
}

/// Leave to sign these raw bytes, once.
#[derive(Debug, PartialEq, Eq)]
pub struct RawPermit {
    sign_bytes: Vec<u8>,
}

// === impl RawRawBytes ===

impl RawRawBytes {
    /// What was meant, if it is safe.
    pub fn resolve(self) -> Result<RawBytes, RawBytesError> {
        let (Self::V1 { prefixes: names } | Self::Celestia { unique_ids: names }) = &self;
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(RawBytesError::Nothing);
        }
        match self {
            Self::Celestia { unique_ids } => Ok(RawBytes::Celestia(unique_ids)),
            Self::V1 { prefixes } => {
                for prefix in &prefixes {
                    if prefix.len() < MIN_PREFIX {
                        return Err(RawBytesError::ShortPrefix(prefix.clone()));
                    }
                    if could_begin_sign_bytes(prefix.as_bytes()) {
                        return Err(RawBytesError::CouldBeVote(prefix.clone()));
                    }
                }
                Ok(RawBytes::V1(prefixes))
            }
        }
    }
}

// === impl RawBytes ===

impl RawBytes {
    /// May these be signed, on a link that serves `chain_id`?
    pub fn judge(&self, chain_id: &str, request: &SignBytesRequest) -> Result<RawPermit, RawRefusal> {
        let SignBytesRequest { value, raw_bytes, unique_id } = request;
        let sign_bytes = match self {
            Self::Refused => return Err(RawRefusal::NotAllowed),
            Self::V1(prefixes) => {
                if !raw_bytes.is_empty() || !unique_id.is_empty() {
                    return Err(RawRefusal::Dialect);
                }
                if !prefixes.iter().any(|prefix| value.starts_with(prefix.as_bytes())) {
                    return Err(RawRefusal::Unlisted);
                }
                value.clone()
            }
            Self::Celestia(unique_ids) => {
                if raw_bytes.is_empty() || unique_id.is_empty() {
                    return Err(RawRefusal::Dialect);
                }
                if value != chain_id.as_bytes() {
                    return Err(RawRefusal::WrongChain);
                }
                if !unique_ids.contains(unique_id) {
                    return Err(RawRefusal::Unlisted);
                }
                celestia_sign_bytes(chain_id, unique_id, raw_bytes)
            }
        };
        if could_begin_sign_bytes(&sign_bytes) {
            return Err(RawRefusal::CouldBeVote);
        }
        Ok(RawPermit { sign_bytes })
    }
}

// === impl RawPermit ===

impl RawPermit {
    /// What may be signed.
    pub fn sign_bytes(&self) -> &[u8] {
        &self.sign_bytes
    }
}

// === impl RawRefusal ===

impl RawRefusal {
    /// Label value of the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotAllowed => "raw_bytes",
            Self::Dialect => "raw_bytes_dialect",
            Self::WrongChain => "wrong_chain",
            Self::Unlisted => "raw_bytes_unlisted",
            Self::CouldBeVote => "raw_bytes_vote",
        }
    }
}
