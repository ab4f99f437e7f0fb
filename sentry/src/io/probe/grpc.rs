//! A gRPC port: whether it speaks gRPC, whether it names the node behind it, and which services it has.
//!
//! Services are asked for by reflection, which the Cosmos SDK has on by default, and CometBFT 1.0's own by name: it has no
//! reflection, and its privileged one can prune blocks. All on one connection.

use std::net::SocketAddr;

use http::Uri;
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tonic::client::Grpc as Client;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::Options;
use crate::live::{Answer, Grpc, State};

/// The SDK's service that knows the node's own node info (`cosmos.base.tendermint.v1beta1`).
const NODE_INFO: PathAndQuery =
    PathAndQuery::from_static("/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo");
/// Reflection, in the spelling of today and of the SDKs that are in use.
const REFLECTION: [PathAndQuery; 2] = [
    PathAndQuery::from_static("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    PathAndQuery::from_static("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
];
/// CometBFT 1.0's own services: one that everybody may ask, and the privileged one. Both calls change nothing.
const COMET: [(&str, PathAndQuery); 2] = [
    (
        "cometbft.services.version.v1.VersionService",
        PathAndQuery::from_static("/cometbft.services.version.v1.VersionService/GetVersion"),
    ),
    (
        "cometbft.services.pruning.v1.PruningService",
        PathAndQuery::from_static("/cometbft.services.pruning.v1.PruningService/GetBlockRetainHeight"),
    ),
];
/// Services that are noted.
const SERVICES: usize = 200;
/// Bytes of an answer.
const BYTES: usize = 256 * 1024;

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct GetNodeInfoRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct GetNodeInfoResponse {
    #[prost(message, optional, tag = "1")]
    node: Option<NodeInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NodeInfo {
    #[prost(string, tag = "2")]
    id: String,
    #[prost(string, tag = "5")]
    version: String,
}

/// An answer of which only its being there matters.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Anything {}

#[derive(Clone, PartialEq, prost::Message)]
struct ReflectionRequest {
    #[prost(string, tag = "7")]
    list: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReflectionResponse {
    #[prost(message, optional, tag = "6")]
    services: Option<Services>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    service: Vec<Service>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
}

/// One connection, a few calls.
pub(super) async fn ask(to: SocketAddr, options: &Options) -> (State, Option<Answer>) {
    let stream = match options.way.connect(to, options.connect).await {
        Ok(stream) => stream,
        Err(state) => return (state, None),
    };
    let said = timeout(options.talk, call(stream, to)).await.ok().flatten();
    (State::Open, said.map(|(said, services)| Answer::Grpc(said, services)))
}

async fn call(stream: super::way::Stream, to: SocketAddr) -> Option<(Grpc, Vec<String>)> {
    let mut once = Some(stream);
    let connector = tower::service_fn(move |_: Uri| {
        // It is not connected again: a second dial would be a second connection.
        let stream = once.take().map(TokioIo::new);
        std::future::ready(stream.ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)))
    });
    let endpoint = Endpoint::from_shared(format!("http://{to}")).ok()?;
    let channel = endpoint.connect_with_connector(connector).await.ok()?;
    let mut client = Client::new(channel).max_decoding_message_size(BYTES);
    client.ready().await.ok()?;
    let codec = ProstCodec::<GetNodeInfoRequest, GetNodeInfoResponse>::default();
    let said = match client.unary(Request::new(GetNodeInfoRequest {}), NODE_INFO, codec).await {
        Ok(answer) => {
            let node = answer.into_inner().node.unwrap_or_default();
            Grpc::Node(node.id.parse().ok(), node.version)
        }
        // A connection that broke is no gRPC; every other status was said by a gRPC server.
        Err(status) if speaks(&status) => Grpc::Other,
        Err(_) => return None,
    };
    let mut services = Vec::new();
    for path in REFLECTION {
        services = list(&mut client, path).await;
        if !services.is_empty() {
            break;
        }
    }
    for (name, path) in COMET {
        let codec = ProstCodec::<GetNodeInfoRequest, Anything>::default();
        let known = services.iter().any(|service| service == name);
        if !known
            && client.ready().await.is_ok()
            && is_there(client.unary(Request::new(GetNodeInfoRequest {}), path, codec).await)
        {
            services.push(name.to_owned());
        }
    }
    Some((said, services))
}

/// Whether a gRPC server said this.
fn speaks(status: &Status) -> bool {
    !matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled)
}

/// Whether somebody answered for this service; an error of its own is an answer.
fn is_there<T>(answer: Result<T, Status>) -> bool {
    answer.map_or_else(|status| speaks(&status) && status.code() != Code::Unimplemented, |_| true)
}

/// The services that reflection names, as many as an honest server has.
async fn list(client: &mut Client<Channel>, path: PathAndQuery) -> Vec<String> {
    if client.ready().await.is_err() {
        return Vec::new();
    }
    let codec = ProstCodec::<ReflectionRequest, ReflectionResponse>::default();
    let ask = futures_util::stream::once(std::future::ready(ReflectionRequest { list: "*".to_owned() }));
    let Ok(answers) = client.streaming(Request::new(ask), path, codec).await else { return Vec::new() };
    let Ok(Some(answer)) = answers.into_inner().message().await else { return Vec::new() };
    let services = answer.services.unwrap_or_default().service;
    services.into_iter().map(|service| service.name).take(SERVICES).collect()
}
