//! A server that speaks TLS: the names in its certificate, and what a node's RPC or REST behind it says.
//!
//! Nothing is trusted: whoever it is, what he gives to strangers is what matters. The names in the certificate are the
//! virtual hosts to ask for, because a proxy seldom serves anything under its bare address.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::way::Stream;
use super::{Options, page};
use crate::live::{Answer, Hidden, State, Tls};

/// Virtual hosts that are asked; a certificate may have hundreds of names.
const HOSTS: usize = 4;
/// What is asked of each: enough to know a node by, and what gives the most away.
const PATHS: &[&str] = &["/status", "/net_info", "/cosmos/base/tendermint/v1beta1/node_info"];

/// Shakes hands, notes the names, and asks for the pages of a node under each.
pub(super) async fn ask(to: SocketAddr, options: &Options, hidden: &[Hidden]) -> (State, Option<Answer>) {
    let stream = match options.way.connect(to, options.connect).await {
        Ok(stream) => stream,
        Err(state) => return (state, None),
    };
    let look = Arc::new(Look { provider: Arc::new(ring::default_provider()), names: Mutex::new(None) });
    let connector = connector(&look);
    let by_address = ServerName::IpAddress(to.ip().into());
    let _ = timeout(options.talk, connector.connect(by_address, stream)).await;
    let Some(names) = look.names.lock().ok().and_then(|mut names| names.take()) else {
        return (State::Open, None);
    };
    let mut pages = Vec::new();
    let hosts = names.iter().filter_map(|name| virtual_host(name)).take(HOSTS);
    let bare = (to.ip().to_string(), ServerName::IpAddress(to.ip().into()));
    for (host, name) in hosts.chain([bare]) {
        for path in PATHS {
            let Some(mut stream) = open(to, &connector, name.clone(), options).await else { break };
            let got = timeout(options.talk, page::get(&mut stream, &host, path, hidden)).await;
            match got {
                // Many sites have a page for whatever they are asked; a node answers in JSON.
                Ok(Some(page)) if page.status == 200 && page.body.trim_start().starts_with('{') => {
                    pages.push(page);
                }
                Ok(Some(_)) => {}
                _ => break,
            }
        }
    }
    (State::Open, Some(Answer::Tls(Tls { names, pages })))
}

async fn open(
    to: SocketAddr,
    connector: &TlsConnector,
    name: ServerName<'static>,
    options: &Options,
) -> Option<TlsStream<Stream>> {
    let stream = options.way.connect(to, options.connect).await.ok()?;
    timeout(options.talk, connector.connect(name, stream)).await.ok()?.ok()
}

/// A name to ask for; of `*.example.com` the host that serves RPC by custom.
fn virtual_host(name: &str) -> Option<(String, ServerName<'static>)> {
    let host = name.strip_prefix("*.").map_or(name.to_owned(), |domain| format!("rpc.{domain}"));
    let server = ServerName::try_from(host.clone()).ok()?;
    Some((host, server))
}

fn connector(look: &Arc<Look>) -> TlsConnector {
    let config = ClientConfig::builder_with_provider(look.provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has every default version")
        .dangerous()
        .with_custom_certificate_verifier(look.clone())
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Notes the names of the first certificate and takes every one.
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
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
