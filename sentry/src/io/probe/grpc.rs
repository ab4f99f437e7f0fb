//! A gRPC port: whether it speaks gRPC, and whether it names the node behind it.

use std::net::SocketAddr;

use http::Uri;
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tonic::client::Grpc as Client;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use super::Options;
use crate::live::{Answer, Grpc, State};

/// The SDK's service that knows the node's own node info (`cosmos.base.tendermint.v1beta1`).
const NODE_INFO: PathAndQuery =
    PathAndQuery::from_static("/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo");
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

/// One connection, one call.
pub(super) async fn ask(to: SocketAddr, options: &Options) -> (State, Option<Answer>) {
    let stream = match options.way.connect(to, options.connect).await {
        Ok(stream) => stream,
        Err(state) => return (state, None),
    };
    let said = timeout(options.talk, call(stream, to)).await.ok().flatten();
    (State::Open, said.map(Answer::Grpc))
}

async fn call(stream: super::way::Stream, to: SocketAddr) -> Option<Grpc> {
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
    match client.unary(Request::new(GetNodeInfoRequest {}), NODE_INFO, codec).await {
        Ok(answer) => {
            let node = answer.into_inner().node.unwrap_or_default();
            Some(Grpc::Node(node.id.parse().ok(), node.version))
        }
        // A connection that broke is no gRPC; every other status was said by a gRPC server.
        Err(status) => {
            (!matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled))
                .then_some(Grpc::Other)
        }
    }
}
