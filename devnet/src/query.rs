//! The application's queries in protobuf, for gRPC and `abci_query` alike, and raw reads of x/slashing's store.

mod amino;
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

const SUBSPACE: &str = "/store/slashing/subspace";
/// There is no governance here; that its parameters can be asked for tells the SDK lines apart.
const GOV_V1: &str = "/cosmos.gov.v1.Query/Params";
const GOV_V1BETA1: &str = "/cosmos.gov.v1beta1.Query/Params";
const MODULE_VERSIONS: &str = "/cosmos.upgrade.v1beta1.Query/ModuleVersions";

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

/// State after the block of `height`, for a query of `path`; 0 is the newest. A subspace is always read from the newest, as
/// the SDK's stores do.
pub fn at_height<'a>(node: &'a Node, path: &str, height: i64) -> Result<&'a App, QueryError> {
    let newest = node.ledger.height();
    let height = if path == SUBSPACE { 0 } else { height };
    if height > newest {
        return Err(QueryError::Future);
    }
    let height = if height <= 0 { newest } else { height };
    node.ledger.get(height).map(|block| &block.app).ok_or(QueryError::Height(height))
}

/// Answers the request `data` of `path` in one state.
pub fn answer(app: &App, genesis: &Genesis, path: &str, data: &[u8]) -> Result<Vec<u8>, QueryError> {
    if app.line.is_amino() && !path.starts_with("/store/") {
        let unknown = || Err(QueryError::UnknownPath(path.to_owned()));
        return amino::answer(app, &genesis.origin.prefix, path, data).unwrap_or_else(unknown);
    }
    match path {
        "/store/slashing/key" => Ok(store::value(app, data)),
        SUBSPACE => Ok(store::subspace(app, data)),
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
        MODULE_VERSIONS if app.line.module_versions().is_some() => {
            Ok(messages::module_versions(app).encode_to_vec())
        }
        GOV_V1BETA1 => Ok(Vec::new()),
        GOV_V1 if app.line.has_gov_v1() => Ok(Vec::new()),
        _ => Err(QueryError::UnknownPath(path.to_owned())),
    }
}

fn decode<M: Message + Default>(data: &[u8]) -> Result<M, QueryError> {
    M::decode(data).map_err(|error| QueryError::Request(error.to_string()))
}

#[cfg(test)]
mod tests;
