//! A node's end of the wire to a remote signer: listen, accept, encrypt (tcp) or not (unix), frame.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use comet::frame::{self, Decoder, FrameError, MAX_TO_NODE};
use comet::key::PrivateKey;
use comet::privval::{Message, Sum};
use comet::secret::{Driver, HandshakeError};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::timeout;

/// A node waits so long for any one thing.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A `priv_validator_laddr`.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// A connected signer.
pub(super) struct Link {
    stream: Box<dyn Stream>,
    secret: Option<Driver>,
    decoder: Decoder,
}

#[derive(Debug, Error)]
pub(super) enum LinkError {
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    #[error("the signer closed the connection")]
    Closed,
    #[error("no answer within 5 s")]
    Timeout,
    #[error("secret connection: {0}")]
    Secret(#[from] HandshakeError),
    #[error("frame: {0}")]
    Frame(#[from] FrameError),
    #[error("message: {0}")]
    Decode(#[from] prost::DecodeError),
    #[error("message of an unknown type")]
    Unknown,
}

// === impl Listener ===

impl Listener {
    /// Binds `tcp://host:port` (port 0 takes a free one) or `unix:///path`, where a stale socket file is replaced.
    pub(super) async fn bind(address: &str) -> io::Result<Self> {
        if let Some(path) = address.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            if path.exists() {
                std::fs::remove_file(&path)?;
            }
            return Ok(Self::Unix(UnixListener::bind(&path)?, path));
        }
        match address.strip_prefix("tcp://") {
            Some(host) => Ok(Self::Tcp(TcpListener::bind(host).await?)),
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither tcp:// nor unix://")),
        }
    }

    /// The address to dial.
    pub(super) fn address(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => Ok(format!("tcp://{}", listener.local_addr()?)),
            Self::Unix(_, path) => Ok(format!("unix://{}", path.display())),
        }
    }

    /// Takes the next connection; only the encrypted kind gets a handshake.
    pub(super) async fn accept(&self) -> io::Result<Raw> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Raw { stream: Box::new(stream), encrypted: true })
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok(Raw { stream: Box::new(stream), encrypted: false })
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Gone already is as good.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// An accepted connection before its handshake.
pub(super) struct Raw {
    stream: Box<dyn Stream>,
    encrypted: bool,
}

// === impl Link ===

impl Link {
    /// Shakes hands as the node `identity`, within [`PATIENCE`].
    pub(super) async fn open(raw: Raw, identity: PrivateKey) -> Result<Self, LinkError> {
        let mut ephemeral = [0; 32];
        OsRng.fill_bytes(&mut ephemeral);
        let secret = raw.encrypted.then(|| Driver::start(identity, ephemeral.into()));
        let mut link = Self { stream: raw.stream, secret, decoder: Decoder::new(MAX_TO_NODE) };
        timeout(PATIENCE, link.handshake()).await.map_err(|_| LinkError::Timeout)??;
        Ok(link)
    }

    async fn handshake(&mut self) -> Result<(), LinkError> {
        while self.secret.as_ref().is_some_and(|s| !s.is_established()) {
            self.flush().await?;
            self.fill().await?;
        }
        self.flush().await
    }

    /// Sends one request and waits for its answer.
    pub(super) async fn exchange(&mut self, request: Sum) -> Result<Sum, LinkError> {
        timeout(PATIENCE, self.round_trip(request)).await.map_err(|_| LinkError::Timeout)?
    }

    async fn round_trip(&mut self, request: Sum) -> Result<Sum, LinkError> {
        let bytes = frame::encode(&Message::of(request));
        match &mut self.secret {
            Some(secret) => {
                secret.send(&bytes)?;
                self.flush().await?;
            }
            None => self.stream.write_all(&bytes).await?,
        }
        loop {
            if let Some(body) = self.decoder.next()? {
                return Message::from_body(body)?.sum.ok_or(LinkError::Unknown);
            }
            self.fill().await?;
        }
    }

    async fn flush(&mut self) -> Result<(), LinkError> {
        let bytes = self.secret.as_mut().map(Driver::take_outgoing).unwrap_or_default();
        Ok(self.stream.write_all(&bytes).await?)
    }

    async fn fill(&mut self) -> Result<(), LinkError> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(LinkError::Closed);
        }
        match &mut self.secret {
            Some(secret) => {
                secret.receive(&buffer[..count])?;
                self.decoder.push(&secret.take_incoming());
            }
            None => self.decoder.push(&buffer[..count]),
        }
        Ok(())
    }
}
