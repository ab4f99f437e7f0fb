//! libp2p's identify over QUIC: who the node is, and which addresses it tells whoever asks.
//!
//! TLS 1.3 inside QUIC with libp2p's certificates on both sides: ours is made for the one connection, with the probe's usual key in
//! it. One stream, one question, and the end; no other protocol is spoken, and nothing that the node asks is answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comet::key::PublicKey;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, VarInt};
use rcgen::{CertificateParams, CustomExtension, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use tokio::time::timeout;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, DigitallySignedStruct, Error, SignatureScheme};

use super::Options;
use crate::live::identify::{ED25519, Identity, SIGNED, signed_key};

/// Bytes of the answer; an honest one has some hundreds.
const BYTES: usize = 64 * 1024;
/// Two lines of multistream-select, each with its length before it.
const ASK: &[u8] = b"\x13/multistream/1.0.0\n\x0f/ipfs/id/1.0.0\n";

/// Asks; nothing where no libp2p answers.
pub(super) async fn ask(to: SocketAddr, options: &Options) -> Option<Identity> {
    let look = Arc::new(Look { provider: Arc::new(ring::default_provider()), key: Mutex::new(None) });
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let endpoint = Endpoint::client(any).ok()?;
    let config = config(&look, options)?;
    let connecting = endpoint.connect_with(config, to, "libp2p").ok()?;
    let connection = timeout(options.connect, connecting).await.ok()?.ok()?;
    let said = timeout(options.talk, talk(&connection)).await.ok().flatten();
    connection.close(VarInt::from_u32(0), b"");
    let _ = timeout(Duration::from_millis(500), endpoint.wait_idle()).await;
    let key = look.key.lock().ok().and_then(|key| *key)?;
    Identity::new(&key, said.as_deref())
}

async fn talk(connection: &Connection) -> Option<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await.ok()?;
    send.write_all(ASK).await.ok()?;
    for wanted in [&b"/multistream/1.0.0\n"[..], b"/ipfs/id/1.0.0\n"] {
        if delimited(&mut receive).await? != wanted {
            return None;
        }
    }
    delimited(&mut receive).await
}

/// A message with its length before it.
async fn delimited(receive: &mut RecvStream) -> Option<Vec<u8>> {
    let (mut length, mut shift) = (0usize, 0);
    loop {
        let mut byte = [0];
        receive.read_exact(&mut byte).await.ok()?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
        if shift > 21 {
            return None;
        }
    }
    if length > BYTES {
        return None;
    }
    let mut message = vec![0; length];
    receive.read_exact(&mut message).await.ok()?;
    Some(message)
}

fn config(look: &Arc<Look>, options: &Options) -> Option<ClientConfig> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).ok()?;
    let key = options.key();
    let signature = key.sign(&[SIGNED, &pair.subject_public_key_info()].concat());
    let (public, length) = (key.public(), 2 + 36 + 2 + 64);
    let mut signed = vec![0x30, length, 0x04, 36];
    signed.extend(ED25519);
    signed.extend(public.as_bytes());
    signed.extend([0x04, 64]);
    signed.extend(signature);
    let mut params = CertificateParams::default();
    params.custom_extensions =
        vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 53594, 1, 1], signed)];
    let certificate = params.self_signed(&pair).ok()?;
    let mut tls = rustls::ClientConfig::builder_with_provider(look.provider.clone())
        .with_protocol_versions(&[&TLS13])
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(look.clone())
        .with_client_auth_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(pair.serialize_der()).into(),
        )
        .ok()?;
    tls.alpn_protocols = vec![b"libp2p".to_vec()];
    Some(ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).ok()?)))
}

/// Takes whoever proves the key that his certificate names.
#[derive(Debug)]
struct Look {
    provider: Arc<CryptoProvider>,
    key: Mutex<Option<[u8; 32]>>,
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
        let bad = || Error::General("no certificate of libp2p".to_owned());
        let (key, signature) = signed_key(certificate).ok_or_else(bad)?;
        let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|_| bad())?;
        let info = parsed.subject_public_key_info();
        let public = PublicKey::from_bytes(&key).map_err(|_| bad())?;
        if !public.verify(&[SIGNED, &info].concat(), signature) {
            return Err(bad());
        }
        if let Ok(mut slot) = self.key.lock() {
            *slot = Some(key);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("QUIC has no TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
