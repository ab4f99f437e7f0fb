//! The names in a server's certificate. Nothing is trusted and nothing is sent over TLS: looking is all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::Options;
use crate::live::{Answer, State};

/// Shakes hands until the certificate is there, and then refuses it.
pub(super) async fn ask(to: SocketAddr, options: &Options) -> (State, Option<Answer>) {
    let stream = match options.way.connect(to, options.connect).await {
        Ok(stream) => stream,
        Err(state) => return (state, None),
    };
    let look = Arc::new(Look { provider: Arc::new(ring::default_provider()), names: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(look.provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has every default version")
        .dangerous()
        .with_custom_certificate_verifier(look.clone())
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let _ = timeout(options.talk, connector.connect(ServerName::IpAddress(to.ip().into()), stream)).await;
    let names = look.names.lock().ok().and_then(|mut names| names.take());
    (State::Open, names.map(Answer::Certificate))
}

/// Notes the names and refuses the certificate, so that no session ever comes of it.
#[derive(Debug)]
struct Look {
    provider: Arc<CryptoProvider>,
    names: Mutex<Option<Vec<String>>>,
}

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let names = webpki::EndEntityCert::try_from(certificate)
            .map(|parsed| parsed.valid_dns_names().take(200).map(str::to_owned).collect())
            .unwrap_or_default();
        if let Ok(mut slot) = self.names.lock() {
            *slot = Some(names);
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
