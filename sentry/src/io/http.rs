//! The HTTP client of `watch`, for the fleet's own nodes and for Alertmanagers: TLS, a deadline for the whole exchange, a limit
//! for the answer. Deliberately absent: redirects (a token would follow them) and proxies. The probe of strangers has its own
//! client, which trusts nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// A client with its connections; clones share them.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}\ntry: a PEM file of certificates that this user can read")]
pub struct CaError {
    path: PathBuf,
    reason: String,
}

/// Why there is no answer, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HttpFailure(String);

impl Http {
    /// A client that trusts the authorities of this PEM file, or else the system's.
    ///
    /// # Errors
    /// There is no certificate in the file.
    pub fn new(ca: Option<&Path>) -> Result<Self, CaError> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(path) => {
                let wrong = |reason: String| CaError { path: path.to_owned(), reason };
                let read = CertificateDer::pem_file_iter(path).map_err(|e| wrong(e.to_string()))?;
                for certificate in read {
                    let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
                    roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(wrong("there is no certificate in it".to_owned()));
                }
            }
            // Without any root every https:// fails with words that say so; http:// goes on working.
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has every default version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// One exchange, ended after `deadline` whatever the other side does; status and body, at most `largest` bytes of it.
    ///
    /// # Errors
    /// There is no answer, or it is too late or too large.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Duration,
        largest: usize,
    ) -> Result<(u16, Bytes), HttpFailure> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|e| HttpFailure(causes(&e)))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), largest).collect().await;
            let body = body.map_err(|e| HttpFailure(causes(&*e)))?;
            Ok((status, body.to_bytes()))
        };
        let late = |_| HttpFailure(format!("no answer within {} s", deadline.as_secs()));
        tokio::time::timeout(deadline, exchange).await.map_err(late)?
    }

    /// The body of a GET that was answered with 200.
    ///
    /// # Errors
    /// There is no such answer.
    pub async fn get(&self, url: &str, deadline: Duration, largest: usize) -> Result<String, HttpFailure> {
        let request = Request::get(url).body(Full::default()).map_err(|e| HttpFailure(e.to_string()))?;
        match self.send(request, deadline, largest).await? {
            (200, body) => Ok(String::from_utf8_lossy(&body).into_owned()),
            (status, _) => Err(HttpFailure(format!("status {status}"))),
        }
    }
}

/// The whole chain of causes: hyper's own words alone say nothing.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
