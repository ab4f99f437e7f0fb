//! gRPC over an HTTP/2 connection of hyper: tonic's framing without tonic's own transport, which brings axum and towers.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::client::conn::http2::SendRequest;
use tonic::{body::Body, codegen::Service, codegen::http};

/// The client's end of one connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Channel(pub(crate) SendRequest<Body>);

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
