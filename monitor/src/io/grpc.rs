//! Unary gRPC calls to Cosmos SDK nodes, without generated clients: a path, a request, an answer.

use super::reach::Reach;
use super::source::Fault;
use crate::health::Class;
use http::uri::PathAndQuery;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use std::time::Duration;
use tonic::client::Grpc;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

const HEIGHT: &str = "x-cosmos-block-height";
const TIMEOUT: Duration = Duration::from_secs(5);
/// Larger answers are refused: a page of 200 validators is 200 KB.
const LARGEST: usize = 16 * 1024 * 1024;
const LATEST: &str = "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock";

/// A client of one endpoint; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    token: Option<(AsciiMetadataKey, AsciiMetadataValue)>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LatestRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct LatestResponse {
    #[prost(message, optional, tag = "2")]
    block: Option<comet::block::Block>,
}

impl Fault for Status {
    fn class(&self) -> Class {
        match self.code() {
            Code::DeadlineExceeded | Code::Cancelled => Class::Timeout,
            Code::ResourceExhausted => Class::RateLimited,
            Code::Unavailable => Class::Unreachable,
            Code::Unknown | Code::Internal | Code::DataLoss => Class::Http,
            _ => Class::Refused,
        }
    }

    fn patience(&self) -> Option<Duration> {
        (self.code() == Code::ResourceExhausted).then_some(Duration::from_secs(5))
    }
}

/// A client that connects when it is first used; `None` for an authority that is no URI.
pub fn client(reach: &Reach) -> Option<Client> {
    let url = reach.endpoint().url();
    let endpoint = tonic::transport::Endpoint::from_shared(url).ok()?;
    let endpoint = endpoint.connect_timeout(TIMEOUT).timeout(TIMEOUT);
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config((**reach.http().tls()).clone())
        .https_or_http()
        .enable_http2()
        .wrap_connector(tcp);
    let token = match reach.header() {
        Some((name, value)) => Some((
            AsciiMetadataKey::from_bytes(name.as_str().as_bytes()).ok()?,
            AsciiMetadataValue::try_from(value.as_bytes()).ok()?,
        )),
        None => None,
    };
    Some(Client { channel: endpoint.connect_with_connector_lazy(connector), token })
}

/// One call. `height` 0 = latest; the answer comes with the height of the state that gave it, where the node says so.
pub async fn unary<Q, A>(
    client: &Client,
    path: &'static str,
    query: Q,
    height: i64,
) -> Result<(A, Option<i64>), Status>
where
    Q: prost::Message + 'static,
    A: prost::Message + Default + 'static,
{
    let call = async {
        let mut grpc = Grpc::new(client.channel.clone()).max_decoding_message_size(LARGEST);
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let mut request = Request::new(query);
        request.set_timeout(TIMEOUT);
        if let Some((name, value)) = &client.token {
            request.metadata_mut().insert(name.clone(), value.clone());
        }
        if height > 0
            && let Ok(value) = height.to_string().parse()
        {
            request.metadata_mut().insert(HEIGHT, value);
        }
        let codec = tonic_prost::ProstCodec::<Q, A>::default();
        let answer = grpc.unary(request, PathAndQuery::from_static(path), codec).await?;
        let answered =
            answer.metadata().get(HEIGHT).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        Ok((answer.into_inner(), answered))
    };
    // The deadline of the channel does not cover a server that drips.
    let silence = |_| Status::deadline_exceeded(format!("no answer within {} s", 2 * TIMEOUT.as_secs()));
    tokio::time::timeout(2 * TIMEOUT, call).await.map_err(silence)?
}

/// Chain id and height of the latest block.
pub async fn latest(client: &Client) -> Result<(String, i64), Status> {
    let (answer, _) = unary::<LatestRequest, LatestResponse>(client, LATEST, LatestRequest {}, 0).await?;
    let header =
        answer.block.and_then(|b| b.header).ok_or_else(|| Status::internal("no block in the answer"))?;
    Ok((header.chain_id, header.height))
}
