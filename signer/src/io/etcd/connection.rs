//! One connection to one member: TCP, mutual TLS, HTTP/2, and calls on it.

use std::{path::Path, sync::Arc, time::Duration};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    },
};
use tonic::{Code, Request, Status, client::Grpc, codegen::http};
use tonic_prost::ProstCodec;

use crate::{
    config::{ClusterConfig, Endpoint},
    io::{
        grpc::Channel,
        secret_file::{self, SecretFileError},
    },
};

/// A member that does not answer an HTTP/2 ping for so long is given up, also while nothing is asked of it.
const PING: Duration = Duration::from_secs(2);

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The certificate's key.
    #[error(transparent)]
    Key(#[from] SecretFileError),
    /// A certificate file.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// No TCP, or no TLS: the words say which.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// No HTTP/2.
    #[error("{0}")]
    Http(#[from] hyper::Error),
}

/// A connection that calls can be made on. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    client: Grpc<Channel>,
}

/// Reads the certificates as they are now.
pub(crate) fn tls(config: &ClusterConfig) -> Result<Arc<ClientConfig>, ConnectError> {
    let wrong = |path: &Path, why: String| ConnectError::File { path: path.display().to_string(), why };
    let certificates = |path: &Path| {
        let pem = std::fs::read(path).map_err(|error| wrong(path, error.to_string()))?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match read {
            Ok(read) if !read.is_empty() => Ok(read),
            Ok(_) => Err(wrong(path, "there is no certificate in it".into())),
            Err(error) => Err(wrong(path, error.to_string())),
        }
    };
    let mut roots = RootCertStore::empty();
    for root in certificates(&config.ca)? {
        roots.add(root).map_err(|error| wrong(&config.ca, error.to_string()))?;
    }
    let own = certificates(&config.cert)?;
    let pem = secret_file::read(&config.key)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| wrong(&config.key, error.to_string()))?;
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(own, key))
        .map_err(|error| wrong(&config.cert, error.to_string()))?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(tls))
}

// === impl Connection ===

impl Connection {
    /// Connects; bounded in time by whoever waits for it.
    pub(crate) async fn open(endpoint: &Endpoint, tls: Arc<ClientConfig>) -> Result<Self, ConnectError> {
        let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(endpoint.host.clone())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
        let stream = TlsConnector::from(tls).connect(name, stream).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await?;
        // It ends with its last sender, and its errors are theirs.
        tokio::spawn(async move { drop(connection.await) });
        let origin = http::Uri::try_from(endpoint.to_string())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
        Ok(Self { client: Grpc::with_origin(Channel(sender), origin) })
    }

    /// Makes one call. With `leader` a member that knows of no leader says so at once.
    pub(crate) async fn call<A, B>(&self, path: &'static str, message: A, leader: bool) -> Result<B, Status>
    where
        A: Message + Send + Sync + 'static,
        B: Message + Default + Send + Sync + 'static,
    {
        let mut client = self.client.clone();
        let closed = |error: hyper::Error| Status::new(Code::Unavailable, error.to_string());
        client.ready().await.map_err(closed)?;
        let mut request = Request::new(message);
        if leader {
            let yes = tonic::metadata::MetadataValue::from_static("true");
            request.metadata_mut().insert("hasleader", yes);
        }
        let path = http::uri::PathAndQuery::from_static(path);
        Ok(client.unary(request, path, ProstCodec::<A, B>::default()).await?.into_inner())
    }
}
