//! The application's gRPC: one service that answers every path with the pure [`query`] module.
//!
//! Requests and answers pass through as bytes, so no service has to be generated and an unknown path is refused where
//! all others are answered. The metadata `x-cosmos-block-height` chooses the state, and the answer names it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use prost::bytes::{Buf, BufMut};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};
use tower::Service;

use super::shared::{Shared, stopped};
use crate::query::{self, QueryError};
use crate::script::Answers;

const HEIGHT: &str = "x-cosmos-block-height";

/// Serves until told to stop.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let incoming = TcpListenerStream::new(listener);
    let served = tonic::transport::Server::builder().serve_with_incoming_shutdown(
        Queries(shared),
        incoming,
        stopped(stop),
    );
    if let Err(error) = served.await {
        tracing::error!(%error, "the gRPC server ended");
    }
}

#[derive(Clone)]
struct Queries(Arc<Shared>);

impl Service<http::Request<Body>> for Queries {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let one = One { shared: Arc::clone(&self.0), path: request.uri().path().to_owned() };
        Box::pin(async move { Ok(Grpc::new(Bytes).unary(one, request).await) })
    }
}

struct One {
    shared: Arc<Shared>,
    path: String,
}

impl UnaryService<Vec<u8>> for One {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, request: Request<Vec<u8>>) -> Self::Future {
        let (shared, path) = (Arc::clone(&self.shared), std::mem::take(&mut self.path));
        Box::pin(async move {
            match shared.answers() {
                Answers::Normal | Answers::Garbage => {}
                Answers::Slow(wait) => tokio::time::sleep(wait).await,
                Answers::Unavailable => return Err(Status::unavailable("no node behind this")),
            }
            answer(&shared, &path, &request)
        })
    }
}

fn answer(shared: &Shared, path: &str, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Status> {
    let height = match request.metadata().get(HEIGHT).map(|v| v.to_str().unwrap_or_default().parse::<i64>()) {
        None => 0,
        Some(Ok(height)) if height >= 0 => height,
        Some(_) => return Err(Status::invalid_argument("invalid height header \"x-cosmos-block-height\"")),
    };
    let node = shared.node();
    // Raw store reads are a matter of the RPC.
    if path.starts_with("/store/") {
        return Err(Status::unimplemented(""));
    }
    if let Some(answer) = query::cometbft::answer(&node, path, request.get_ref()) {
        return answer.map(Response::new).map_err(status);
    }
    let app = query::at_height(&node, path, height).map_err(status)?;
    let bytes = query::answer(app, &node.genesis, path, request.get_ref()).map_err(status)?;
    let mut response = Response::new(bytes);
    response.metadata_mut().insert(HEIGHT, app.height.into());
    Ok(response)
}

#[allow(clippy::needless_pass_by_value, reason = "shape of map_err")]
fn status(error: QueryError) -> Status {
    let text = error.to_string();
    match error {
        QueryError::UnknownPath(path) => {
            let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
            Status::unimplemented(format!("unknown service {service}"))
        }
        QueryError::Height(_) | QueryError::Future | QueryError::Request(_) => Status::invalid_argument(text),
        QueryError::NotFound(_) => Status::not_found(text),
    }
}

/// Passes message bytes through.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
