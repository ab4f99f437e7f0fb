//! Queries of the Cosmos SDK's modules, over gRPC where it is configured and over `abci_query` where it is not: the same
//! protobuf messages on both ways. SDK 0.39 has no protobuf: it is asked `custom/…` in amino JSON. What neither answers is
//! asked over REST, where that is configured.

mod gateway;

use super::grpc;
use super::pool::Pool;
use super::rpc::{Client, RpcFailure};
use crate::decode::DecodeError;
use crate::rest;
use comet::sdk::slashing::{self, SigningInfo};
use comet::sdk::staking::{self, Validator};
use comet::sdk::{PageRequest, PageResponse, store};
use gateway::GatewayFailure;
use prost::Message;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: u64 = 200;
/// 100,000 validators; a server that pages for ever is cut off.
const PAGES: usize = 500;
/// What 0.39 gives on one page.
const AMINO_PAGE: usize = 100;
/// Paths of 0.39.
const AMINO_PARAMS: &str = "custom/slashing/parameters";
const AMINO_INFOS: &str = "custom/slashing/signingInfos";
const AMINO_VALIDATORS: &str = "custom/staking/validators";

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

impl SdkFailure {
    /// As [`RpcFailure::is_disputed`].
    pub fn is_disputed(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.is_disputed())
    }
}

/// The modules of one chain.
#[derive(Clone, Debug)]
pub struct Sdk {
    pool: Arc<Pool>,
    /// Found to be of SDK 0.39: it answers amino only.
    amino: Arc<AtomicBool>,
}

impl Sdk {
    /// Over the gRPC endpoints of `pool` first, then over RPC.
    pub fn new(pool: Arc<Pool>) -> Self {
        Self { pool, amino: Arc::default() }
    }

    /// The endpoints it asks.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Whether the last answer about parameters was amino: `None` before there was one is `false` as well.
    pub fn is_amino(&self) -> bool {
        self.amino.load(Ordering::Relaxed)
    }

