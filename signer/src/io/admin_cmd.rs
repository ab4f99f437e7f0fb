//! Calling a running signer over its admin socket.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tonic::{client::Grpc, codegen::http};
use tonic_prost::ProstCodec;

use crate::io::grpc::Channel;

/// How long a command may take; draining waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(30);

/// The signer's answer, or its refusal in words.
pub type Answer<T> = Result<T, String>;

/// Makes one call.
pub fn call<A, B>(socket: &Path, path: &'static str, message: A) -> anyhow::Result<Answer<B>>
where
    A: Message + Send + Sync + 'static,
    B: Message + Default + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stream = tokio::net::UnixStream::connect(socket)
            .await
            .with_context(|| format!("no signer answers on {}", socket.display()))?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .context("the signer turned this user away, or it is something else that listens there")?;
        tokio::spawn(connection);
        let origin = http::Uri::from_static("http://palisade-signer");
        let mut client = Grpc::with_origin(Channel(sender), origin);
        let called = async {
            client.ready().await.context("the connection was closed; is this user allowed to command?")?;
            let path = http::uri::PathAndQuery::from_static(path);
            anyhow::Ok(client.unary(tonic::Request::new(message), path, ProstCodec::<A, B>::default()).await)
        };
        match tokio::time::timeout(PATIENCE, called).await.context("the signer does not answer")?? {
            Ok(answer) => Ok(Ok(answer.into_inner())),
            Err(status) if is_answer(status.code()) => Ok(Err(status.message().into())),
            Err(status) => {
                anyhow::bail!("the call failed ({}); is this user allowed to command?", status.code())
            }
        }
    })
}

/// Whether the signer itself said no.
fn is_answer(code: tonic::Code) -> bool {
    matches!(
        code,
        tonic::Code::FailedPrecondition | tonic::Code::InvalidArgument | tonic::Code::Unimplemented
    )
}
