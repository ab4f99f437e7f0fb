//! TLS 1.3 between signer and cosigners, both sides pinned: raw public keys (RFC 7250), no certificates, no authorities, no dates.
//!
//! Each side has an Ed25519 identity in a private file, and the configuration of the other side names its public half. There
//! is nothing to expire, to revoke or to misread in a chain: a peer with another key does not get past the handshake.
//! Sessions are never resumed, so a key that was taken out of the configuration is out.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use comet::{
    key::{PrivateKey, PublicKey},
    key_file::{self, KeyFileError},
};
use rand_core::OsRng;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    ServerConnection, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    frost::wire,
    io::secret_file::{self, SecretFileError},
};

/// What stands before an Ed25519 public key in a SubjectPublicKeyInfo (RFC 8410).
const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before an Ed25519 seed in PKCS#8 (RFC 8410).
const PRIVATE: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Who this machine is to the others.
pub struct Identity {
    public: PublicKey,
    key: Arc<CertifiedKey>,
}

/// Why there is none.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// Its content.
    #[error("identity: {0}")]
    Content(#[from] KeyFileError),
    /// An expanded key has no seed.
    #[error("identity: the key has no seed")]
    Seedless,
    /// The library.
    #[error("TLS: {0}")]
    Library(#[from] Error),
}

/// A connection on which every read ends at a deadline, also if the peer sends a byte now and then.
pub struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

/// Accepts the owners of these keys and nobody else.
#[derive(Debug)]
struct Pinned {
    keys: Vec<PublicKey>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Makes a new identity file, or reads the one that is there; its public half.
pub fn make_identity(path: &Path) -> Result<PublicKey, TlsError> {
    match secret_file::read(path) {
        Err(error) if error.is_missing() => {
            let key = PrivateKey::generate(&mut OsRng);
            secret_file::create(path, key_file::write_node_key(&key).as_bytes())?;
            Ok(key.public())
        }
        json => Ok(key_file::read_node_key(&json?)?.public()),
    }
}

/// The cosigner's side: only these signers get in.
pub fn server(identity: &Identity, signers: &[PublicKey]) -> Result<Arc<ServerConfig>, TlsError> {
    let (provider, pinned) = provider(signers.to_vec());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(pinned)
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::clone(&identity.key))));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The signer's side: only this cosigner answers there.
pub fn client(identity: &Identity, cosigner: PublicKey) -> Result<Arc<ClientConfig>, TlsError> {
    let (provider, pinned) = provider(vec![cosigner]);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous() // it replaces names and authorities by the pin
        .with_custom_certificate_verifier(pinned)
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::clone(
            &identity.key,
        ))));
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// Whose connection this is, once the handshake is over.
pub fn peer(connection: &ServerConnection) -> Option<PublicKey> {
    let spki = connection.peer_certificates()?.first()?;
    PublicKey::from_bytes(spki.strip_prefix(&PUBLIC[..])?).ok()
}

/// A name for a protocol that wants one; nobody looks at it.
pub fn nobody() -> ServerName<'static> {
    ServerName::try_from("cosigner").expect("a name")
}

/// Writes one frame.
pub fn send(stream: &mut impl Write, message: &impl prost::Message) -> io::Result<()> {
    stream.write_all(&wire::frame(message))?;
    stream.flush()
}

/// Reads one frame.
pub fn receive<M: prost::Message + Default>(stream: &mut impl Read) -> io::Result<M> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut body = vec![0; wire::length(head).ok_or_else(|| invalid("frame too long"))?];
    stream.read_exact(&mut body)?;
    M::decode(&*body).map_err(|_| invalid("not a message of this protocol"))
}

fn provider(keys: Vec<PublicKey>) -> (Arc<CryptoProvider>, Arc<Pinned>) {
    let provider = ring::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    (Arc::new(provider), Arc::new(Pinned { keys, algorithms }))
}

// === impl Identity ===

impl Identity {
    /// Reads an identity file.
    pub fn open(path: &Path) -> Result<Self, TlsError> {
        Self::of(&key_file::read_node_key(&secret_file::read(path)?)?)
    }

    /// The identity with this key.
    pub fn of(key: &PrivateKey) -> Result<Self, TlsError> {
        let both = key.to_seed_and_public().ok_or(TlsError::Seedless)?;
        let pkcs8 = Zeroizing::new([&PRIVATE[..], &both[..32]].concat());
        let signing = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()))?;
        let public = key.public();
        let spki = [&PUBLIC[..], public.as_bytes()].concat();
        Ok(Self { public, key: Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signing)) })
    }

    /// What the other side's configuration names.
    pub fn public(&self) -> PublicKey {
        self.public
    }
}

// === impl Timed ===

impl Timed {
    /// A connection with this deadline for now.
    pub fn new(stream: TcpStream, deadline: Instant) -> Self {
        Self { stream, deadline }
    }

    /// Another deadline from now on.
    pub fn until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

// === impl Pinned ===

impl Pinned {
    fn is_one(&self, spki: &CertificateDer<'_>) -> Result<(), Error> {
        let key = spki.strip_prefix(&PUBLIC[..]);
        let known = key.is_some_and(|key| self.keys.iter().any(|pinned| pinned.as_bytes()[..] == *key));
        if known { Ok(()) } else { Err(CertificateError::ApplicationVerificationFailure.into()) }
    }

    fn signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = SubjectPublicKeyInfoDer::from(spki.as_ref());
        verify_tls13_signature_with_raw_key(message, &spki, signature, &self.algorithms)
    }
}

const OLD: &str = "TLS 1.2 is not spoken here";

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        spki: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.is_one(spki).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General(OLD.into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        spki: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.is_one(spki).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General(OLD.into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
