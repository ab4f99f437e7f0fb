//! The application's queries in protobuf, for gRPC and `abci_query` alike, and raw reads of x/slashing's store.

pub mod cometbft;
mod messages;
mod pages;
mod store;

use comet::sdk::{slashing, staking};
use prost::Message;
use thiserror::Error;

use crate::app::App;
use crate::chain::Genesis;
use crate::node::Node;

/// Why a query has no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// No such path here.
    #[error("unknown query path: {0}")]
    UnknownPath(String),
    /// The height is not kept.
    #[error("failed to load state at height {0}; version does not exist")]
    Height(i64),
    /// The height is not there yet.
    #[error("cannot query with height in the future; please provide a valid height: invalid height")]
    Future,
    /// The request cannot be read.
    #[error("{0}: invalid request")]
    Request(String),
    /// Nothing of that name.
    #[error("{0}: key not found")]
    NotFound(String),
}

/// State after the block of `height`; 0 is the newest.
pub fn at_height(node: &Node, height: i64) -> Result<&App, QueryError> {
    let newest = node.ledger.height();
    if height > newest {
        return Err(QueryError::Future);
    }
    let height = if height <= 0 { newest } else { height };
    node.ledger.get(height).map(|block| &block.app).ok_or(QueryError::Height(height))
}

/// Answers the request `data` of `path` in one state.
pub fn answer(app: &App, genesis: &Genesis, path: &str, data: &[u8]) -> Result<Vec<u8>, QueryError> {
    match path {
        "/store/slashing/key" => Ok(store::value(app, data)),
        "/store/slashing/subspace" => Ok(store::subspace(app, data)),
        slashing::PARAMS => Ok(messages::slashing_params(app).encode_to_vec()),
        slashing::SIGNING_INFO => {
            let request: slashing::SigningInfoRequest = decode(data)?;
            messages::signing_info(app, &request.cons_address).map(|m| m.encode_to_vec())
        }
        slashing::SIGNING_INFOS => {
            let request: slashing::SigningInfosRequest = decode(data)?;
            Ok(messages::signing_infos(app, request.pagination.as_ref()).encode_to_vec())
        }
        staking::PARAMS => Ok(messages::staking_params(app, &genesis.origin.denom).encode_to_vec()),
        staking::VALIDATORS => {
            let request: staking::ValidatorsRequest = decode(data)?;
            messages::validators(app, &request).map(|m| m.encode_to_vec())
        }
        messages::VALIDATOR => {
            let request: messages::ValidatorRequest = decode(data)?;
            messages::validator(app, &request.validator_addr).map(|m| m.encode_to_vec())
        }
        _ => Err(QueryError::UnknownPath(path.to_owned())),
    }
}

fn decode<M: Message + Default>(data: &[u8]) -> Result<M, QueryError> {
    M::decode(data).map_err(|error| QueryError::Request(error.to_string()))
}

#[cfg(test)]
mod tests;
