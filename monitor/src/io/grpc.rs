//! Unary gRPC calls to Cosmos SDK nodes, without generated clients: a path, a request, an answer.

use crate::config::Endpoint;
use http::uri::PathAndQuery;
use std::time::Duration;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};

const HEIGHT: &str = "x-cosmos-block-height";
const TIMEOUT: Duration = Duration::from_secs(5);

/// A channel that connects when it is first used; `None` for an authority that is no URI.
pub fn channel(endpoint: &Endpoint) -> Option<Channel> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", endpoint.authority)).ok()?;
    Some(endpoint.connect_timeout(TIMEOUT).timeout(TIMEOUT).connect_lazy())
}

/// One call. `height` 0 = latest; the answer comes with the height of the state that gave it, where the node says so.
pub async fn unary<Q, A>(
    channel: &Channel,
    path: &'static str,
    query: Q,
    height: i64,
) -> Result<(A, Option<i64>), Status>
where
    Q: prost::Message + 'static,
    A: prost::Message + Default + 'static,
{
    let mut client = Grpc::new(channel.clone());
    client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    let mut request = Request::new(query);
    request.set_timeout(TIMEOUT);
    if height > 0
        && let Ok(value) = height.to_string().parse()
    {
        request.metadata_mut().insert(HEIGHT, value);
    }
    let codec = tonic_prost::ProstCodec::<Q, A>::default();
    let answer = client.unary(request, PathAndQuery::from_static(path), codec).await?;
    let answered = answer.metadata().get(HEIGHT).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    Ok((answer.into_inner(), answered))
}
