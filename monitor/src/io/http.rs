//! The one HTTP client of the monitor, for nodes and for those who are told of alerts: TLS, a deadline for the whole
//! exchange, a limit for the answer. Deliberately absent: redirects (a token would follow them) and proxies.

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Whom to trust and who to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// PEM file of the authorities to trust; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// PEM files of an own certificate chain and its key, for servers that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of certificates or a key cannot be read.
    #[error("{path}: {reason}\ntry: a PEM file that this user can read")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not belong together, or are of an unknown kind.
    #[error("TLS: {0}\ntry: check that certificate and key belong together")]
    Refused(#[from] tokio_rustls::rustls::Error),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpFailure {
    /// No connection, or it broke.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Silence, or a drip.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// More than anybody needs.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A client with its connections; clones share them, so one serves all endpoints that trust the same authorities.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    tls: Arc<ClientConfig>,
}

impl Http {
    /// A client; reads the files of `tls`.
    pub fn new(tls: &Tls) -> Result<Self, TlsError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = client_config(tls)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), tls: Arc::new(tls) })
    }

    /// What it trusts and is, for what speaks something else than HTTP/1 over TLS.
    pub fn tls(&self) -> &Arc<ClientConfig> {
        &self.tls
    }

    /// One exchange, ended after `deadline` whatever the other side does, with an answer of at most `largest` bytes.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Duration,
        largest: usize,
    ) -> Result<Answer, HttpFailure> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|e| unreachable(&e))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, largest).collect().await.map_err(|error| match error
                .downcast_ref::<LengthLimitError>(
            ) {
                Some(_) => HttpFailure::TooLarge(largest),
                None => unreachable(&*error),
            })?;
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(deadline, exchange).await.map_err(|_| HttpFailure::Timeout(deadline))?
    }
}

/// The rustls configuration of a client that trusts and is what `tls` says; for the websocket as well.
pub fn client_config(tls: &Tls) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        // Without any root every https:// fails with words that say so; http:// goes on working.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match &tls.identity {
        Some((chain, key)) => {
            let bad = |e: tokio_rustls::rustls::pki_types::pem::Error| pem(key, &e.to_string());
            let key = PrivateKeyDer::from_pem_file(key).map_err(bad)?;
            Ok(builder.with_client_auth_cert(certificates(chain)?, key)?)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|e| pem(path, &e.to_string()))?;
    let found: Result<Vec<_>, _> = read.collect();
    let found = found.map_err(|e| pem(path, &e.to_string()))?;
    if found.is_empty() { Err(pem(path, "there is no certificate in it")) } else { Ok(found) }
}

pub(super) fn pem(path: &Path, reason: &str) -> TlsError {
    TlsError::Pem { path: path.into(), reason: reason.into() }
}

/// The whole chain of causes: hyper's own words alone say nothing.
fn unreachable(error: &dyn std::error::Error) -> HttpFailure {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    HttpFailure::Unreachable(text)
}
