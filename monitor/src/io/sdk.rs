//! Queries of the Cosmos SDK's modules, over gRPC where it is configured and over `abci_query` where it is not: the same
//! protobuf messages on both ways.

use super::grpc;
use super::pool::Pool;
use super::rpc::RpcFailure;
use crate::config::Endpoint;
use comet::sdk::slashing::{self, SigningInfo};
use comet::sdk::staking::{self, Validator};
use comet::sdk::{PageRequest, PageResponse};
use prost::Message;
use std::sync::Arc;
use tonic::transport::Channel;

const PAGE: u64 = 200;
/// 100,000 validators; a server that pages for ever is cut off.
const PAGES: usize = 500;

/// Why a module gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SdkFailure {
    /// The chain does not have the module.
    #[error("the chain has no such module")]
    NoModule,
    /// Over RPC.
    #[error(transparent)]
    Rpc(#[from] RpcFailure),
    /// Not a protobuf message of that kind.
    #[error("the answer to {path} is not what it should be: {reason}")]
    Decode {
        /// Query path.
        path: &'static str,
        /// Parser's words.
        reason: String,
    },
    /// Pages without end.
    #[error("the answer to {0} has too many pages")]
    Endless(&'static str),
}

/// The modules of one chain.
#[derive(Clone, Debug)]
pub struct Sdk {
    pool: Arc<Pool>,
    channels: Vec<Channel>,
}

impl Sdk {
    /// Over the gRPC endpoints first, then over `pool`.
    pub fn new(pool: Arc<Pool>, endpoints: &[Endpoint]) -> Self {
        Self { pool, channels: endpoints.iter().filter_map(grpc::channel).collect() }
    }

    /// One query at `height` (0 = latest), with the height of the state that answered (0 = not said). A height is only
    /// asked over RPC first, because every node honours it there.
    async fn query<Q, A>(&self, path: &'static str, query: Q, height: i64) -> Result<(A, i64), SdkFailure>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        if height == 0 {
            for channel in &self.channels {
                match grpc::unary::<Q, A>(channel, path, query.clone(), 0).await {
                    Ok((answer, at)) => return Ok((answer, at.unwrap_or(0))),
                    Err(status) if status.code() == tonic::Code::Unimplemented => {
                        return Err(SdkFailure::NoModule);
                    }
                    Err(error) => tracing::debug!(path, %error, "gRPC query failed, asking over RPC"),
                }
            }
        }
        let data = query.encode_to_vec();
        let answer = self.pool.ask(|client| {
            let data = data.clone();
            async move { client.abci_query(path, &data, height).await }
        });
        match answer.await {
            Ok((value, at)) => {
                let reason = |e: prost::DecodeError| SdkFailure::Decode { path, reason: e.to_string() };
                Ok((A::decode(value.as_slice()).map_err(reason)?, at))
            }
            Err(RpcFailure::App { log, .. }) if log.contains("unknown query path") => {
                Err(SdkFailure::NoModule)
            }
            Err(error) if height > 0 => {
                for channel in &self.channels {
                    if let Ok((answer, Some(at))) =
                        grpc::unary::<Q, A>(channel, path, query.clone(), height).await
                        && at == height
                    {
                        return Ok((answer, at));
                    }
                }
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Parameters of x/slashing.
    pub async fn slashing_params(&self, height: i64) -> Result<slashing::Params, SdkFailure> {
        let query = self.query(slashing::PARAMS, slashing::ParamsRequest {}, height);
        let (answer, _): (slashing::ParamsResponse, _) = query.await?;
        // A key-value application answers any path with an empty value.
        answer.params.filter(|p| p.signed_blocks_window > 0).ok_or(SdkFailure::NoModule)
    }

    /// All signing infos.
    pub async fn signing_infos(&self, height: i64) -> Result<Vec<SigningInfo>, SdkFailure> {
        let mut all = Vec::new();
        let mut page = Some(PageRequest { limit: PAGE, ..PageRequest::default() });
        for _ in 0..PAGES {
            let request = slashing::SigningInfosRequest { pagination: page };
            let (answer, _): (slashing::SigningInfosResponse, _) =
                self.query(slashing::SIGNING_INFOS, request, height).await?;
            all.extend(answer.info);
            page = next(answer.pagination);
            if page.is_none() {
                return Ok(all);
            }
        }
        Err(SdkFailure::Endless(slashing::SIGNING_INFOS))
    }

    /// All validators of x/staking, and the height of the state that answered.
    pub async fn validators(&self, height: i64) -> Result<(Vec<Validator>, i64), SdkFailure> {
        let mut all = Vec::new();
        let mut page = Some(PageRequest { limit: PAGE, ..PageRequest::default() });
        let mut first = None;
        for _ in 0..PAGES {
            let request = staking::ValidatorsRequest { status: String::new(), pagination: page };
            let (answer, at): (staking::ValidatorsResponse, _) =
                self.query(staking::VALIDATORS, request, height).await?;
            let at = *first.get_or_insert(at);
            all.extend(answer.validators);
            page = next(answer.pagination);
            if page.is_none() {
                return if all.is_empty() { Err(SdkFailure::NoModule) } else { Ok((all, at)) };
            }
        }
        Err(SdkFailure::Endless(staking::VALIDATORS))
    }

    /// A raw read of a module's store at `height`.
    pub async fn store(&self, path: &'static str, key: &[u8], height: i64) -> Result<Vec<u8>, RpcFailure> {
        let read = self.pool.ask(|client| async move { client.abci_query(path, key, height).await });
        Ok(read.await?.0)
    }
}

fn next(page: Option<PageResponse>) -> Option<PageRequest> {
    let key = page?.next_key;
    (!key.is_empty()).then(|| PageRequest { key, limit: PAGE, ..PageRequest::default() })
}