    /// One query at `height` (0 = latest), with the height of the state that answered (0 = not said). A height is only
    /// asked over RPC first, because every node honours it there.
    pub(super) async fn query<Q, A>(
        &self,
        path: &'static str,
        query: Q,
        height: i64,
    ) -> Result<(A, i64), SdkFailure>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + PartialEq + 'static,
    {
        if height == 0 {
            for source in self.pool.grpc() {
                match source.ask(grpc::unary::<Q, A>(&source.client, path, query.clone(), 0)).await {
                    Ok((answer, at)) => return Ok((answer, at.unwrap_or(0))),
                    Err(status) if status.code() == tonic::Code::Unimplemented => {
                        return Err(SdkFailure::NoModule);
                    }
                    Err(error) => tracing::debug!(path, %error, "gRPC query failed, asking over RPC"),
                }
            }
        }
        let data = query.encode_to_vec();
        let ask = |client: Client| {
            let data = data.clone();
            async move { client.abci_query(path, &data, height).await }
        };
        // As messages, because nodes of other releases may write fields that this one does not know.
        let read = |value: &[u8]| A::decode(value).ok();
        let same = |a: &(Vec<u8>, i64), b: &(Vec<u8>, i64)| a.0 == b.0 || read(&a.0) == read(&b.0);
        let answer = self.pool.agreed(height, ask, same);
        match answer.await {
            Ok((value, at)) => {
                let reason = |e: prost::DecodeError| SdkFailure::Decode { path, reason: e.to_string() };
                Ok((A::decode(value.as_slice()).map_err(reason)?, at))
            }
            Err(error) if is_unknown(&error) => Err(SdkFailure::NoModule),
            Err(error) if height > 0 && !error.is_disputed() => {
                for source in self.pool.grpc() {
                    let ask = grpc::unary::<Q, A>(&source.client, path, query.clone(), height);
                    if let Ok((answer, Some(at))) = source.ask(ask).await
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

    /// One amino query of 0.39 at `height` (0 = latest), with the height of the state that answered.
    async fn amino(
        &self,
        path: &'static str,
        query: serde_json::Value,
        height: i64,
    ) -> Result<(Vec<u8>, i64), SdkFailure> {
        let data = if query.is_null() { Vec::new() } else { query.to_string().into_bytes() };
        let ask = |client: Client| {
            let data = data.clone();
            async move { client.abci_query(path, &data, height).await }
        };
        match self.pool.agreed(height, ask, |a, b| a.0 == b.0).await {
            // A key-value application answers any path with an empty value.
            Ok((value, _)) if value.is_empty() => Err(SdkFailure::NoModule),
            Ok(answer) => Ok(answer),
            Err(error) if is_unknown(&error) => Err(SdkFailure::NoModule),
            Err(error) => Err(error.into()),
        }
    }

    /// All pages of an amino list.
    async fn amino_list<T>(
        &self,
        path: &'static str,
        status: Option<&str>,
        height: i64,
        read: fn(&[u8]) -> Result<rest::Page<T>, DecodeError>,
    ) -> Result<(Vec<T>, i64), SdkFailure> {
        let (mut all, mut first) = (Vec::new(), None);
        for page in 1..=PAGES {
            let mut query = json!({ "Page": page.to_string(), "Limit": AMINO_PAGE.to_string() });
            if let Some(status) = status {
                query["Status"] = status.into();
            }
            let (value, at) = self.amino(path, query, height).await?;
            let at = *first.get_or_insert(at);
            let items = read(&value).map_err(|e| SdkFailure::Decode { path, reason: e.to_string() })?.items;
            let last = items.len() < AMINO_PAGE;
            all.extend(items);
            if last {
                return Ok((all, at));
            }
        }
        Err(SdkFailure::Endless(path))
    }

    /// Parameters of x/slashing. Finds out whether the node speaks protobuf or only amino.
    pub async fn slashing_params(&self, height: i64) -> Result<slashing::Params, SdkFailure> {
        or_rest(self.asked_params(height).await, self.gateway_params(height)).await
    }

    /// All signing infos.
    pub async fn signing_infos(&self, height: i64) -> Result<Vec<SigningInfo>, SdkFailure> {
        or_rest(self.asked_signing_infos(height).await, self.gateway_signing_infos(height)).await
    }

    /// All validators of x/staking, and the height of the state that answered (0 = not said).
    pub async fn validators(&self, height: i64) -> Result<(Vec<Validator>, i64), SdkFailure> {
        or_rest(self.asked_validators(height).await, self.gateway_validators(height)).await
    }

    async fn asked_params(&self, height: i64) -> Result<slashing::Params, SdkFailure> {
        if !self.is_amino() {
            let query = self.query(slashing::PARAMS, slashing::ParamsRequest {}, height);
            let answer: Result<(slashing::ParamsResponse, _), _> = query.await;
            match answer {
                Ok((answer, _)) => {
                    // A key-value application answers any path with an empty value.
                    if let Some(params) = answer.params.filter(|p| p.signed_blocks_window > 0) {
                        return Ok(params);
                    }
                }
                Err(SdkFailure::NoModule) => {}
                Err(error) => return Err(error),
            }
        }
        let found = self.amino(AMINO_PARAMS, serde_json::Value::Null, height).await;
        self.amino.store(found.is_ok(), Ordering::Relaxed);
        rest::params(&found?.0)
            .map(|(params, _)| params)
            .map_err(|e| SdkFailure::Decode { path: AMINO_PARAMS, reason: e.to_string() })
    }

    async fn asked_signing_infos(&self, height: i64) -> Result<Vec<SigningInfo>, SdkFailure> {
        if self.is_amino() {
            return Ok(self.amino_list(AMINO_INFOS, None, height, rest::signing_infos).await?.0);
        }
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

    async fn asked_validators(&self, height: i64) -> Result<(Vec<Validator>, i64), SdkFailure> {
        let (mut all, mut first) = (Vec::new(), None);
        if self.is_amino() {
            for status in ["bonded", "unbonding", "unbonded"] {
                let list = self.amino_list(AMINO_VALIDATORS, Some(status), height, rest::validators);
                let (some, at) = list.await?;
                first.get_or_insert(at);
                all.extend(some);
            }
            return if all.is_empty() { Err(SdkFailure::NoModule) } else { Ok((all, first.unwrap_or(0))) };
        }
        let mut page = Some(PageRequest { limit: PAGE, ..PageRequest::default() });
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
        let ask = |client: Client| async move { client.abci_query(path, key, height).await };
        Ok(self.pool.agreed(height, ask, |a, b| a.0 == b.0).await?.0)
    }

    /// All of the slashing store whose keys begin with `prefix`. Of the newest state, whatever is asked for, which endpoints
    /// see at different heights: an answer of each, until two of the first are the same.
    pub async fn subspace(&self, prefix: &[u8], height: i64) -> Result<Vec<Vec<u8>>, RpcFailure> {
        let ask =
            |client: Client| async move { Ok(client.abci_query(store::SUBSPACE, prefix, height).await?.0) };
        self.pool.said(height, ask, |all| all.len() > 1 && all.iter().all(|one| *one == all[0])).await
    }
}

/// What REST says where no endpoint took the question otherwise; the first failure where REST has no answer either.
async fn or_rest<T>(
    asked: Result<T, SdkFailure>,
    rest: impl Future<Output = Result<T, GatewayFailure>>,
) -> Result<T, SdkFailure> {
    let error = match asked {
        Err(SdkFailure::Rpc(error)) if !error.is_disputed() => error,
        asked => return asked,
    };
    rest.await.map_err(|failure| {
        tracing::debug!(%failure, "REST had no answer either");
        error.into()
    })
}

/// Whether the application says that it knows no such query.
fn is_unknown(error: &RpcFailure) -> bool {
    let RpcFailure::App { log, .. } = error else { return false };
    log.contains("unknown query path") || log.contains("no custom querier found")
}

fn next(page: Option<PageResponse>) -> Option<PageRequest> {
    let key = page?.next_key;
    (!key.is_empty()).then(|| PageRequest { key, limit: PAGE, ..PageRequest::default() })
}
