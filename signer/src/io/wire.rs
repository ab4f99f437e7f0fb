//! Bytes to and from a node: through a SecretConnection on `tcp://`, Noise on `noise://`, plain on `unix://`.

use std::{
    io::{self, Read as _, Write as _},
    time::{Duration, Instant},
};

use comet::{
    key::PrivateKey,
    noise::{self, NoiseError, PeerId},
    secret::{self, Dialect, HandshakeError},
};
use rand_core::{OsRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::io::dial::Stream;

/// How long the whole handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(5);
/// Silence after which a node counts as gone; it pings every 3.3 s.
pub const SILENCE: Duration = Duration::from_secs(12);
/// How long a node over Noise may take to say that it expects another signer: it hangs up right after the handshake.
const VERDICT: Duration = Duration::from_secs(1);
/// Bytes read at once; a request with its frame around it has about 1,044.
const BUFFER: usize = 16 * 1024;

/// An open connection.
pub struct Wire {
    stream: Stream,
    crypt: Option<Crypt>,
    buffer: Box<[u8]>,
}

/// What is between the socket and the data. Both have the same verbs.
enum Crypt {
    Secret(Box<secret::Driver>),
    Noise(Box<noise::Driver>),
}

/// Why a connection ended.
#[derive(Debug, Error)]
pub enum WireError {
    /// The node closed it.
    #[error("closed by the node")]
    Closed,
    /// Nothing came for too long.
    #[error("the node is silent")]
    Silent,
    /// The socket failed.
    #[error(transparent)]
    Io(io::Error),
    /// The node is of another line than the configuration says.
    #[error("the node speaks {}; try: {}", .0.spoken_by(), match .0 {
        Dialect::Amino => "protocol = \"0.33\" beside its addr in nodes",
        Dialect::Proto => "its address in nodes without protocol = \"0.33\"",
    })]
    OtherDialect(Dialect),
    /// Handshake or encryption failed.
    #[error(transparent)]
    Secret(HandshakeError),
    /// The node has another key than the configuration says.
    #[error(
        "the node is {got}, not {expected}; try: the node's own peer id (palisade-signer peer-id --node-key node_key.json on \
         its host), if the node is the right one"
    )]
    OtherNode {
        /// By the configuration.
        expected: PeerId,
        /// By its own proof.
        got: PeerId,
    },
    /// The node closed the link when it knew who we are.
    #[error(
        "the node hung up when it saw this signer's identity; try: priv_validator_laddr = \"noise://{0}@IP:PORT\" in the \
         node's config.toml"
    )]
    Unwelcome(PeerId),
    /// Noise failed.
    #[error(transparent)]
    Noise(NoiseError),
}

// === impl Wire ===

impl Wire {
    /// A connection without encryption.
    pub fn plain(stream: Stream) -> Result<Self, WireError> {
        stream.set_read_timeout(SILENCE)?;
        Ok(Self { stream, crypt: None, buffer: vec![0; BUFFER].into() })
    }

    /// SecretConnection as `identity`, all of its handshake within [`HANDSHAKE`].
    pub fn secret(stream: Stream, dialect: Dialect, identity: PrivateKey) -> Result<Self, WireError> {
        let driver = secret::Driver::start_in(dialect, identity, random());
        Self::shake_hands(stream, Crypt::Secret(driver.into()))
    }

    /// Noise as `identity` with the node `expected`, all of its handshake within [`HANDSHAKE`].
    pub fn noise(stream: Stream, expected: PeerId, identity: PrivateKey) -> Result<Self, WireError> {
        let us = PeerId::of(&identity.public());
        let secrets = noise::Secrets { ephemeral: random(), fixed: random() };
        let driver = noise::Driver::dial(identity, expected, secrets)?;
        let mut wire = Self::shake_hands(stream, Crypt::Noise(driver.into()))?;
        wire.stream.set_read_timeout(VERDICT)?;
        match wire.read() {
            // It is here already, or it has nothing to ask yet.
            Ok(got) => wire.take_in(got)?,
            Err(WireError::Silent) => {}
            Err(_) => return Err(WireError::Unwelcome(us)),
        }
        wire.stream.set_read_timeout(SILENCE)?;
        Ok(wire)
    }

    fn shake_hands(stream: Stream, mut crypt: Crypt) -> Result<Self, WireError> {
        let deadline = Instant::now() + HANDSHAKE;
        let mut wire = Self { stream, crypt: None, buffer: vec![0; BUFFER].into() };
        loop {
            wire.stream.write_all(&crypt.take_outgoing())?;
            if crypt.is_established() {
                break;
            }
            let left = deadline.checked_duration_since(Instant::now()).ok_or(WireError::Silent)?;
            wire.stream.set_read_timeout(left)?;
            let got = wire.read()?;
            crypt.receive(&wire.buffer[..got])?;
        }
        wire.stream.set_read_timeout(SILENCE)?;
        wire.crypt = Some(crypt);
        Ok(wire)
    }

    /// Waits for data and hands it to `take`, at most [`SILENCE`] long.
    pub fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), WireError> {
        loop {
            if let Some(crypt) = &mut self.crypt {
                // Also what came along with the handshake.
                let data = crypt.take_incoming();
                if !data.is_empty() {
                    take(&data);
                    return Ok(());
                }
            }
            let got = self.read()?;
            if self.crypt.is_none() {
                take(&self.buffer[..got]);
                return Ok(());
            }
            self.take_in(got)?;
        }
    }

    /// Sends data in one write.
    pub fn send(&mut self, data: &[u8]) -> Result<(), WireError> {
        match &mut self.crypt {
            None => self.stream.write_all(data)?,
            Some(crypt) => {
                crypt.send(data)?;
                self.stream.write_all(&crypt.take_outgoing())?;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, got: usize) -> Result<(), WireError> {
        match &mut self.crypt {
            Some(crypt) => crypt.receive(&self.buffer[..got]),
            None => Ok(()),
        }
    }

    fn read(&mut self) -> Result<usize, WireError> {
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(WireError::Closed),
                Ok(got) => return Ok(got),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn random() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(&mut *bytes);
    bytes
}

// === impl Crypt ===

impl Crypt {
    fn is_established(&self) -> bool {
        match self {
            Self::Secret(driver) => driver.is_established(),
            Self::Noise(driver) => driver.is_established(),
        }
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        match self {
            Self::Secret(driver) => Ok(driver.receive(bytes)?),
            Self::Noise(driver) => Ok(driver.receive(bytes)?),
        }
    }

    fn send(&mut self, data: &[u8]) -> Result<(), WireError> {
        match self {
            Self::Secret(driver) => Ok(driver.send(data)?),
            Self::Noise(driver) => Ok(driver.send(data)?),
        }
    }

    fn take_outgoing(&mut self) -> Vec<u8> {
        match self {
            Self::Secret(driver) => driver.take_outgoing(),
            Self::Noise(driver) => driver.take_outgoing(),
        }
    }

    fn take_incoming(&mut self) -> Vec<u8> {
        match self {
            Self::Secret(driver) => driver.take_incoming(),
            Self::Noise(driver) => driver.take_incoming(),
        }
    }
}

// === impl WireError ===

impl From<NoiseError> for WireError {
    fn from(error: NoiseError) -> Self {
        match error {
            NoiseError::OtherPeer { expected, got } => Self::OtherNode { expected, got },
            error => Self::Noise(error),
        }
    }
}

impl From<HandshakeError> for WireError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Dialect { peer, .. } => Self::OtherDialect(peer),
            error => Self::Secret(error),
        }
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silent,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}
