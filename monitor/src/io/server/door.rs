//! The door: TLS, tokens and client certificates of the page, read anew whenever the configuration is.

use super::super::http::{TlsError, certificates, pem};
use super::super::secret::{self, SecretError};
use crate::config::{Page, PageTls};
use crate::secret::Secret;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

/// A handshake that takes longer is none.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What stands between the network and the page.
pub struct Door {
    tls: Option<TlsAcceptor>,
    /// Everybody who gets through has shown a certificate.
    pub(super) certified: bool,
    pub(super) admin: Option<Secret>,
    pub(super) view: Option<Secret>,
}

/// Why there is no such door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Certificates or key.
    #[error("[page] tls: {0}")]
    Tls(#[from] TlsError),
    /// A token.
    #[error("[page] token: {0}")]
    Secret(#[from] SecretError),
    /// Too short to resist guessing.
    #[error("[page] {0} has fewer than 16 characters\ntry: openssl rand -hex 32 > token")]
    Weak(&'static str),
}

/// A connection, encrypted or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("tls", &self.tls.is_some()).field("certified", &self.certified).finish()
    }
}

impl Door {
    /// Reads certificates and tokens.
    pub fn open(page: &Page) -> Result<Self, DoorError> {
        let token = |source: &Option<_>, name| match source {
            Some(source) => match secret::read(source)? {
                weak if weak.expose().len() < 16 => Err(DoorError::Weak(name)),
                token => Ok(Some(token)),
            },
            None => Ok(None),
        };
        Ok(Self {
            tls: page.tls.as_ref().map(acceptor).transpose()?,
            certified: page.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()),
            admin: token(&page.admin_token, "admin_token")?,
            view: token(&page.view_token, "view_token")?,
        })
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Shakes hands, and says whether HTTP/2 was agreed on; an error for whoever does not.
    pub(super) async fn welcome(&self, stream: TcpStream) -> std::io::Result<(Box<dyn Duplex>, bool)> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok((Box::new(stream), false)) };
        let Ok(shaken) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await else {
            return Err(std::io::ErrorKind::TimedOut.into());
        };
        let stream = shaken?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Box::new(stream), http2))
    }
}

fn acceptor(tls: &PageTls) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|e| pem(path, &e.to_string()))?)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|e| pem(&tls.key, &e.to_string()))?;
    let mut config = builder.with_single_cert(certificates(&tls.cert)?, key)?;
    // HTTP/2 first: a browser opens no more than six HTTP/1.1 connections, and each tab keeps one for its events.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
